//! `node.invoke` between an operator and a scripted node (protocol.md §§7.3, 7.4; nodes.md §2.1; REL-032…036).

use openclaw_testkit::{Device, Peer, TOKEN, TestGateway, eventually};
use serde_json::{Value, json};

const COMMANDS: [&str; 2] = ["system.run", "system.which"];

fn invoke(node: &Device, command: &str, key: &str) -> Value {
    json!({"nodeId": node.id(), "command": command, "params": {"x": 1}, "idempotencyKey": key})
}

async fn running(gateway: &TestGateway) -> u64 {
    let reply = gateway.owner_peer().await.call("gateway.restart.preflight", json!({})).await.unwrap();
    reply["activeCount"].as_u64().unwrap()
}

/// Invokes, lets the node answer, and gives what the operator gets.
async fn exchanged(operator: &mut Peer, host: &mut Peer, params: Value, answer: Value) -> Result<Value, Value> {
    let id = operator.send("node.invoke", params).await;
    let request = host.invoked().await;
    assert_eq!(host.finish(&request, answer).await.unwrap(), json!({"ok": true}));
    operator.answer(&id).await
}

#[tokio::test]
async fn a_result_is_read_in_every_form_that_nodes_send() {
    let gateway = TestGateway::start().await;
    let (node, mut host) = gateway.node_peer(&COMMANDS, 4).await;
    let (_, mut operator) = gateway.operator_peer(&["operator.write"], 4).await;
    for (n, (answer, payload, text)) in [
        (json!({"ok": true, "payloadJSON": "{\"a\":1}"}), json!({"a": 1}), json!("{\"a\":1}")),
        (json!({"ok": true, "payloadJSON": "broken"}), json!({"payloadJSON": "broken"}), json!("broken")),
        (json!({"ok": true, "payload": {"b": 2}}), json!({"b": 2}), Value::Null),
        (json!({"ok": true, "payload": 7, "payloadJSON": null, "error": null}), json!(7), Value::Null),
        (json!({"ok": true, "payloadJSON": {"c": 3}}), json!({"c": 3}), Value::Null),
        (json!({"ok": true}), Value::Null, Value::Null),
    ]
    .into_iter()
    .enumerate()
    {
        let params = invoke(&node, "system.which", &format!("k{n}"));
        let reply = exchanged(&mut operator, &mut host, params, answer.clone()).await.unwrap();
        assert_eq!((&reply["payload"], &reply["payloadJSON"]), (&payload, &text), "{answer}");
        assert_eq!((&reply["ok"], &reply["command"]), (&json!(true), &json!("system.which")));
    }
    assert_eq!(running(&gateway).await, 0);
}

#[tokio::test]
async fn a_nodes_error_reaches_the_caller_with_code_and_message() {
    let gateway = TestGateway::start().await;
    let (node, mut host) = gateway.node_peer(&COMMANDS, 4).await;
    let (_, mut operator) = gateway.operator_peer(&["operator.write"], 4).await;
    for (n, (error, message, code)) in [
        (
            json!({"code": "UNAVAILABLE", "message": "SYSTEM_RUN_DENIED: approval required"}),
            "UNAVAILABLE: SYSTEM_RUN_DENIED: approval required",
            "UNAVAILABLE",
        ),
        (json!({"message": "out of paper"}), "out of paper", "UNAVAILABLE"),
        (json!({"code": "NO_PAPER"}), "NO_PAPER", "NO_PAPER"),
        (json!({}), "node invoke failed", "UNAVAILABLE"),
        (Value::Null, "node invoke failed", "UNAVAILABLE"),
    ]
    .into_iter()
    .enumerate()
    {
        let params = invoke(&node, "system.which", &format!("k{n}"));
        let answer = json!({"ok": false, "error": error});
        let error = exchanged(&mut operator, &mut host, params, answer).await.unwrap_err();
        assert_eq!((&error["code"], &error["message"]), (&json!("UNAVAILABLE"), &json!(message)));
        assert_eq!(error["details"]["nodeError"]["code"], code);
    }
}

