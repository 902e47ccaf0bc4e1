//! What was taken away is gone within a second, everywhere, and does not come back (SEC-039, SEC-060).

use std::time::{Duration, Instant};

use openclaw_testkit::{Device, Peer, TOKEN, TestGateway};
use serde_json::json;

const COMMANDS: [&str; 2] = ["system.run", "system.which"];

async fn closed_within_a_second(peer: &mut Peer, since: Instant) -> (u16, String) {
    let close = peer.closed().await;
    assert!(since.elapsed() < Duration::from_secs(1), "{:?}", since.elapsed());
    close
}

#[tokio::test]
async fn sec_060_a_revocation_ends_the_role_and_every_old_credential_with_it() {
    let gateway = TestGateway::start().await;
    let mut owner = gateway.owner_peer().await;
    for (device, role) in [(Device::node(&COMMANDS), "node"), (Device::operator(&["operator.read"]), "operator")] {
        let mut peer = gateway.knock(&device).v4().token(TOKEN).open().await.unwrap();
        let token = peer.device_token();
        let params = json!({"deviceId": device.id(), "role": role});
        let since = Instant::now();
        assert!(owner.call("device.token.revoke", params).await.unwrap()["revokedAtMs"].is_u64());
        assert_eq!(closed_within_a_second(&mut peer, since).await, (4001, "device token revoked".to_owned()));
        for knock in [
            gateway.knock(&device).device_token(&token),
            gateway.knock(&device).token(&token),
            gateway.knock(&device).from_elsewhere().device_token(&token).token(TOKEN),
            gateway.knock(&device).from_elsewhere(),
        ] {
            let refused = knock.open().await.err().expect("revoked");
            assert_eq!(refused.error["details"]["reason"], "role-upgrade", "{refused:?}");
        }
    }
}

#[tokio::test]
async fn sec_060_a_rotation_ends_the_connection_and_the_old_token_is_stale() {
    let gateway = TestGateway::start().await;
    let mut owner = gateway.owner_peer().await;
    let (device, mut peer) = gateway.node_peer(&COMMANDS, 4).await;
    let old = peer.device_token();
    let since = Instant::now();
    let reply = owner.call("device.token.rotate", json!({"deviceId": device.id(), "role": "node"})).await.unwrap();
    assert_eq!(reply["tokenDelivery"], "withheld-cross-device");
    assert!(reply.get("token").is_none());
    assert_eq!(closed_within_a_second(&mut peer, since).await, (4001, "device token rotated".to_owned()));
    let again = gateway.knock(&device).from_elsewhere().device_token(&old).open().await.expect("repaired by its key");
    assert_ne!(again.device_token(), old);
    let thief = gateway.knock(&Device::node(&COMMANDS)).from_elsewhere().device_token(&old).open().await;
    assert_eq!(thief.err().unwrap().detail(), "PAIRING_REQUIRED", "another key has no use for the token");
}

#[tokio::test]
async fn sec_060_a_removal_during_a_running_invoke_answers_it_at_once() {
    let gateway = TestGateway::start().await;
    let mut owner = gateway.owner_peer().await;
    for method in ["device.pair.remove", "node.pair.remove"] {
        let (node, mut host) = gateway.node_peer(&COMMANDS, 4).await;
        let invoke = json!({"nodeId": node.id(), "command": "system.which", "idempotencyKey": method});
        let id = owner.send("node.invoke", invoke).await;
        let request = host.invoked().await;
        let since = Instant::now();
        let name = if method.starts_with("device") { "deviceId" } else { "nodeId" };
        owner.call(method, json!({name: node.id()})).await.unwrap();
        let error = owner.answer(&id).await.unwrap_err();
        assert_eq!(error["message"], "DISCONNECTED: node disconnected (system.which)");
        assert_eq!(closed_within_a_second(&mut host, since).await, (4001, "device removed".to_owned()));
        drop(request);
        let list = owner.call("node.list", json!({})).await.unwrap();
        assert!(!list.to_string().contains(node.id().as_str()));
    }
}

