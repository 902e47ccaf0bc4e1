use std::{ffi::OsString, fs, os::unix::fs::PermissionsExt};

use super::*;
use crate::exec::policy::document::Document;

/// A machine with the programs `tool`, `other` and `python3` in a folder of its own, and the system's.
struct Place {
    folder: tempfile::TempDir,
    machine: Machine,
}

fn place() -> Place {
    let folder = tempfile::tempdir().unwrap();
    let bin = folder.path().canonicalize().unwrap().join("bin");
    fs::create_dir(&bin).unwrap();
    for name in ["tool", "other", "python3"] {
        fs::copy("/bin/true", bin.join(name)).unwrap();
        fs::set_permissions(bin.join(name), fs::Permissions::from_mode(0o755)).unwrap();
    }
    let path = format!("{}:/usr/bin:/bin", bin.display());
    let variables = vec![(OsString::from("PATH"), OsString::from(path))];
    let machine = Machine::new(variables, folder.path(), &folder.path().join("exec-approvals.json"), None);
    Place { folder, machine }
}

impl Place {
    fn bin(&self, name: &str) -> String {
        self.folder.path().canonicalize().unwrap().join("bin").join(name).to_str().unwrap().to_owned()
    }

    fn policy(&self, security: &str, patterns: &[&str]) -> Policy {
        let list: Vec<_> = patterns.iter().map(|pattern| serde_json::json!({"pattern": pattern})).collect();
        self.policy_of(&serde_json::json!({
            "version": 1, "defaults": {"security": security}, "agents": {"*": {"allowlist": list}},
        }))
    }

    fn policy_of(&self, value: &serde_json::Value) -> Policy {
        let mut policy = Policy::load(&self.machine.policy_path).unwrap();
        policy.replace(Document::parse(&value.to_string()).unwrap());
        policy
    }

    fn decide(&self, policy: &Policy, argv: &[&str]) -> Result<Launch, Denial> {
        let argv: Vec<String> = argv.iter().map(|word| (*word).to_owned()).collect();
        let analysis = analysis::analyse(&argv);
        decide(policy, &analysis, Request { argv: &argv, cwd: Some(self.folder.path()), agent: "main" }, &self.machine)
    }

    fn allows(&self, patterns: &[&str], argv: &[&str]) -> Launch {
        self.decide(&self.policy("allowlist", patterns), argv).unwrap_or_else(|denial| panic!("{argv:?}: {denial:?}"))
    }

    fn misses(&self, patterns: &[&str], argv: &[&str]) -> String {
        match self.decide(&self.policy("allowlist", patterns), argv) {
            Ok(launch) => panic!("{argv:?} may run as {launch:?}"),
            Err(denial) => {
                assert_eq!(denial.reason, "allowlist-miss", "{argv:?}");
                assert!(denial.message.starts_with("SYSTEM_RUN_DENIED: allowlist miss"), "{}", denial.message);
                denial.message
            }
        }
    }
}

#[test]
fn a_miss_says_which_command_allows_it() {
    let place = place();
    let path = place.bin("tool");
    assert_eq!(
        place.misses(&[], &["tool", "x"]),
        format!(
            "SYSTEM_RUN_DENIED: allowlist miss — allow it on that machine with: openclaw approvals allowlist add \"{path}\"  \
             (or everything: openclaw node policy full)"
        )
    );
    place.allows(&[&path], &["tool", "x"]);
}

#[test]
fn deny_runs_nothing_and_full_runs_everything() {
    let place = place();
    let denied = place.decide(&place.policy("deny", &["*"]), &["tool"]).unwrap_err();
    assert_eq!(denied.reason, "security=deny");
    assert!(denied.message.starts_with("SYSTEM_RUN_DISABLED: security=deny"));
    let full = place.policy("full", &[]);
    let script = ["/bin/sh", "-c", "echo $HOME > x"];
    let launch = place.decide(&full, &script).unwrap();
    assert_eq!(launch.arguments, script[1..]);
    assert_eq!(place.decide(&full, &["nosuchprogram"]).unwrap().path, Path::new("nosuchprogram"));
}

#[test]
fn a_policy_that_asks_every_time_denies_while_nobody_can_be_asked() {
    let place = place();
    let policy = place.policy_of(&serde_json::json!({"version": 1, "defaults": {"security": "full", "ask": "always"}}));
    let denied = place.decide(&policy, &["tool"]).unwrap_err();
    assert_eq!(denied.reason, "approval-required");
    assert!(denied.message.starts_with("SYSTEM_RUN_DENIED: approval required"));
}

#[test]
fn sec_098_a_policy_that_cannot_be_read_denies_everything() {
    let place = place();
    fs::File::create(&place.machine.policy_path).unwrap();
    let policy = Policy::load(&place.machine.policy_path).unwrap();
    let denied = place.decide(&policy, &["tool"]).unwrap_err();
    assert!(denied.message.starts_with("SYSTEM_RUN_DISABLED: security=deny — "), "{}", denied.message);
    assert!(denied.message.contains("exec-approvals.json"));
}

#[test]
fn sec_003_what_was_allowed_is_what_runs() {
    let place = place();
    std::os::unix::fs::symlink(place.bin("tool"), place.bin("alias")).unwrap();
    let tool = place.bin("tool");
    let launch = place.allows(&[&tool], &["alias", "a b"]);
    assert_eq!(launch.path, Path::new(&tool));
    assert_eq!((launch.own_name.as_str(), launch.arguments), ("alias", vec!["a b".to_owned()]));
}

