//! Methods over the wire: roles, scopes, params, and the device and node families (protocol.md §§2.3, 5.3, 6, 7.2).

use openclaw_testkit::{Device, Peer, TOKEN, TestGateway};
use serde_json::{Value, json};

const COMMANDS: [&str; 2] = ["system.run", "system.which"];

fn message(answer: Result<Value, Value>) -> String {
    answer.expect_err("an error")["message"].as_str().unwrap().to_owned()
}

/// Files a request from elsewhere and gives its id.
async fn pending(gateway: &TestGateway, device: &Device) -> String {
    let refused = gateway.knock(device).from_elsewhere().open().await.err().expect("a stranger");
    refused.error["details"]["requestId"].as_str().unwrap().to_owned()
}

/// An operator that an owner approved, so that its connection is its own and no more.
async fn approved(gateway: &TestGateway, owner: &mut Peer, scopes: &[&str], protocol: u32) -> (Device, Peer) {
    let device = Device::operator(scopes);
    let id = pending(gateway, &device).await;
    owner.call("device.pair.approve", json!({"requestId": id})).await.unwrap();
    let knock = gateway.knock(&device).protocols(protocol, protocol).from_elsewhere();
    (device, knock.open().await.expect("approved"))
}

#[tokio::test]
async fn an_unknown_method_is_unknown_to_an_administrator_and_forbidden_to_others() {
    let gateway = TestGateway::start().await;
    let mut owner = gateway.owner_peer().await;
    assert_eq!(message(owner.call("made.up", json!({})).await), "unknown method: made.up");
    let (_, mut reader) = gateway.operator_peer(&["operator.read"], 4).await;
    assert_eq!(message(reader.call("made.up", json!({})).await), "missing scope: operator.admin");
    let (_, mut node) = gateway.node_peer(&COMMANDS, 4).await;
    assert_eq!(message(node.call("made.up", json!({})).await), "unauthorized role: node");
    assert_eq!(message(node.call("node.pending.drain", json!({})).await), "unknown method: node.pending.drain");
}

#[tokio::test]
async fn sec_083_a_node_calls_its_own_methods_and_an_operator_none_of_them() {
    let gateway = TestGateway::start().await;
    let mut owner = gateway.owner_peer().await;
    for method in ["node.invoke.result", "node.invoke.progress", "node.event", "skills.bins"] {
        assert_eq!(message(owner.call(method, json!({})).await), "unauthorized role: operator", "{method}");
    }
    for protocol in [3, 4] {
        let (_, mut node) = gateway.node_peer(&COMMANDS, protocol).await;
        for method in ["node.list", "node.invoke", "device.pair.list", "config.get", "status"] {
            let error = node.call(method, json!({})).await.unwrap_err();
            assert_eq!(
                (&error["code"], &error["message"]),
                (&json!("INVALID_REQUEST"), &json!("unauthorized role: node"))
            );
        }
        assert_eq!(node.call("health", json!({})).await.unwrap()["ok"], true);
    }
}

#[tokio::test]
async fn more_than_ten_calls_in_a_row_that_the_role_forbids_close_the_connection() {
    let gateway = TestGateway::start().await;
    let (_, mut node) = gateway.node_peer(&COMMANDS, 4).await;
    for _ in 0..10 {
        node.call("node.list", json!({})).await.unwrap_err();
    }
    node.catch_up().await;
    for _ in 0..11 {
        let id = node.send("node.list", json!({})).await;
        assert_eq!(message(node.answer(&id).await), "unauthorized role: node");
    }
    assert_eq!(node.closed().await, (1008, "repeated unauthorized calls".to_owned()));
}