#[tokio::test]
async fn what_may_not_be_invoked_is_refused_with_the_official_texts() {
    let config = json!({"gateway": {"nodes": {"denyCommands": ["system.notify"]}}});
    let gateway = TestGateway::start_with(config).await;
    let device = Device::node(&["system.which"]);
    let platform = |params: &mut openclaw_protocol::connect::ConnectParams| {
        params.client.platform = "linux".into();
        params.client.device_family = None;
    };
    let _host = gateway.knock(&device).token(TOKEN).with(platform).open().await.unwrap();
    let bare = Device::node(&[]);
    let _bare = gateway.knock(&bare).token(TOKEN).with(platform).open().await.unwrap();
    let mut owner = gateway.owner_peer().await;
    for (node, command, reason, hint) in [
        (&device, "made.up", "command not allowlisted", "\"made.up\" is not in the allowlist for platform \"linux\""),
        (
            &device,
            "camera.snap",
            "command not allowlisted",
            "\"camera.snap\" requires explicit gateway.nodes.allowCommands opt-in",
        ),
        (
            &device,
            "system.notify",
            "command not allowlisted",
            "\"system.notify\" is blocked by gateway.nodes.denyCommands",
        ),
        (
            &device,
            "system.run",
            "command not declared by node",
            "the node (platform: linux) does not support \"system.run\"",
        ),
        (&bare, "system.run", "node did not declare commands", "the node did not declare any supported commands"),
    ] {
        let error = owner.call("node.invoke", invoke(node, command, command)).await.unwrap_err();
        assert_eq!(error["code"], "INVALID_REQUEST");
        assert_eq!(error["message"], format!("node command not allowed: {hint}"));
        assert_eq!((&error["details"]["reason"], &error["details"]["command"]), (&json!(reason), &json!(command)));
    }
    for command in ["system.execApprovals.get", "system.execApprovals.set"] {
        let error = owner.call("node.invoke", invoke(&device, command, command)).await.unwrap_err();
        let text = "node.invoke does not allow system.execApprovals.*; use exec.approvals.node.*";
        assert_eq!((&error["message"], &error["details"]["command"]), (&json!(text), &json!(command)));
    }
    let error = owner.call("node.invoke", invoke(&Device::node(&[]), "system.which", "k")).await.unwrap_err();
    assert_eq!((&error["code"], &error["message"]), (&json!("UNAVAILABLE"), &json!("node not connected")));
    assert_eq!(error["details"]["code"], "NOT_CONNECTED");
    let error = owner.call("node.invoke", json!({"nodeId": " ", "command": "x", "idempotencyKey": "k"})).await;
    assert_eq!(error.unwrap_err()["message"], "nodeId and command required");
}

#[tokio::test]
async fn sec_059_a_command_that_was_not_approved_yet_is_refused_until_it_is_and_then_works_in_place() {
    let gateway = TestGateway::start().await;
    let few = Device::node(&["system.which"]);
    drop(gateway.knock(&few).token(TOKEN).open().await.unwrap());
    let more = few.as_other(&Device::node(&COMMANDS));
    let mut host = gateway.knock(&more).from_elsewhere().open().await.unwrap();
    let mut owner = gateway.owner_peer().await;
    let error = owner.call("node.invoke", invoke(&more, "system.run", "k")).await.unwrap_err();
    let text = "node command not allowed: the node's declared command surface is pending approval; run `openclaw nodes \
                pending`, then `openclaw nodes approve <requestId>`";
    assert_eq!(error["message"], text);
    exchanged(&mut owner, &mut host, invoke(&more, "system.which", "w"), json!({"ok": true})).await.unwrap();
    let fix = error["details"]["fix"].as_str().unwrap();
    let id = fix.strip_prefix("openclaw nodes approve ").expect("a command with the id");
    owner.call("node.pair.approve", json!({"requestId": id})).await.unwrap();
    let told = host.event_frame("node.pair.resolved").await;
    assert_eq!((&told["payload"]["decision"], told.get("seq")), (&json!("approved"), None));
    exchanged(&mut owner, &mut host, invoke(&more, "system.run", "r"), json!({"ok": true})).await.unwrap();
}

