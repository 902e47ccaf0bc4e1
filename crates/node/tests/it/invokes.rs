//! Invokes: run, refused, repeated, fed, cancelled, lost.

use openclaw_node::{exec::policy::Security, host::Report};
use serde_json::{Value, json};
use tokio::time::timeout;

use crate::{
    gateway::{Gateway, Peer, SOON},
    host::{Node, Place},
};

async fn connected(security: Security, protocol: u32) -> (Place, Gateway, Node, Peer) {
    let (gateway, place) = (Gateway::start().await, Place::new(security));
    let node = place.start(gateway.endpoint());
    let peer = gateway.welcome(protocol).await;
    (place, gateway, node, peer)
}

#[cfg(unix)]
fn sh(script: &str) -> Value {
    json!({"command": ["/bin/sh", "-c", script]})
}

/// Waits until a marker file is there.
async fn appears(path: &std::path::Path) {
    timeout(SOON, async {
        while !path.exists() {
            tokio::task::yield_now().await;
        }
    })
    .await
    .unwrap();
}

#[cfg(unix)]
#[tokio::test]
async fn commands_are_found_and_run_in_both_dialects() {
    for protocol in [3, 4] {
        let (_place, _gateway, node, mut peer) = connected(Security::Full, protocol).await;
        let found =
            peer.call("w", "system.which", &json!({"bins": ["sh", "nosuchprogram", "../sh", " cat "]})).await.unwrap();
        let names: Vec<_> = found["bins"].as_object().unwrap().keys().collect();
        assert_eq!(names, ["sh", "cat"]);
        let ran = peer.call("r", "system.run", &sh("echo out; exit 3")).await.unwrap();
        assert_eq!((&ran["exitCode"], &ran["stdout"]), (&3.into(), &"out\n".into()));
        let event = peer.request("node.event").await;
        assert_eq!(event["event"], "exec.finished");
        let payload: Value = serde_json::from_str(event["payloadJSON"].as_str().unwrap()).unwrap();
        assert_eq!((&payload["exitCode"], &payload["host"]), (&3.into(), &"node".into()));
        let plan =
            peer.call("p", "system.run.prepare", &json!({"command": ["/bin/sh", "-lc", "echo hi"]})).await.unwrap();
        assert_eq!(plan["plan"]["commandPreview"], "echo hi");
        assert_eq!(plan.get("execPolicy").is_some(), protocol == 4);
        drop(peer);
        node.end().await;
    }
}

#[cfg(unix)]
#[tokio::test]
async fn a_miss_is_denied_with_the_code_of_the_dialect() {
    for (protocol, code) in [(3, "UNAVAILABLE"), (4, "SYSTEM_RUN_DENIED")] {
        let (_place, _gateway, node, mut peer) = connected(Security::Allowlist, protocol).await;
        let denied = peer.call("r", "system.run", &json!({"command": ["/bin/cat", "x"]})).await.unwrap_err();
        assert!(denied.starts_with(&format!("{code}: SYSTEM_RUN_DENIED: allowlist miss")), "{denied}");
        assert!(denied.contains("openclaw approvals allowlist add"), "{denied}");
        assert_eq!(peer.request("node.event").await["event"], "exec.denied");
        drop(peer);
        node.end().await;
    }
}