#[tokio::test]
async fn params_are_checked_strictly_and_the_text_names_method_and_problem() {
    let gateway = TestGateway::start().await;
    let mut owner = gateway.owner_peer().await;
    for (method, params, problem) in [
        ("node.invoke", json!({"nodeId": "n", "command": "c"}), "must have required property 'idempotencyKey'"),
        ("node.rename", json!({"nodeId": "n"}), "must have required property 'displayName'"),
        (
            "node.rename",
            json!({"nodeId": "n", "displayName": " "}),
            "at /displayName: must NOT have fewer than 1 characters",
        ),
        ("device.pair.approve", json!({}), "must have required property 'requestId'"),
        ("node.describe", json!({"nodeId": "n", "foo": 1}), "at root: unexpected property 'foo'"),
        ("device.pair.list", json!({"foo": 1}), "at root: unexpected property 'foo'"),
    ] {
        let error = owner.call(method, params).await.unwrap_err();
        assert_eq!(error["code"], "INVALID_REQUEST");
        assert_eq!(error["message"], format!("invalid {method} params: {problem}"));
    }
    assert_eq!(message(owner.call("node.describe", json!({"nodeId": " "})).await), "nodeId required");
    assert_eq!(message(owner.call("node.describe", json!({"nodeId": "nobody"})).await), "unknown nodeId");
    let rename = json!({"nodeId": "nobody", "displayName": "x"});
    assert_eq!(message(owner.call("node.rename", rename).await), "unknown nodeId");
    for method in ["device.pair.approve", "device.pair.reject", "node.pair.approve", "node.pair.reject"] {
        assert_eq!(message(owner.call(method, json!({"requestId": "nothing"})).await), "unknown requestId");
    }
    assert_eq!(message(owner.call("device.pair.remove", json!({"deviceId": "nobody"})).await), "unknown deviceId");
    assert_eq!(message(owner.call("node.pair.remove", json!({"nodeId": "nobody"})).await), "unknown nodeId");
    for method in ["device.token.rotate", "device.token.revoke"] {
        for (device, role) in [("nobody", "operator"), ("nobody", "king")] {
            let params = json!({"deviceId": device, "role": role});
            assert_eq!(message(owner.call(method, params).await), "unknown deviceId/role");
        }
    }
}

#[tokio::test]
async fn a_node_is_described_renamed_and_keeps_its_name() {
    let mut gateway = TestGateway::start().await;
    let (node, host) = gateway.node_peer(&COMMANDS, 4).await;
    let mut owner = gateway.owner_peer().await;
    let described = owner.call("node.describe", json!({"nodeId": node.id()})).await.unwrap();
    assert_eq!((&described["displayName"], &described["connected"]), (&json!("Build Box"), &json!(true)));
    assert_eq!((&described["commands"], &described["caps"]), (&json!(COMMANDS), &json!(["system"])));
    assert_eq!((&described["paired"], &described["approvalState"]), (&json!(true), &json!("approved")));
    assert!(described["ts"].is_u64() && described["connectedAtMs"].is_u64() && described.get("remoteIp").is_none());
    let reply = owner.call("node.rename", json!({"nodeId": node.id(), "displayName": " Attic "})).await.unwrap();
    assert_eq!(reply, json!({"nodeId": node.id(), "displayName": "Attic"}));
    host.vanish();
    gateway.restart().await;
    drop(gateway.knock(&node).from_elsewhere().open().await.expect("paired"));
    let mut owner = gateway.owner_peer().await;
    let described = owner.call("node.describe", json!({"nodeId": node.id()})).await.unwrap();
    assert_eq!(described["displayName"], "Attic", "the name that a person gave outlives what the node calls itself");
}

#[tokio::test]
async fn sec_050_nobody_grants_over_the_wire_what_it_does_not_hold() {
    let gateway = TestGateway::start().await;
    let mut owner = gateway.owner_peer().await;
    let wished = Device::operator(&["operator.read", "operator.write"]);
    let node = Device::node(&["system.run"]);
    let plain = Device::node(&["system.notify"]);
    for (holds, missing, of_node, of_plain_node) in [
        (&["operator.pairing"][..], Some("operator.read"), Some("operator.admin"), Some("operator.write")),
        (
            &["operator.pairing", "operator.read"],
            Some("operator.write"),
            Some("operator.admin"),
            Some("operator.write"),
        ),
        (&["operator.pairing", "operator.write"], None, Some("operator.admin"), None),
        (&["operator.admin"], None, None, None),
    ] {
        for protocol in [3, 4] {
            let (_, mut approver) = approved(&gateway, &mut owner, holds, protocol).await;
            for (device, missing, method) in [
                (&wished, missing, "device.pair.approve"),
                (&node, of_node, "node.pair.approve"),
                (&plain, of_plain_node, "device.pair.approve"),
            ] {
                let id = pending(&gateway, device).await;
                let answer = approver.call(method, json!({"requestId": id})).await;
                let Some(scope) = missing else {
                    answer.unwrap();
                    owner.call("device.pair.remove", json!({"deviceId": device.id()})).await.unwrap();
                    continue;
                };
                assert_eq!(message(answer), format!("missing scope: {scope}"), "{holds:?}");
                assert_eq!(pending(&gateway, device).await, id, "nothing changed");
            }
        }
    }
}