#[tokio::test]
async fn sec_080_approval_fields_of_a_caller_never_reach_the_node() {
    let gateway = TestGateway::start().await;
    let (node, mut host) = gateway.node_peer(&COMMANDS, 4).await;
    let (_, mut operator) = gateway.operator_peer(&["operator.write"], 4).await;
    let mut params = invoke(&node, "system.run", "k");
    params["params"] = json!({
        "command": ["id"], "cwd": "/tmp", "approved": true, "approvalDecision": "allow-always", "approvalId": "x",
        "internalOwner": true,
    });
    let id = operator.send("node.invoke", params).await;
    let request = host.invoked().await;
    let sent: Value = serde_json::from_str(request["paramsJSON"].as_str().unwrap()).unwrap();
    assert_eq!(sent, json!({"command": ["id"], "cwd": "/tmp"}));
    host.finish(&request, json!({"ok": true})).await.unwrap();
    operator.answer(&id).await.unwrap();
    let mut no_object = invoke(&node, "system.run", "k2");
    no_object["params"] = json!(["id"]);
    let error = operator.call("node.invoke", no_object).await.unwrap_err();
    assert_eq!(error["message"], "invalid system.run params: must be an object");
}

#[tokio::test]
async fn sec_081_a_tightened_policy_counts_for_nodes_that_are_connected() {
    let gateway = TestGateway::start().await;
    let (node, mut host) = gateway.node_peer(&COMMANDS, 4).await;
    let mut owner = gateway.owner_peer().await;
    exchanged(&mut owner, &mut host, invoke(&node, "system.run", "k"), json!({"ok": true})).await.unwrap();
    gateway.configure(&json!({"gateway": {"nodes": {"denyCommands": ["system.run"]}}}));
    let denied = eventually("the new policy", || async {
        let key = format!("k{}", gateway.clock.now_ms());
        let mut params = invoke(&node, "system.run", &key);
        params["timeoutMs"] = json!(20);
        let error = gateway.owner_peer().await.call("node.invoke", params).await.unwrap_err();
        error["message"].as_str().unwrap().starts_with("node command not allowed").then_some(error)
    })
    .await;
    let text = "node command not allowed: \"system.run\" is blocked by gateway.nodes.denyCommands";
    assert_eq!(denied["message"], text);
    host.catch_up().await;
    host.take_arrived();
    let error = owner.call("node.invoke", invoke(&node, "system.run", "k2")).await.unwrap_err();
    assert_eq!(error["message"], text);
    host.catch_up().await;
    assert_eq!(host.arrived("node.invoke.request"), 0, "the declaration of before is no licence");
}