#[tokio::test]
async fn sec_060_a_caller_that_is_removed_while_its_invoke_runs_gets_no_answer_any_more() {
    let gateway = TestGateway::start().await;
    let mut owner = gateway.owner_peer().await;
    let (node, mut host) = gateway.node_peer(&COMMANDS, 4).await;
    let (caller, mut peer) = gateway.operator_peer(&["operator.write"], 4).await;
    let id =
        peer.send("node.invoke", json!({"nodeId": node.id(), "command": "system.which", "idempotencyKey": "k"})).await;
    let request = host.invoked().await;
    owner.call("device.pair.remove", json!({"deviceId": caller.id()})).await.unwrap();
    let (frames, close) = peer.until_closed().await;
    assert_eq!(close, (4001, "device removed".to_owned()));
    assert!(!frames.iter().any(|frame| frame["id"] == id.as_str()));
    host.finish(&request, json!({"ok": true})).await.unwrap();
}

#[tokio::test]
async fn sec_060_a_node_role_that_is_taken_leaves_the_operator_role_alone() {
    let gateway = TestGateway::start().await;
    let mut owner = gateway.owner_peer().await;
    let (node, mut host) = gateway.node_peer(&COMMANDS, 4).await;
    let operator = node.as_other(&Device::operator(&["operator.read"]));
    let mut cli = gateway.knock(&operator).token(TOKEN).open().await.unwrap();
    owner.call("node.pair.remove", json!({"nodeId": node.id()})).await.unwrap();
    assert_eq!(host.closed().await.1, "device removed");
    cli.catch_up().await;
    gateway.knock(&operator).from_elsewhere().open().await.expect("the operator stays paired");
    let refused = gateway.knock(&node).from_elsewhere().open().await.err().unwrap();
    assert_eq!(refused.error["details"]["reason"], "role-upgrade");
}

#[tokio::test]
async fn sec_060_a_removal_is_not_outrun_by_a_connection_that_is_just_coming_in() {
    let gateway = TestGateway::start().await;
    let mut owner = gateway.owner_peer().await;
    for _ in 0..10 {
        let device = Device::node(&COMMANDS);
        drop(gateway.knock(&device).token(TOKEN).open().await.unwrap());
        let (removed, coming) = tokio::join!(
            owner.call("device.pair.remove", json!({"deviceId": device.id()})),
            gateway.knock(&device).from_elsewhere().open(),
        );
        removed.unwrap();
        match coming {
            Ok(mut peer) => assert_eq!(peer.closed().await.1, "device removed"),
            Err(refused) => assert_eq!(refused.error["details"]["reason"], "not-paired"),
        }
    }
}

#[tokio::test]
async fn sec_039_the_old_shared_secret_ends_at_once_and_so_does_what_rests_on_it() {
    let gateway = TestGateway::start().await;
    let knock = gateway.knock(&Device::operator(&["operator.read"])).v4().without_device().token(TOKEN);
    let mut without_device = knock.open().await.unwrap();
    let (paired, mut with_device) = gateway.operator_peer(&["operator.read"], 4).await;
    let new = "another-token-9876543210fedcba98765";
    gateway.configure(&json!({"gateway": {"auth": {"token": new}}}));
    assert_eq!(without_device.closed().await, (4001, "gateway auth changed".to_owned()));
    let refused = gateway.knock(&Device::operator(&["operator.read"])).token(TOKEN).open().await.err().unwrap();
    assert_eq!(refused.detail(), "AUTH_TOKEN_MISMATCH");
    gateway.knock(&Device::operator(&["operator.read"])).token(new).open().await.expect("the new one counts");
    with_device.catch_up().await;
    gateway.knock(&paired).from_elsewhere().open().await.expect("a paired device rests on its pairing");
}

#[tokio::test]
async fn sec_051_a_token_gives_no_more_than_what_is_approved_now() {
    let gateway = TestGateway::start().await;
    let mut owner = gateway.owner_peer().await;
    let device = Device::operator(&["operator.read", "operator.write"]);
    drop(gateway.knock(&device).token(TOKEN).open().await.unwrap());
    let params = json!({"deviceId": device.id(), "role": "operator"});
    owner.call("device.token.revoke", params).await.unwrap();
    let narrow = json!({"deviceId": device.id(), "role": "operator", "scopes": ["operator.read"]});
    assert_eq!(owner.call("device.token.rotate", narrow).await.unwrap()["scopes"], json!(["operator.read"]));
    let refused = gateway.knock(&device).from_elsewhere().open().await.err().unwrap();
    assert_eq!(refused.error["details"]["reason"], "scope-upgrade", "what was revoked does not come back");
    let reader = device.as_other(&Device::operator(&["operator.read"]));
    let peer = gateway.knock(&reader).from_elsewhere().open().await.unwrap();
    assert_eq!(peer.hello["auth"]["scopes"], json!(["operator.read"]));
}
