//! Promise P6: what a refusal says fixes it, does. Each fix that is a command of ours is carried out as the command
//! would, then the same dial succeeds.

use std::time::Duration;

use openclaw_protocol::setup_code::SetupCode;
use openclaw_testkit::{Device, Knock, Peer, Refused, TOKEN, TestGateway, eventually};
use serde_json::{Value, json};

const READ: [&str; 1] = ["operator.read"];

async fn refused(knock: Knock<'_>) -> Refused {
    knock.open().await.err().expect("a refusal")
}

fn fix(error: &Value) -> String {
    let fix = error["details"]["fix"].as_str().unwrap_or_else(|| panic!("no fix in {error}"));
    fix.to_owned()
}

/// What came of a fix: something to be shown at the next dial, perhaps.
enum Fixed {
    Done,
    /// The code of an invitation.
    Code(String),
    /// The shared secret.
    Token(String),
}

/// Does what the command does, through the method or the file that it uses.
async fn carry_out(gateway: &TestGateway, owner: &mut Peer, command: &str) -> Fixed {
    let words: Vec<&str> = command.split_whitespace().collect();
    match words.as_slice() {
        ["openclaw", "devices", "approve", id] => {
            owner.call("device.pair.approve", json!({"requestId": id})).await.unwrap();
            Fixed::Done
        }
        ["openclaw", "nodes", "approve", id] => {
            owner.call("node.pair.approve", json!({"requestId": id})).await.unwrap();
            Fixed::Done
        }
        ["openclaw", "devices", "invite", ..] => {
            let params = json!({"publicUrl": gateway.url()});
            let invitation = owner.call("device.pair.setupCode", params).await.unwrap();
            let code = SetupCode::decode(invitation["setupCode"].as_str().unwrap()).unwrap();
            Fixed::Code(code.bootstrap_token)
        }
        ["openclaw", "config", "set", path, value] => {
            let value: Value = serde_json::from_str(value.trim_matches('\'')).expect("the value is JSON");
            let config = path.rsplit('.').fold(value, |inner, key| json!({key: inner}));
            gateway.configure(&config);
            Fixed::Done
        }
        ["openclaw", "devices", "list", ..] => {
            let list = owner.call("device.pair.list", json!({})).await.unwrap();
            for request in list["pending"].as_array().unwrap() {
                owner.call("device.pair.reject", json!({"requestId": request["requestId"]})).await.unwrap();
            }
            Fixed::Done
        }
        _ if command.contains("openclaw gateway auth-token --show") => Fixed::Token(TOKEN.to_owned()),
        _ => panic!("no such fix is known here: {command}"),
    }
}

async fn fixed(gateway: &TestGateway, error: &Value) -> Fixed {
    let mut owner = gateway.owner_peer().await;
    carry_out(gateway, &mut owner, &fix(error)).await
}

#[tokio::test]
async fn p6_the_approve_command_of_every_kind_of_pairing_refusal_lets_the_same_dial_in() {
    let gateway = TestGateway::start().await;
    for protocol in [3, 4] {
        let paired = Device::operator(&READ);
        drop(gateway.knock(&paired).token(TOKEN).open().await.unwrap());
        let strangers = [Device::operator(&["operator.admin"]), Device::node(&["system.run"])];
        let wider = paired.as_other(&Device::operator(&["operator.read", "operator.admin"]));
        let node = paired.as_other(&Device::node(&["system.run"]));
        let mut moved = paired.as_other(&Device::operator(&READ));
        moved.caller.client.platform = "plan9".into();
        for device in strangers.into_iter().chain([wider, node, moved]) {
            let knock = || gateway.knock(&device).protocols(protocol, protocol).from_elsewhere();
            let no = refused(knock()).await;
            assert!(no.message().contains(&fix(&no.error)), "official clients print the message: {no:?}");
            fixed(&gateway, &no.error).await;
            let peer = knock().open().await.unwrap_or_else(|still| panic!("{no:?} was not fixed: {still:?}"));
            assert!(peer.hello["auth"]["deviceToken"].is_string());
        }
    }
}

#[tokio::test]
async fn p6_after_a_revocation_or_a_removal_the_command_brings_the_device_back() {
    let gateway = TestGateway::start().await;
    let mut owner = gateway.owner_peer().await;
    for method in ["device.token.revoke", "device.pair.remove"] {
        let device = Device::node(&["system.run"]);
        let token = gateway.knock(&device).token(TOKEN).open().await.unwrap().device_token();
        let mut params = json!({"deviceId": device.id()});
        if method == "device.token.revoke" {
            params["role"] = json!("node");
        }
        owner.call(method, params).await.unwrap();
        let knock = || gateway.knock(&device).from_elsewhere().device_token(&token);
        let no = refused(knock()).await;
        fixed(&gateway, &no.error).await;
        let back = knock().open().await.expect("approved again");
        assert_ne!(back.device_token(), token);
    }
}

#[tokio::test]
async fn p6_a_wrong_secret_from_elsewhere_is_fixed_by_an_invitation() {
    let gateway = TestGateway::start().await;
    for device in [Device::operator(&READ), Device::node(&["system.run"])] {
        for wrong in ["token", "bootstrap"] {
            let device = device.as_other(&Device::with(device.caller.clone()));
            let knock = || gateway.knock(&device).from_elsewhere();
            let no = if wrong == "token" { knock().token("wrong") } else { knock().bootstrap("wrong") };
            let no = refused(no).await;
            let Fixed::Code(code) = fixed(&gateway, &no.error).await else { panic!("{no:?}") };
            knock().bootstrap(&code).open().await.unwrap_or_else(|still| panic!("{still:?}"));
            gateway.owner_peer().await.call("device.pair.remove", json!({"deviceId": device.id()})).await.unwrap();
        }
    }
}