#[tokio::test]
async fn progress_reaches_the_caller_that_asked_for_it_before_the_result() {
    let gateway = TestGateway::start().await;
    let (node, mut host) = gateway.node_peer(&COMMANDS, 4).await;
    let device = Device::operator(&["operator.write"]);
    let wants = |caps: &[&str]| caps.iter().map(|cap| (*cap).to_owned()).collect::<Vec<_>>();
    let knock = gateway.knock(&device).token(TOKEN).with(|params| params.caps = wants(&["openclaw.invoke-progress"]));
    let mut caller = knock.open().await.unwrap();
    let (_, mut other) = gateway.operator_peer(&["operator.write"], 4).await;
    let id = caller.send("node.invoke", invoke(&node, "system.run", "k")).await;
    let request = host.invoked().await;
    let chunk =
        |seq: u64, text: &str| json!({"invokeId": request["id"], "nodeId": node.id(), "seq": seq, "chunk": text});
    for seq in 0..3 {
        let taken = host.call("node.invoke.progress", chunk(seq, &format!("line {seq}"))).await.unwrap();
        assert_ne!(taken["ignored"], json!(true));
    }
    let error = host.call("node.invoke.progress", chunk(3, &"x".repeat(16_385))).await.unwrap_err();
    assert_eq!(error["message"], "progress chunk too large");
    host.finish(&request, json!({"ok": true})).await.unwrap();
    caller.answer(&id).await.unwrap();
    let arrived: Vec<Value> =
        caller.take_arrived().into_iter().filter(|frame| frame["event"] == "node.invoke.progress").collect();
    let chunks: Vec<&Value> = arrived.iter().map(|frame| &frame["payload"]["chunk"]).collect();
    assert_eq!(chunks, ["line 0", "line 1", "line 2"]);
    assert_eq!((&arrived[0]["payload"]["idempotencyKey"], arrived[0].get("seq")), (&json!("k"), None));
    let late = host.call("node.invoke.progress", chunk(4, "late")).await.unwrap();
    assert_eq!(late, json!({"ok": true, "ignored": true}));
    let id = other.send("node.invoke", invoke(&node, "system.run", "o")).await;
    let request = host.invoked().await;
    let unwanted = json!({"invokeId": request["id"], "nodeId": node.id(), "seq": 0, "chunk": "x"});
    assert_eq!(host.call("node.invoke.progress", unwanted).await.unwrap(), json!({"ok": true, "ignored": true}));
    host.finish(&request, json!({"ok": true})).await.unwrap();
    other.answer(&id).await.unwrap();
    assert_eq!(other.arrived("node.invoke.progress"), 0);
}

#[tokio::test]
async fn input_and_cancel_reach_the_node_from_the_caller_alone() {
    let gateway = TestGateway::start().await;
    let (node, mut host) = gateway.node_peer(&COMMANDS, 4).await;
    let (_, mut caller) = gateway.operator_peer(&["operator.write"], 4).await;
    let (_, mut other) = gateway.operator_peer(&["operator.write"], 4).await;
    let id = caller.send("node.invoke", invoke(&node, "system.run", "k")).await;
    let request = host.invoked().await;
    let input = json!({"nodeId": node.id(), "idempotencyKey": "k", "seq": 0, "payloadJSON": "{\"data\":\"y\"}"});
    assert_eq!(other.call("node.invoke.input", input.clone()).await.unwrap(), json!({"ok": true, "ignored": true}));
    assert_eq!(caller.call("node.invoke.input", input.clone()).await.unwrap(), json!({"ok": true}));
    let fed = host.event("node.invoke.input").await;
    assert_eq!((&fed["id"], &fed["payloadJSON"]), (&request["id"], &input["payloadJSON"]));
    let mut large = input;
    large["payloadJSON"] = json!("x".repeat(16_385));
    assert_eq!(caller.call("node.invoke.input", large).await.unwrap_err()["message"], "invoke input too large");
    let cancel = json!({"nodeId": node.id(), "idempotencyKey": "k"});
    assert_eq!(other.call("node.invoke.cancel", cancel.clone()).await.unwrap()["ignored"], true);
    assert_eq!(caller.call("node.invoke.cancel", cancel.clone()).await.unwrap(), json!({"ok": true}));
    assert_eq!(host.event("node.invoke.cancel").await["invokeId"], request["id"]);
    host.finish(&request, json!({"ok": false, "error": {"code": "ABORTED", "message": "cancelled"}})).await.unwrap();
    assert_eq!(caller.answer(&id).await.unwrap_err()["message"], "ABORTED: cancelled");
    assert_eq!(caller.call("node.invoke.cancel", cancel).await.unwrap()["ignored"], true);
}

#[tokio::test]
async fn rel_036_a_deadline_ends_the_invoke_cancels_it_and_ignores_what_comes_late() {
    let gateway = TestGateway::start().await;
    let (node, mut host) = gateway.node_peer(&COMMANDS, 4).await;
    let (_, mut operator) = gateway.operator_peer(&["operator.write"], 4).await;
    let mut params = invoke(&node, "system.run", "k");
    params["timeoutMs"] = json!(60);
    let error = operator.call("node.invoke", params).await.unwrap_err();
    assert_eq!((&error["code"], &error["message"]), (&json!("UNAVAILABLE"), &json!("TIMEOUT: node invoke timed out")));
    let request = host.invoked().await;
    assert_eq!(request["timeoutMs"], 60);
    assert_eq!(host.event("node.invoke.cancel").await["invokeId"], request["id"]);
    assert_eq!(host.finish(&request, json!({"ok": true})).await.unwrap(), json!({"ok": true, "ignored": true}));
    assert_eq!(running(&gateway).await, 0);
}