#[test]
fn sec_100_a_program_that_only_has_the_name_is_not_allowed() {
    let place = place();
    let evil = place.folder.path().join("tool");
    fs::copy("/bin/true", &evil).unwrap();
    fs::set_permissions(&evil, fs::Permissions::from_mode(0o755)).unwrap();
    place.misses(&[&place.bin("tool")], &["./tool"]);
    place.misses(&["tool"], &["tool"]);
    place.misses(&[&place.bin("tool")], &["nosuchprogram"]);
}

#[test]
fn sec_101_a_text_for_a_shell_is_pinned_to_the_allowed_programs() {
    let place = place();
    let (tool, other) = (place.bin("tool"), place.bin("other"));
    let launch = place.allows(&[&tool, &other], &["/bin/sh", "-lc", "tool 'a b' *.x && other | tool"]);
    assert_eq!(launch.own_name, "/bin/sh");
    assert_eq!(launch.arguments, ["-lc".to_owned(), format!("'{tool}' 'a b' *.x && '{other}' | '{tool}'")]);
    let message = place.misses(&[&tool], &["sh", "-c", "tool; other"]);
    assert!(message.contains(&other), "{message}");
    place.misses(&[&tool], &["sh", "-c", "tool $(other)"]);
    place.misses(&[&tool, "/bin/*", "/usr/bin/*"], &["sh", "-c", "eval tool"]);
    place.misses(&[&tool, "/bin/*", "/usr/bin/*"], &["sh", "-c", "nice tool"]);
    place.misses(&[&tool], &["sh", "-c", "tool", "zero"]);
}

#[test]
fn sec_103_a_shell_with_a_text_is_never_allowed_by_its_own_entry() {
    let place = place();
    for shell in ["sh", "bash", "/bin/sh"] {
        place.misses(&["*", "/bin/*", "/usr/bin/*"], &[shell, "-c", "tool $HOME"]);
        place.misses(&["*"], &[shell, "-i"]);
        place.misses(&["*"], &[shell, "-s"]);
        place.misses(&["*"], &[shell]);
    }
}

#[test]
fn sec_103_only_the_systems_shells_are_trusted_to_be_shells() {
    let place = place();
    let fake = place.bin("sh");
    fs::copy("/bin/true", &fake).unwrap();
    fs::set_permissions(&fake, fs::Permissions::from_mode(0o755)).unwrap();
    place.misses(&[&place.bin("tool")], &[&fake, "-c", "tool"]);
    place.misses(&[&place.bin("tool")], &["sh", "-c", "tool"]);
}

#[test]
fn a_script_is_allowed_by_its_own_entry_or_by_that_of_its_shell() {
    let place = place();
    let script = place.folder.path().canonicalize().unwrap().join("job.sh");
    fs::copy("/bin/true", &script).unwrap();
    let script = script.to_str().unwrap();
    let launch = place.allows(&[script], &["/bin/sh", "job.sh", "x"]);
    assert_eq!(launch.arguments, [script, "x"]);
    let shell = fs::canonicalize("/bin/sh").unwrap();
    place.allows(&[shell.to_str().unwrap()], &["/bin/sh", "job.sh"]);
    place.misses(&["/elsewhere/job.sh"], &["/bin/sh", "job.sh"]);
    place.misses(&["*"], &["/bin/sh", "missing.sh"]);
}

#[test]
fn sec_102_transparent_wrappers_are_pinned_too() {
    let place = place();
    let tool = place.bin("tool");
    let launch = place.allows(&[&tool], &["nice", "-n", "5", "timeout", "-k", "1", "3", "tool", "x"]);
    assert_eq!(launch.own_name, "nice");
    assert!(launch.path.ends_with("nice"));
    assert_eq!(launch.arguments.last().unwrap(), "x");
    assert_eq!(launch.arguments[6], tool);
    assert!(launch.arguments[2].starts_with('/') && launch.arguments[2].ends_with("/timeout"));
    place.misses(&[&place.bin("other"), "/usr/bin/*", "/bin/*"], &["nice", "tool"]);
    for carrier in ["sudo", "xargs", "setsid", "busybox", "watch", "find"] {
        let argv: &[&str] = if carrier == "find" { &["find", ".", "-exec", "tool", ";"] } else { &[carrier, "tool"] };
        place.misses(&["*"], argv);
    }
    place.misses(&["*"], &["env", "A=b", "tool"]);
    place.allows(&[&tool], &["env", "tool"]);
}

#[test]
fn sec_100_an_argument_pattern_has_to_fit_the_whole_of_the_arguments() {
    let place = place();
    let policy = place.policy_of(&serde_json::json!({
        "version": 1,
        "agents": {"main": {"allowlist": [{"pattern": place.bin("tool"), "argPattern": "--version|status( -s)?"}]}},
    }));
    for fits in [&["tool", "--version"][..], &["tool", "status"], &["tool", "status", "-s"]] {
        place.decide(&policy, fits).unwrap();
    }
    for differs in [&["tool"][..], &["tool", "--version", "x"], &["tool", "status -s"], &["tool", "x--version"]] {
        place.decide(&policy, differs).unwrap_err();
    }
    place.decide(&policy, &["sh", "-c", "tool status"]).unwrap();
    place.decide(&policy, &["sh", "-c", "tool s*"]).unwrap_err();
    let broken = serde_json::json!({"pattern": "*", "argPattern": "("});
    let policy = place.policy_of(&serde_json::json!({"version": 1, "agents": {"*": {"allowlist": [broken]}}}));
    place.decide(&policy, &["tool"]).unwrap_err();
}