#[tokio::test]
async fn malformed_invokes_are_answered_or_ignored_and_break_nothing() {
    let (_place, _gateway, node, mut peer) = connected(Security::Full, 4).await;
    let id = peer.node_id();
    for payload in [json!(null), json!([]), json!("x"), json!({}), json!({"id": 5}), json!({"id": ""})] {
        peer.event("node.invoke.request", payload.clone()).await;
        peer.event("node.invoke.cancel", payload.clone()).await;
        peer.event("node.invoke.input", payload).await;
    }
    peer.event("node.invoke.request", json!({"id": "a"})).await;
    assert!(peer.result("a").await.unwrap_err().starts_with("INVALID_REQUEST: Error: INVALID_REQUEST: "));
    peer.event("node.invoke.request", json!({"id": "b", "nodeId": "other", "command": "system.which"})).await;
    assert_eq!(peer.result("b").await.unwrap_err(), "INVALID_REQUEST: Error: INVALID_REQUEST: nodeId mismatch");
    let broken = json!({"id": "c", "nodeId": id, "command": "system.which", "paramsJSON": "{"});
    peer.event("node.invoke.request", broken).await;
    assert!(peer.result("c").await.unwrap_err().contains("paramsJSON is not JSON"));
    let deep = json!({"id": "d", "nodeId": id, "command": "system.which", "paramsJSON": "[".repeat(1_000)});
    peer.event("node.invoke.request", deep).await;
    assert!(peer.result("d").await.unwrap_err().contains("nested too deeply"));
    assert_eq!(peer.call("e", "no.such", &json!({})).await.unwrap_err(), "UNAVAILABLE: command not supported");
    let absent = peer.call("f", "system.which", &Value::Null).await.unwrap_err();
    assert_eq!(absent, "INVALID_REQUEST: Error: INVALID_REQUEST: paramsJSON required");
    let no_bins = peer.call("g", "system.which", &json!({})).await.unwrap_err();
    assert_eq!(no_bins, "INVALID_REQUEST: Error: INVALID_REQUEST: bins required");
    let structured = json!({"id": "h", "nodeId": id, "command": "system.which", "params": {"bins": []}});
    peer.event("node.invoke.request", structured).await;
    assert_eq!(peer.result("h").await.unwrap(), json!({"bins": {}}));
    drop(peer);
    node.end().await;
}

#[cfg(unix)]
#[tokio::test]
async fn a_cancelled_command_ends_and_its_late_result_is_not_sent() {
    let (place, _gateway, node, mut peer) = connected(Security::Full, 4).await;
    let (begun, ended) = (place.state_dir().join("begun"), place.state_dir().join("ended"));
    let script = format!(
        "trap 'touch {}; exit 0' TERM; touch {}; while :; do sleep 0.05; done",
        ended.display(),
        begun.display()
    );
    peer.invoke("slow", "system.run", &sh(&script)).await;
    appears(&begun).await;
    let id = peer.node_id();
    peer.event("node.invoke.cancel", json!({"invokeId": "slow", "nodeId": id})).await;
    appears(&ended).await;
    // The next result is not the cancelled one's.
    assert!(peer.call("next", "system.which", &json!({"bins": []})).await.is_ok());
    drop(peer);
    node.end().await;
}

#[cfg(unix)]
#[tokio::test]
async fn commands_run_side_by_side_and_end_with_their_connection() {
    let (place, gateway, mut node, mut peer) = connected(Security::Full, 4).await;
    let (begun, ended) = (place.state_dir().join("begun"), place.state_dir().join("ended"));
    let script = format!(
        "trap 'touch {}; exit 0' TERM; touch {}; while :; do sleep 0.05; done",
        ended.display(),
        begun.display()
    );
    peer.invoke("slow", "system.run", &sh(&script)).await;
    appears(&begun).await;
    assert_eq!(peer.call("fast", "system.run", &sh("echo fast")).await.unwrap()["stdout"], "fast\n");
    peer.close().await;
    appears(&ended).await;
    let mut again = gateway.welcome(4).await;
    node.report(|report| matches!(report, Report::Lost { .. }).then_some(())).await;
    assert!(again.call("i", "system.which", &json!({"bins": []})).await.is_ok());
    drop(again);
    node.end().await;
}

#[cfg(unix)]
#[tokio::test]
async fn rel_033_a_repeated_key_runs_once() {
    let (place, _gateway, node, mut peer) = connected(Security::Full, 4).await;
    let count = place.state_dir().join("count");
    let params = sh(&format!("echo x >> {0}; wc -l < {0}", count.display())).to_string();
    let id = peer.node_id();
    let request = |invoke: &str, params: &str| json!({"id": invoke, "nodeId": id, "command": "system.run", "paramsJSON": params, "idempotencyKey": "k"});
    peer.event("node.invoke.request", request("1", &params)).await;
    let first = peer.result("1").await.unwrap();
    peer.event("node.invoke.request", request("2", &params)).await;
    assert_eq!(peer.result("2").await.unwrap(), first);
    assert_eq!(first["stdout"].as_str().unwrap().trim(), "1");
    peer.event("node.invoke.request", request("3", &sh("true").to_string())).await;
    let conflict = peer.result("3").await.unwrap_err();
    assert_eq!(conflict, "INVALID_REQUEST: Error: INVALID_REQUEST: idempotencyKey was used for another call");
    drop(peer);
    node.end().await;
}