#[tokio::test]
async fn sec_083_a_result_counts_once_and_only_from_the_node_that_was_asked() {
    let gateway = TestGateway::start().await;
    let (node, mut host) = gateway.node_peer(&COMMANDS, 4).await;
    let (liar, mut lying) = gateway.node_peer(&COMMANDS, 4).await;
    let (_, mut operator) = gateway.operator_peer(&["operator.write"], 4).await;
    let id = operator.send("node.invoke", invoke(&node, "system.run", "k")).await;
    let request = host.invoked().await;
    let error = lying.finish(&request, json!({"ok": true, "payload": "forged"})).await.unwrap_err();
    assert_eq!((&error["code"], &error["message"]), (&json!("INVALID_REQUEST"), &json!("nodeId mismatch")));
    let guessed = json!({"id": request["id"], "nodeId": liar.id()});
    assert_eq!(lying.finish(&guessed, json!({"ok": true})).await.unwrap(), json!({"ok": true, "ignored": true}));
    let guess = json!({"invokeId": request["id"], "nodeId": liar.id(), "seq": 0, "chunk": "x"});
    assert_eq!(lying.call("node.invoke.progress", guess).await.unwrap()["ignored"], true);
    host.finish(&request, json!({"ok": true, "payload": "right"})).await.unwrap();
    let again = host.finish(&request, json!({"ok": true, "payload": "twice"})).await.unwrap();
    assert_eq!(again, json!({"ok": true, "ignored": true}));
    assert_eq!(operator.answer(&id).await.unwrap()["payload"], "right");
}

#[tokio::test]
async fn rel_032_a_node_that_reconnects_replaces_its_old_connection_and_keeps_the_new_one() {
    let gateway = TestGateway::start().await;
    let (node, mut old) = gateway.node_peer(&COMMANDS, 4).await;
    let (_, mut operator) = gateway.operator_peer(&["operator.read", "operator.write"], 4).await;
    let id = operator.send("node.invoke", invoke(&node, "system.run", "k")).await;
    let request = old.invoked().await;
    let mut new = gateway.knock(&node).token(TOKEN).open().await.unwrap();
    let error = operator.answer(&id).await.unwrap_err();
    assert_eq!(error["message"], "DISCONNECTED: node disconnected (system.run)");
    assert_eq!(old.closed().await, (1008, "replaced by a newer connection of this node".to_owned()));
    old.vanish();
    let late = new.finish(&request, json!({"ok": true})).await.unwrap();
    assert_eq!(late, json!({"ok": true, "ignored": true}), "what the old connection was asked is over");
    let list = operator.call("node.list", json!({})).await.unwrap();
    assert_eq!((&list["nodes"][0]["connected"], list["nodes"].as_array().unwrap().len()), (&json!(true), 1));
    let params = invoke(&node, "system.which", "k2");
    exchanged(&mut operator, &mut new, params, json!({"ok": true, "payload": 1})).await.unwrap();
}

