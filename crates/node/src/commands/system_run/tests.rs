use std::{ffi::OsString, path::Path};

use proptest::prelude::*;

use super::*;
use crate::exec::policy::Security;

struct Place {
    home: tempfile::TempDir,
    command: Run,
}

fn place(security: Security) -> Place {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("exec-approvals.json");
    let variables =
        [("PATH", "/usr/bin:/bin"), ("OPENCLAW_GATEWAY_TOKEN", "s3cret"), ("TERM", "xterm"), ("FOO", "ours")];
    let variables = variables.map(|(name, value)| (OsString::from(name), OsString::from(value))).to_vec();
    let machine = Arc::new(Machine::new(variables, home.path(), &path, None));
    let mut policy = Policy::load(&path).unwrap();
    policy.set_security(security).unwrap();
    policy.save(home.path()).unwrap();
    Place { home, command: Run::new(machine) }
}

impl Place {
    async fn run(&self, params: Value) -> Result<Answer, NodeFailure> {
        self.command.run(Invocation::new(Some(params), Dialect::V4)).await
    }

    async fn stdout(&self, params: Value) -> String {
        self.run(params).await.unwrap().payload["stdout"].as_str().unwrap().to_owned()
    }

    async fn refusal(&self, params: Value) -> String {
        let failure = self.run(params).await.unwrap_err();
        format!("{}|{}", failure.code, failure.message)
    }
}

#[tokio::test]
async fn a_command_runs_and_its_end_is_told() {
    let place = place(Security::Full);
    let params = json!({"command": ["/bin/sh", "-c", "echo out; echo err >&2; exit 3"], "runId": "r1", "sessionKey": "s1",
        "suppressNotifyOnExit": true});
    let answer = place.run(params).await.unwrap();
    let expected = json!({"exitCode": 3, "timedOut": false, "success": false, "stdout": "out\n", "stderr": "err\n", "error": null});
    assert_eq!(answer.payload, expected);
    let event = json!({"sessionKey": "s1", "runId": "r1", "host": "node", "command": "echo out; echo err >&2; exit 3",
        "exitCode": 3, "timedOut": false, "success": false, "output": "out\n\nerr", "suppressNotifyOnExit": true});
    assert_eq!(answer.events, [NodeEvent { name: "exec.finished", payload: event }]);
}

#[tokio::test]
async fn a_denial_has_the_code_of_the_dialect_and_is_told() {
    let place = place(Security::Allowlist);
    for (dialect, code) in [(Dialect::V3, "UNAVAILABLE"), (Dialect::V4, "SYSTEM_RUN_DENIED")] {
        let params = json!({"command": ["/bin/echo", "x"], "runId": "r1"});
        let failure = place.command.run(Invocation::new(Some(params), dialect)).await.unwrap_err();
        assert_eq!(failure.code, code);
        assert!(failure.message.starts_with("SYSTEM_RUN_DENIED: allowlist miss"));
        let event = json!({"sessionKey": "node", "runId": "r1", "host": "node", "command": "/bin/echo x", "reason": "allowlist-miss"});
        assert_eq!(failure.events, [NodeEvent { name: "exec.denied", payload: event }]);
    }
}

#[tokio::test]
async fn sec_086_what_a_gateway_claims_to_be_approved_does_not_run() {
    let place = place(Security::Allowlist);
    let claimed =
        json!({"command": ["/bin/echo", "x"], "approved": true, "approvalDecision": "allow-always", "runId": "r"});
    assert!(place.refusal(claimed).await.starts_with("SYSTEM_RUN_DENIED|SYSTEM_RUN_DENIED: allowlist miss"));
}

#[tokio::test]
async fn params_that_cannot_be_used_are_refused_in_the_words_of_the_reference() {
    let place = place(Security::Full);
    assert_eq!(place.refusal(json!({})).await, "INVALID_REQUEST|command required");
    assert_eq!(place.refusal(json!({"command": []})).await, "INVALID_REQUEST|command required");
    assert_eq!(place.refusal(Value::Null).await, "INVALID_REQUEST|Error: INVALID_REQUEST: paramsJSON required");
    assert_eq!(
        place.refusal(json!({"command": ["ls"], "rawCommand": "rm"})).await,
        "INVALID_REQUEST|INVALID_REQUEST: rawCommand does not match command"
    );
    assert!(place.refusal(json!({"command": "ls"})).await.starts_with("INVALID_REQUEST|Error: INVALID_REQUEST: "));
    assert!(place.refusal(json!([])).await.starts_with("INVALID_REQUEST|"));
    assert_eq!(
        place.refusal(json!({"command": ["ls"], "needsScreenRecording": true})).await,
        "SYSTEM_RUN_DENIED|PERMISSION_MISSING: screenRecording"
    );
    let nowhere = json!({"command": ["ls"], "cwd": "/nonexistent"});
    assert!(place.refusal(nowhere).await.ends_with("working directory does not exist or is inaccessible"));
}