#[tokio::test]
async fn sec_050_invitations_and_rotations_stay_within_the_issuer() {
    let gateway = TestGateway::start().await;
    let mut owner = gateway.owner_peer().await;
    let (device, mut approver) = approved(&gateway, &mut owner, &["operator.pairing", "operator.write"], 4).await;
    assert_eq!(message(approver.call("device.pair.setupCode", json!({})).await), "missing scope: operator.admin");
    let rotate = |scopes: Value| json!({"deviceId": device.id(), "role": "operator", "scopes": scopes});
    let answer = approver.call("device.token.rotate", rotate(json!(["operator.admin"]))).await;
    assert_eq!(message(answer), "unknown deviceId/role", "beyond what was ever approved");
    let answer = approver.call("device.token.rotate", json!({"deviceId": device.id(), "role": "node"})).await;
    assert_eq!(message(answer), "unknown deviceId/role", "a rotation gives no new role (SEC-052)");
    let reply = approver.call("device.token.rotate", rotate(json!(["operator.pairing"]))).await.unwrap();
    assert_eq!((&reply["scopes"], &reply["tokenDelivery"]), (&json!(["operator.pairing"]), &json!("in-band")));
    assert_eq!(reply["token"].as_str().unwrap().len(), 43);
    assert_eq!(approver.closed().await, (4001, "device token rotated".to_owned()));
}

#[tokio::test]
async fn sec_055_approving_what_was_shown_never_grants_what_came_after() {
    let gateway = TestGateway::start().await;
    let mut owner = gateway.owner_peer().await;
    let device = Device::operator(&["operator.read"]);
    let shown = pending(&gateway, &device).await;
    let wider = device.as_other(&Device::operator(&["operator.admin"]));
    let widened = pending(&gateway, &wider).await;
    assert_ne!(shown, widened);
    let error = owner.call("device.pair.approve", json!({"requestId": shown})).await.unwrap_err();
    assert_eq!(error["details"]["requestId"], widened, "{error}");
    assert!(error.to_string().contains("operator.admin"), "it says what was added: {error}");
    gateway.knock(&device).from_elsewhere().open().await.err().expect("nothing was granted");
    owner.call("device.pair.approve", json!({"requestId": widened})).await.unwrap();
    gateway.knock(&wider).from_elsewhere().open().await.expect("confirmed");
}

#[tokio::test]
async fn sec_055_racing_approvals_and_wideners_end_within_what_was_shown() {
    let gateway = TestGateway::start().await;
    let mut owner = gateway.owner_peer().await;
    for _ in 0..12 {
        let device = Device::operator(&["operator.read"]);
        let shown = pending(&gateway, &device).await;
        let wider = device.as_other(&Device::operator(&["operator.admin"]));
        let (approval, _) = tokio::join!(
            owner.call("device.pair.approve", json!({"requestId": shown})),
            gateway.knock(&wider).from_elsewhere().open(),
        );
        if let Ok(reply) = approval {
            assert_eq!(reply["device"]["scopes"], json!(["operator.read"]));
        }
        let admin = gateway.knock(&wider).from_elsewhere().open().await;
        assert!(admin.is_err(), "operator.admin was never shown under the approved id");
    }
}

#[tokio::test]
async fn sec_056_a_flood_of_strangers_keeps_to_its_places_and_the_owner_still_decides() {
    let gateway = TestGateway::start().await;
    let mut owner = gateway.owner_peer().await;
    for _ in 0..30 {
        let refused = gateway.knock(&Device::node(&["system.run"])).from_elsewhere().open().await.err().unwrap();
        assert!(["PAIRING_REQUIRED", "PAIRING_QUOTA"].contains(&refused.detail()), "{refused:?}");
    }
    let list = owner.call("device.pair.list", json!({})).await.unwrap();
    let shown = list["pending"].as_array().unwrap();
    assert_eq!(shown.len(), 8, "one address has eight places");
    let refused = gateway.knock(&Device::node(&["system.run"])).from_elsewhere().open().await.err().unwrap();
    assert_eq!(refused.detail(), "PAIRING_QUOTA", "what the owner has seen is not pushed out");
    assert!(refused.message().starts_with("pairing required"));
    let id = &shown[7]["requestId"];
    owner.call("device.pair.approve", json!({"requestId": id})).await.unwrap();
}