#[tokio::test]
async fn rel_032_each_invoke_ends_exactly_once_while_the_node_keeps_reconnecting() {
    let gateway = TestGateway::start().await;
    let (node, mut host) = gateway.node_peer(&COMMANDS, 4).await;
    let (_, mut operator) = gateway.operator_peer(&["operator.write"], 4).await;
    for round in 0..15 {
        let id = operator.send("node.invoke", invoke(&node, "system.run", &format!("k{round}"))).await;
        let request = host.invoked().await;
        let (answered, next) = tokio::join!(
            host.send("node.invoke.result", json!({"id": request["id"], "nodeId": node.id(), "ok": true})),
            gateway.knock(&node).token(TOKEN).open(),
        );
        drop(answered);
        host = next.unwrap();
        match operator.answer(&id).await {
            Ok(reply) => assert_eq!(reply["ok"], true),
            Err(error) => assert_eq!(error["details"]["nodeError"]["code"], "DISCONNECTED"),
        }
    }
    operator.catch_up().await;
    assert!(operator.take_arrived().iter().all(|frame| frame["type"] != "res"), "no second answer");
    assert_eq!(running(&gateway).await, 0);
}

#[tokio::test]
async fn rel_033_a_repeated_key_has_one_effect_also_over_a_reconnect() {
    let gateway = TestGateway::start().await;
    let (node, mut host) = gateway.node_peer(&COMMANDS, 4).await;
    let (caller, mut first) = gateway.operator_peer(&["operator.write"], 4).await;
    first.send("node.invoke", invoke(&node, "system.run", "k")).await;
    let request = host.invoked().await;
    let joined = first.send("node.invoke", invoke(&node, "system.run", "k")).await;
    first.vanish();
    let mut second = gateway.knock(&caller).token(TOKEN).open().await.unwrap();
    let id = second.send("node.invoke", invoke(&node, "system.run", "k")).await;
    drop(joined);
    host.finish(&request, json!({"ok": true, "payload": "once"})).await.unwrap();
    assert_eq!(second.answer(&id).await.unwrap()["payload"], "once");
    let again = second.call("node.invoke", invoke(&node, "system.run", "k")).await.unwrap();
    assert_eq!(again["payload"], "once", "the answer is remembered");
    let mut other = invoke(&node, "system.run", "k");
    other["params"] = json!({"x": 2});
    let error = second.call("node.invoke", other).await.unwrap_err();
    assert_eq!(error["message"], "this idempotencyKey was used for another node.invoke; use a new one");
    host.catch_up().await;
    assert_eq!(host.arrived("node.invoke.request"), 0, "the node was asked once");
    let (_, mut stranger) = gateway.operator_peer(&["operator.write"], 4).await;
    let params = invoke(&node, "system.run", "k");
    let own = exchanged(&mut stranger, &mut host, params, json!({"ok": true, "payload": "its own"})).await.unwrap();
    assert_eq!(own["payload"], "its own", "a key belongs to its caller");
}

#[tokio::test]
async fn rel_033_a_key_that_never_reached_a_node_may_be_used_again() {
    let gateway = TestGateway::start().await;
    let (node, host) = gateway.node_peer(&COMMANDS, 4).await;
    let (_, mut operator) = gateway.operator_peer(&["operator.read", "operator.write"], 4).await;
    host.vanish();
    eventually("the node to be gone", || async {
        let mut owner = gateway.owner_peer().await;
        let list = owner.call("node.list", json!({})).await.unwrap();
        (list["nodes"][0]["connected"] == false).then_some(())
    })
    .await;
    let error = operator.call("node.invoke", invoke(&node, "system.run", "k")).await.unwrap_err();
    assert_eq!(error["message"], "node not connected");
    let mut host = gateway.knock(&node).token(TOKEN).open().await.unwrap();
    exchanged(&mut operator, &mut host, invoke(&node, "system.run", "k"), json!({"ok": true})).await.unwrap();
}

#[tokio::test]
async fn sec_084_events_of_a_node_are_taken_and_start_nothing() {
    let gateway = TestGateway::start().await;
    let (_, mut host) = gateway.node_peer(&COMMANDS, 4).await;
    for (event, handled) in [("exec.finished", true), ("agent.request", false), ("made.up", false)] {
        let reply = host.call("node.event", json!({"event": event, "payload": {"sessionKey": "main"}})).await.unwrap();
        assert_eq!((&reply["ok"], &reply["handled"]), (&json!(true), &json!(handled)), "{event}");
        assert_eq!(reply["reason"].as_str(), (!handled).then_some("unsupported_event"));
    }
}