#[tokio::test]
async fn p6_a_wrong_secret_on_this_machine_is_fixed_by_the_right_one() {
    let gateway = TestGateway::start().await;
    let device = Device::operator(&READ);
    let no = refused(gateway.knock(&device).token("wrong")).await;
    let Fixed::Token(token) = fixed(&gateway, &no.error).await else { panic!("{no:?}") };
    gateway.knock(&device).token(&token).open().await.expect("the token that the command shows");
}

#[tokio::test]
async fn p6_the_setting_for_a_page_lets_that_page_in_and_keeps_the_others() {
    let other = "https://other.example.org";
    let gateway = TestGateway::start_with(json!({"gateway": {"controlUi": {"allowedOrigins": [other]}}})).await;
    let device = Device::operator(&READ);
    let page = |origin: &'static str| gateway.knock(&device).header("Origin", origin).token(TOKEN);
    let no = refused(page("https://claw.example.org:8443")).await;
    assert_eq!(no.detail(), "CONTROL_UI_ORIGIN_NOT_ALLOWED");
    fixed(&gateway, &no.error).await;
    for origin in ["https://claw.example.org:8443", other] {
        eventually("the origin to be allowed", || async {
            let no = page(origin).open().await.err()?;
            (no.detail() == "PAIRING_REQUIRED").then_some(())
        })
        .await;
    }
    let no = refused(page("https://a'; touch pwned; '.example")).await;
    assert!(!fix(&no.error).contains("touch"), "a stranger's text is no command: {no:?}");
}

#[tokio::test]
async fn p6_a_full_inbox_is_fixed_by_deciding_what_waits() {
    let gateway = TestGateway::start().await;
    let mut owner = gateway.owner_peer().await;
    for _ in 0..8 {
        refused(gateway.knock(&Device::node(&[])).from_elsewhere()).await;
        owner.call("device.pair.list", json!({})).await.unwrap();
    }
    let device = Device::node(&["system.run"]);
    let no = refused(gateway.knock(&device).from_elsewhere()).await;
    assert_eq!(no.detail(), "PAIRING_QUOTA");
    fixed(&gateway, &no.error).await;
    let no = refused(gateway.knock(&device).from_elsewhere()).await;
    assert_eq!(no.detail(), "PAIRING_REQUIRED", "now it may ask");
    fixed(&gateway, &no.error).await;
    gateway.knock(&device).from_elsewhere().open().await.expect("approved");
}

#[tokio::test]
async fn p6_who_is_locked_out_gets_in_after_the_time_it_is_told() {
    let limit = json!({"maxAttempts": 2, "lockoutMs": 250, "windowMs": 250, "exemptLoopback": false});
    let gateway = TestGateway::start_with(json!({"gateway": {"auth": {"rateLimit": limit}}})).await;
    let device = Device::operator(&READ);
    for _ in 0..3 {
        refused(gateway.knock(&device).token("wrong")).await;
    }
    let no = refused(gateway.knock(&device).token(TOKEN)).await;
    assert_eq!(no.detail(), "AUTH_RATE_LIMITED");
    tokio::time::sleep(Duration::from_millis(no.error["retryAfterMs"].as_u64().unwrap())).await;
    gateway.knock(&device).token(TOKEN).open().await.expect("after the time that was told");
}

#[tokio::test]
async fn p6_a_rejected_device_may_ask_again_under_a_new_request() {
    let gateway = TestGateway::start().await;
    let mut owner = gateway.owner_peer().await;
    let device = Device::node(&["system.run"]);
    let first = refused(gateway.knock(&device).from_elsewhere()).await;
    let id = &first.error["details"]["requestId"];
    owner.call("device.pair.reject", json!({"requestId": id})).await.unwrap();
    assert_eq!(owner.event("device.pair.resolved").await["decision"], "rejected");
    let second = refused(gateway.knock(&device).from_elsewhere()).await;
    assert_ne!(&second.error["details"]["requestId"], id);
    fixed(&gateway, &second.error).await;
    gateway.knock(&device).from_elsewhere().open().await.expect("approved this time");
}

#[tokio::test]
async fn p6_an_unapproved_command_names_the_command_that_approves_it() {
    let gateway = TestGateway::start().await;
    let few = Device::node(&["system.which"]);
    drop(gateway.knock(&few).token(TOKEN).open().await.unwrap());
    let more = few.as_other(&Device::node(&["system.run", "system.which"]));
    let mut host = gateway.knock(&more).from_elsewhere().open().await.unwrap();
    let mut owner = gateway.owner_peer().await;
    let invoke = |key: &str| json!({"nodeId": more.id(), "command": "system.run", "idempotencyKey": key});
    let error = owner.call("node.invoke", invoke("k")).await.unwrap_err();
    carry_out(&gateway, &mut owner, &fix(&error)).await;
    let id = owner.send("node.invoke", invoke("k")).await;
    let request = host.invoked().await;
    host.finish(&request, json!({"ok": true})).await.unwrap();
    owner.answer(&id).await.expect("the same invoke, with the same key");
    let (_, mut writer) = gateway.operator_peer(&["operator.write"], 4).await;
    let even_more = few.as_other(&Device::node(&["system.run", "system.which", "system.notify"]));
    let _host = gateway.knock(&even_more).from_elsewhere().open().await.unwrap();
    let params = json!({"nodeId": more.id(), "command": "system.notify", "idempotencyKey": "n"});
    let error = writer.call("node.invoke", params).await.unwrap_err();
    assert_eq!(fix(&error), "openclaw nodes pending", "ids of requests are for those who may decide them");
}