#[tokio::test]
async fn sec_057_of_two_concurrent_connects_with_one_code_one_gets_in() {
    let gateway = TestGateway::start().await;
    let mut owner = gateway.owner_peer().await;
    let params = json!({"publicUrl": gateway.url(), "bootstrapProfile": "node"});
    for _ in 0..5 {
        let invitation = owner.call("device.pair.setupCode", params.clone()).await.unwrap();
        let code = openclaw_protocol::setup_code::SetupCode::decode(invitation["setupCode"].as_str().unwrap()).unwrap();
        let token = code.bootstrap_token;
        assert!(!token.contains(TOKEN), "SEC-041");
        let (a, b) = (Device::node(&COMMANDS), Device::node(&COMMANDS));
        let (first, second) = tokio::join!(
            gateway.knock(&a).from_elsewhere().bootstrap(&token).open(),
            gateway.knock(&b).from_elsewhere().bootstrap(&token).open(),
        );
        assert!(first.is_ok() != second.is_ok());
        let refused = first.err().or(second.err()).unwrap();
        assert_eq!(refused.detail(), "AUTH_BOOTSTRAP_TOKEN_INVALID");
        let list = owner.call("device.pair.list", json!({})).await.unwrap();
        assert_eq!(list["pending"], json!([]), "a used code asks for nothing");
    }
}

#[tokio::test]
async fn sec_058_who_is_no_administrator_sees_and_changes_its_own_record_only() {
    let gateway = TestGateway::start().await;
    let mut owner = gateway.owner_peer().await;
    let (victim, _host) = gateway.node_peer(&COMMANDS, 4).await;
    for protocol in [3, 4] {
        let (own, mut peer) = approved(&gateway, &mut owner, &["operator.pairing", "operator.read"], protocol).await;
        let list = peer.call("device.pair.list", json!({})).await.unwrap();
        let ids: Vec<&Value> = list["paired"].as_array().unwrap().iter().map(|device| &device["deviceId"]).collect();
        assert_eq!(ids, [&json!(own.id())]);
        assert_eq!(peer.call("node.pair.list", json!({})).await.unwrap()["paired"], json!([]));
        let id = victim.id();
        for (method, params, denial) in [
            ("device.pair.remove", json!({"deviceId": id}), "device pairing removal denied"),
            ("device.pair.rename", json!({"deviceId": id, "label": "x"}), "device rename denied"),
            ("device.token.rotate", json!({"deviceId": id, "role": "node"}), "device token rotation denied"),
            ("device.token.revoke", json!({"deviceId": id, "role": "node"}), "device token revocation denied"),
            ("node.pair.remove", json!({"nodeId": id}), "node pairing removal denied"),
            ("node.rename", json!({"nodeId": id, "displayName": "x"}), "node rename denied"),
        ] {
            assert_eq!(message(peer.call(method, params).await), denial);
        }
        let label = json!({"deviceId": own.id(), "label": "mine"});
        assert_eq!(peer.call("device.pair.rename", label.clone()).await.unwrap(), label);
        peer.call("device.pair.remove", json!({"deviceId": own.id()})).await.unwrap();
        assert_eq!(peer.closed().await.1, "device removed");
    }
}

#[tokio::test]
async fn sec_077_pairing_events_reach_those_who_may_pair_and_nobody_else() {
    let gateway = TestGateway::start().await;
    let mut owner = gateway.owner_peer().await;
    let (_, mut pairing) = gateway.operator_peer(&["operator.pairing"], 3).await;
    let (_, mut reader) = gateway.operator_peer(&["operator.read", "operator.write"], 3).await;
    let (_, mut host) = gateway.node_peer(&COMMANDS, 3).await;
    let device = Device::node(&COMMANDS);
    let id = pending(&gateway, &device).await;
    for peer in [&mut owner, &mut pairing] {
        assert_eq!(peer.event("device.pair.requested").await["requestId"], id);
        let asked = peer.event("node.pair.requested").await;
        assert_eq!((&asked["requestId"], &asked["nodeId"]), (&json!(id), &json!(device.id())));
        assert_eq!(asked["requiredApproveScopes"], json!(["operator.pairing", "operator.admin"]));
    }
    owner.call("device.pair.approve", json!({"requestId": id})).await.unwrap();
    for peer in [&mut owner, &mut pairing] {
        let resolved = peer.event("device.pair.resolved").await;
        assert_eq!((&resolved["requestId"], &resolved["decision"]), (&json!(id), &json!("approved")));
        assert_eq!(peer.event("node.pair.resolved").await["decision"], "approved");
    }
    for peer in [&mut reader, &mut host] {
        peer.catch_up().await;
        for name in ["device.pair.requested", "device.pair.resolved", "node.pair.requested", "node.pair.resolved"] {
            assert_eq!(peer.arrived(name), 0, "{name}");
        }
    }
}
