//! Both protocol versions on one port at once, operators and nodes alike (promise W1; protocol.md §§2.2, 7.3, 11).

use openclaw_testkit::{Device, Peer, TOKEN, TestGateway};
use serde_json::{Value, json};

const COMMANDS: [&str; 2] = ["system.run", "system.which"];

fn invoke(node: &Device, key: &str) -> Value {
    json!({"nodeId": node.id(), "command": "system.which", "params": {"bins": ["sh"]}, "idempotencyKey": key})
}

async fn answer_one(host: &mut Peer, answer: Value) {
    let request = host.invoked().await;
    host.finish(&request, answer).await.unwrap();
}

#[tokio::test]
async fn operators_and_nodes_of_both_versions_work_together_on_one_port() {
    let gateway = TestGateway::start().await;
    let (old_node, mut old_host) = gateway.node_peer(&COMMANDS, 3).await;
    let (new_node, mut new_host) = gateway.node_peer(&COMMANDS, 4).await;
    let scopes = ["operator.read", "operator.write"];
    let (_, mut old) = gateway.operator_peer(&scopes, 3).await;
    let (_, mut new) = gateway.operator_peer(&scopes, 4).await;
    for (operator, name) in [(&mut old, "v3"), (&mut new, "v4")] {
        let nodes = operator.call("node.list", json!({})).await.unwrap();
        assert_eq!(nodes["nodes"].as_array().unwrap().len(), 2, "{name}");
        for (node, host) in [(&old_node, &mut old_host), (&new_node, &mut new_host)] {
            let id = operator.send("node.invoke", invoke(node, name)).await;
            answer_one(host, json!({"ok": true, "payloadJSON": "{\"bins\":{}}"})).await;
            let reply = operator.answer(&id).await.unwrap();
            let expected = json!({
                "ok": true, "nodeId": node.id(), "command": "system.which",
                "payload": {"bins": {}}, "payloadJSON": "{\"bins\":{}}",
            });
            assert_eq!(reply, expected, "{name}");
        }
    }
}

#[tokio::test]
async fn a_request_reaches_each_node_in_its_own_dialect() {
    let gateway = TestGateway::start().await;
    let mut owner = gateway.owner_peer().await;
    for protocol in [3, 4] {
        let (node, mut host) = gateway.node_peer(&COMMANDS, protocol).await;
        let params = json!({"nodeId": node.id(), "command": "system.which", "idempotencyKey": "k"});
        let id = owner.send("node.invoke", params).await;
        let frame = host.event_frame("node.invoke.request").await;
        assert!(frame.get("seq").is_none(), "what is addressed carries no number");
        let request = &frame["payload"];
        assert_eq!(request["nodeId"], json!(node.id()));
        assert_eq!((&request["command"], &request["idempotencyKey"]), (&json!("system.which"), &json!("k")));
        if protocol == 3 {
            assert_eq!(request.get("paramsJSON"), Some(&Value::Null), "v3 nodes read a null");
        }
        host.finish(request, json!({"ok": true})).await.unwrap();
        owner.answer(&id).await.unwrap();
        let id = owner.send("node.invoke", invoke(&node, "k2")).await;
        let request = host.invoked().await;
        assert_eq!(request["paramsJSON"], "{\"bins\":[\"sh\"]}");
        host.finish(&request, json!({"ok": true})).await.unwrap();
        owner.answer(&id).await.unwrap();
    }
}

#[tokio::test]
async fn a_missing_scope_is_forbidden_in_v4_and_an_invalid_request_in_v3() {
    let gateway = TestGateway::start().await;
    for (method, scope) in [
        ("device.pair.list", "operator.pairing"),
        ("node.invoke", "operator.write"),
        ("config.set", "operator.admin"),
        ("no.such.method", "operator.admin"),
    ] {
        let text = format!("missing scope: {scope}");
        let (_, mut old) = gateway.operator_peer(&["operator.read"], 3).await;
        let error = old.call(method, json!({})).await.unwrap_err();
        assert_eq!((&error["code"], &error["message"]), (&json!("INVALID_REQUEST"), &json!(text)));
        assert!(error.get("details").is_none());
        let (_, mut new) = gateway.operator_peer(&["operator.read"], 4).await;
        let error = new.call(method, json!({})).await.unwrap_err();
        assert_eq!((&error["code"], &error["message"]), (&json!("FORBIDDEN"), &json!(text)));
        let details = &error["details"];
        assert_eq!((&details["code"], &details["missingScope"]), (&json!("MISSING_SCOPE"), &json!(scope)));
        assert_eq!(details["requiredScopes"], json!([scope]));
    }
}