#[tokio::test]
async fn sec_110_refused_overrides_stop_the_run() {
    let place = place(Security::Full);
    let params =
        json!({"command": ["/usr/bin/env"], "env": {"ld_preload": "/x.so", "PATH": "/evil", "FINE": "1", "a-b": "2"}});
    assert_eq!(
        place.refusal(params).await,
        "SYSTEM_RUN_DENIED|SYSTEM_RUN_DENIED: environment override rejected (blocked override keys: PATH, ld_preload; \
         invalid non-portable override keys: a-b)"
    );
    let assigned = json!({"command": ["env", "BASH_ENV=/x", "bash", "-c", "true"]});
    assert!(
        place.refusal(assigned).await.contains("command env assignment rejected (blocked override keys: BASH_ENV)")
    );
}

#[tokio::test]
async fn sec_111_and_112_a_child_sees_neither_secrets_nor_what_a_shell_must_not_get() {
    let place = place(Security::Full);
    let direct = place.stdout(json!({"command": ["/usr/bin/env"], "env": {"FOO": "1", "TERM": "dumb"}})).await;
    assert!(
        direct.contains("FOO=1\n") && direct.contains("TERM=dumb\n") && direct.contains("OPENCLAW_CLI=1\n"),
        "{direct}"
    );
    assert!(!direct.contains("s3cret"));
    let shell = place.stdout(json!({"command": ["sh", "-c", "env"], "env": {"FOO": "1", "TERM": "dumb"}})).await;
    assert!(!shell.contains("FOO=") && shell.contains("TERM=dumb\n"), "{shell}");
}

#[tokio::test]
async fn a_command_runs_in_its_folder_and_in_its_time() {
    let place = place(Security::Full);
    let real = place.home.path().canonicalize().unwrap();
    let pwd = place.stdout(json!({"command": ["/bin/pwd"], "cwd": place.home.path()})).await;
    assert_eq!(Path::new(pwd.trim()), real);
    let late = place.run(json!({"command": ["/bin/sleep", "60"], "timeoutMs": 50})).await.unwrap().payload;
    assert_eq!((&late["timedOut"], &late["success"], late.get("exitCode")), (&true.into(), &false.into(), None));
}

#[test]
fn the_end_of_long_output_is_told() {
    let text = format!("{}é", "x".repeat(EVENT_OUTPUT_CHARS));
    let cut = tail(&text);
    assert_eq!(cut.chars().count(), EVENT_OUTPUT_CHARS + "... (truncated) ".len());
    assert!(cut.starts_with("... (truncated) x") && cut.ends_with('é'));
    assert_eq!(tail("short"), "short");
}

fn names() -> impl Strategy<Value = String> {
    prop_oneof![
        Just("LD_PRELOAD"),
        Just("DYLD_INSERT_LIBRARIES"),
        Just("BASH_ENV"),
        Just("NODE_OPTIONS"),
        Just("PATH"),
        Just("GIT_SSH"),
        Just("OPENCLAW_GATEWAY_TOKEN"),
        Just("NPM_CONFIG_PREFIX"),
        Just("PYTHONPATH"),
        Just("IFS"),
        Just("PERL5OPT"),
    ]
    .prop_flat_map(|name| {
        prop::collection::vec(any::<bool>(), name.len()).prop_map(move |lower| {
            let cased = name.chars().zip(lower).map(|(c, lower)| if lower { c.to_ascii_lowercase() } else { c });
            cased.collect()
        })
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn sec_110_blocked_names_never_reach_the_child(name in names()) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let place = place(Security::Full);
        runtime.block_on(async {
            for command in [json!(["/usr/bin/env"]), json!(["sh", "-c", "env"])] {
                let mut env = serde_json::Map::new();
                env.insert(name.clone(), "canary".into());
                let seen = match place.run(json!({"command": command, "env": env})).await {
                    Ok(answer) => answer.payload["stdout"].to_string(),
                    Err(_) => String::new(),
                };
                prop_assert!(!seen.contains("canary"), "{}", seen);
            }
            Ok(())
        })?;
    }
}