#[cfg(unix)]
#[tokio::test]
async fn too_many_commands_at_once_are_refused() {
    let (_place, _gateway, node, mut peer) = connected(Security::Full, 4).await;
    for at in 0..64 {
        peer.invoke(&format!("slow{at}"), "system.run", &sh("exec sleep 60")).await;
    }
    let refused = peer.call("more", "system.which", &json!({"bins": []})).await.unwrap_err();
    assert_eq!(refused, "UNAVAILABLE: node busy: 64 commands are running");
    drop(peer);
    node.end().await;
}

#[cfg(unix)]
#[tokio::test]
async fn output_is_sent_as_it_comes_and_input_is_taken() {
    let (_place, _gateway, node, mut peer) = connected(Security::Full, 4).await;
    let params = json!({"command": ["/bin/sh", "-c", "echo ready; cat; echo done >&2"], "stream": true, "stdin": true});
    peer.invoke("i", "system.run", &params).await;
    let first = peer.request("node.invoke.progress").await;
    assert_eq!((&first["invokeId"], &first["seq"]), (&"i".into(), &0.into()));
    assert_eq!(first["chunk"], r#"{"stream":"stdout","text":"ready\n"}"#);
    let id = peer.node_id();
    let input = |seq: u64, text: &str| json!({"id": "i", "nodeId": id, "seq": seq, "payloadJSON": text});
    peer.event("node.invoke.input", input(0, r#"{"text":"hello\n"}"#)).await;
    assert_eq!(peer.request("node.invoke.progress").await["chunk"], r#"{"stream":"stdout","text":"hello\n"}"#);
    peer.event("node.invoke.input", input(0, r#"{"text":"twice\n"}"#)).await;
    peer.event("node.invoke.input", input(1, r#"{"base64":"Ynl0ZXMK"}"#)).await;
    peer.event("node.invoke.input", input(2, r#"{"end":true}"#)).await;
    let result = peer.result("i").await.unwrap();
    assert_eq!((&result["stdout"], &result["stderr"]), (&"ready\nhello\nbytes\n".into(), &"done\n".into()));
    drop(peer);
    node.end().await;
}

#[cfg(unix)]
#[tokio::test]
async fn input_that_cannot_be_delivered_ends_the_command_with_the_reason() {
    let bad = [
        (json!({"seq": 1, "payloadJSON": "{}"}), "a sequence number was skipped"),
        (json!({"seq": 0, "payloadJSON": "{"}), "input is none of"),
        (json!({"seq": 0, "payloadJSON": "{\"base64\":\"%\"}"}), "not base64"),
        (json!({"seq": 0, "payloadJSON": "x".repeat(16_385)}), "larger than 16 KiB"),
    ];
    let (_place, _gateway, node, mut peer) = connected(Security::Full, 4).await;
    for (at, (mut input, problem)) in bad.into_iter().enumerate() {
        let id = format!("i{at}");
        peer.invoke(&id, "system.run", &json!({"command": ["/bin/cat"], "stdin": true})).await;
        input["id"] = id.clone().into();
        input["nodeId"] = peer.node_id().into();
        peer.event("node.invoke.input", input).await;
        let failure = peer.result(&id).await.unwrap_err();
        assert!(failure.contains(problem), "{failure}");
    }
    drop(peer);
    node.end().await;
}

#[cfg(unix)]
#[tokio::test]
async fn sec_086_a_hostile_gateway_cannot_loosen_the_owners_policy() {
    let (_place, _gateway, node, mut peer) = connected(Security::Deny, 4).await;
    for extra in [
        json!({"approved": true}),
        json!({"approvalDecision": "allow-always", "runId": "r"}),
        json!({"security": "full"}),
    ] {
        let mut params = json!({"command": ["/bin/echo", "x"]});
        params.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
        let denied = peer.call("r", "system.run", &params).await.unwrap_err();
        assert!(denied.starts_with("SYSTEM_RUN_DENIED: SYSTEM_RUN_DISABLED: security=deny"), "{denied}");
    }
    let file = json!({"file": {"version": 1, "defaults": {"security": "full"}}, "baseHash": "0"});
    let refused = peer.call("s", "system.execApprovals.set", &file).await.unwrap_err();
    assert!(refused.ends_with("exec approvals changed; reload and retry"), "{refused}");
    drop(peer);
    node.end().await;
}