#[tokio::test]
async fn a_node_that_goes_away_is_told_in_the_words_of_the_callers_version() {
    let gateway = TestGateway::start().await;
    for (protocol, message) in
        [(3, "Error: node disconnected (system.which)"), (4, "DISCONNECTED: node disconnected (system.which)")]
    {
        let (node, mut host) = gateway.node_peer(&COMMANDS, 7 - protocol).await;
        let (_, mut operator) = gateway.operator_peer(&["operator.write"], protocol).await;
        let id = operator.send("node.invoke", invoke(&node, "k")).await;
        host.invoked().await;
        host.vanish();
        let error = operator.answer(&id).await.unwrap_err();
        assert_eq!((&error["code"], &error["message"]), (&json!("UNAVAILABLE"), &json!(message)));
        assert_eq!(error["details"]["nodeError"]["code"].as_str(), (protocol == 4).then_some("DISCONNECTED"));
    }
}

#[tokio::test]
async fn a_timeout_of_zero_is_at_once_in_v3_and_never_in_v4() {
    let gateway = TestGateway::start().await;
    let (node, mut host) = gateway.node_peer(&COMMANDS, 4).await;
    let (old_node, mut old_host) = gateway.node_peer(&COMMANDS, 3).await;
    let at_once = |node: &Device, key: &str| {
        let mut params = invoke(node, key);
        params["timeoutMs"] = json!(0);
        params
    };
    let (_, mut old) = gateway.operator_peer(&["operator.write"], 3).await;
    let error = old.call("node.invoke", at_once(&node, "old")).await.unwrap_err();
    assert_eq!(error["message"], "TIMEOUT: node invoke timed out");
    assert_eq!(error["details"]["nodeError"]["code"], "TIMEOUT");
    host.invoked().await;
    let (_, mut new) = gateway.operator_peer(&["operator.write"], 4).await;
    let id = new.send("node.invoke", at_once(&node, "new")).await;
    let request = host.invoked().await;
    assert_eq!(request["timeoutMs"], 0);
    host.finish(&request, json!({"ok": true, "payload": 1})).await.unwrap();
    assert_eq!(new.answer(&id).await.unwrap()["payload"], 1);
    let id = new.send("node.invoke", at_once(&old_node, "newer")).await;
    let request = old_host.invoked().await;
    assert!(request.get("timeoutMs").is_none(), "a v3 node would end at once: {request}");
    old_host.finish(&request, json!({"ok": true})).await.unwrap();
    new.answer(&id).await.unwrap();
}

#[tokio::test]
async fn sec_060_a_removed_device_is_closed_with_the_code_of_its_version() {
    let gateway = TestGateway::start().await;
    let mut owner = gateway.owner_peer().await;
    for (protocol, code) in [(3, 1008), (4, 4001)] {
        let (device, mut peer) = gateway.operator_peer(&["operator.read"], protocol).await;
        owner.call("device.pair.remove", json!({"deviceId": device.id()})).await.unwrap();
        assert_eq!(peer.closed().await, (code, "device removed".to_owned()));
    }
}

#[tokio::test]
async fn both_signed_texts_are_accepted_from_either_version() {
    let gateway = TestGateway::start().await;
    for protocol in [3, 4] {
        let device = Device::operator(&["operator.read"]);
        let key = device.key().clone();
        let peer = gateway.knock(&device).protocols(protocol, protocol).token(TOKEN).open_changed(|params| {
            let old = openclaw_identity::ConnectPayload {
                device_id: params["device"]["id"].as_str().unwrap(),
                client_id: "cli",
                client_mode: "cli",
                role: openclaw_protocol::scope::Role::Operator,
                scopes: &["operator.read".to_owned()],
                signed_at_ms: params["device"]["signedAt"].as_u64().unwrap(),
                token: TOKEN,
                nonce: params["device"]["nonce"].as_str().unwrap(),
                platform: "",
                device_family: "",
            }
            .text(openclaw_identity::PayloadVersion::V2);
            params["device"]["signature"] = json!(key.sign(&old));
        });
        assert_eq!(peer.await.unwrap().hello["protocol"], protocol);
    }
}

#[tokio::test]
async fn the_members_of_an_event_that_v3_reads_as_null_are_there() {
    let mut gateway = TestGateway::start().await;
    let (_, mut old) = gateway.operator_peer(&["operator.read"], 3).await;
    let (_, mut new) = gateway.operator_peer(&["operator.read"], 4).await;
    gateway.stop().await;
    let shutdown = |frames: Vec<Value>| frames.into_iter().find(|frame| frame["event"] == "shutdown").unwrap();
    let (frames, close) = old.until_closed().await;
    assert_eq!(shutdown(frames)["payload"], json!({"reason": "gateway stopping", "restartExpectedMs": null}));
    assert_eq!(close, (1012, "service restart".to_owned()));
    let (frames, close) = new.until_closed().await;
    assert_eq!(shutdown(frames)["payload"], json!({"reason": "gateway stopping"}));
    assert_eq!(close, (1012, "service restart".to_owned()));
}
