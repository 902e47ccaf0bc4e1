//! Everything that a `connect` can be refused for, in both dialects: error, details, close code and reason
//! (protocol.md §§1.5, 3.3–3.6; security.md §3).

use openclaw_identity::DeviceKey;
use openclaw_testkit::{
    Device, Knock, RawSocket, Refused, TOKEN, TestGateway,
    raw::{connect_request, text_frame},
};
use serde_json::{Value, json};

const READ: [&str; 1] = ["operator.read"];

/// Something done to params on their way.
type Change = fn(&mut Value);

async fn refused(knock: Knock<'_>) -> Refused {
    knock.open().await.err().expect("a refusal")
}

/// Close reasons are the official text, cut where the protocol cuts them; messages begin with it (promise P6).
fn assert_refused(refused: &Refused, text: &str, detail: &str) {
    assert_eq!(refused.code, 1008, "{refused:?}");
    assert_eq!(refused.reason, text.get(..120).unwrap_or(text), "{refused:?}");
    assert!(refused.message().starts_with(text), "{refused:?}");
    assert_eq!(refused.detail(), detail, "{refused:?}");
    assert!(refused.message().contains("Fix: ") && refused.error["details"]["fix"].is_string(), "{refused:?}");
    assert!(refused.error["details"]["gateway"]["instanceId"].is_string(), "{refused:?}");
}

#[tokio::test]
async fn p6_a_wrong_or_missing_token_is_refused_with_the_hint_for_that_client() {
    let gateway = TestGateway::start().await;
    let remote = "set gateway.remote.token to match gateway.auth.token";
    let local_v4 = "use this gateway's gateway.auth.token or pair the device";
    for (client, protocol, hint) in [
        ("cli", 3, remote),
        ("cli", 4, local_v4),
        ("node-host", 3, "provide gateway auth token"),
        ("node-host", 4, "provide gateway auth token"),
    ] {
        let device = if client == "cli" { Device::operator(&READ) } else { Device::node(&["system.which"]) };
        let no = refused(gateway.knock(&device).protocols(protocol, protocol).token("wrong")).await;
        assert_refused(&no, &format!("unauthorized: gateway token mismatch ({hint})"), "AUTH_TOKEN_MISMATCH");
        assert_eq!(no.error["code"], "INVALID_REQUEST");
        let details = &no.error["details"];
        assert_eq!(details["authReason"], "token_mismatch");
        assert_eq!(details["canRetryWithDeviceToken"], true, "it has a device and sent only a token");
        assert_eq!(details["recommendedNextStep"], "retry_with_device_token");
        assert_eq!(details["deviceId"], device.id().as_str());
        let no = refused(gateway.knock(&device).token("wrong").device_token("wrong too")).await;
        assert_eq!(no.error["details"]["canRetryWithDeviceToken"], false);
        assert_eq!(no.error["details"]["recommendedNextStep"], "update_auth_credentials");
    }
    let remote_cli = refused(gateway.knock(&Device::operator(&READ)).v4().token("wrong").from_elsewhere()).await;
    let text = format!("unauthorized: gateway token mismatch ({remote})");
    assert_refused(&remote_cli, &text, "AUTH_TOKEN_MISMATCH");
}

#[tokio::test]
async fn password_mode_takes_the_password_and_names_it_when_it_is_wrong() {
    let auth = json!({"gateway": {"auth": {"mode": "password", "password": "correct horse battery staple"}}});
    let gateway = TestGateway::start_with(auth).await;
    let device = Device::operator(&READ);
    let no = refused(gateway.knock(&device).v3().password("wrong")).await;
    let text = "unauthorized: gateway password mismatch (set gateway.remote.password to match gateway.auth.password)";
    assert_refused(&no, text, "AUTH_PASSWORD_MISMATCH");
    let no = refused(gateway.knock(&device).v4().password("wrong")).await;
    let text = "unauthorized: gateway password mismatch (use this gateway's gateway.auth.password)";
    assert_refused(&no, text, "AUTH_PASSWORD_MISMATCH");
    assert_eq!(no.error["details"]["canRetryWithDeviceToken"], false);
    for protocol in [3, 4] {
        let knock = gateway.knock(&Device::operator(&READ)).protocols(protocol, protocol);
        let peer = knock.password("correct horse battery staple").open().await.unwrap();
        assert_eq!(peer.hello["auth"]["scopes"], json!(READ));
    }
    // The token of another mode is no secret here: such a client is a stranger, who may ask.
    let stranger = refused(gateway.knock(&Device::operator(&READ)).v4().token(TOKEN)).await;
    assert_eq!(stranger.detail(), "PAIRING_REQUIRED");
}

#[tokio::test]
async fn mode_none_asks_for_no_secret_and_still_for_a_pairing() {
    let gateway = TestGateway::start_with(json!({"gateway": {"auth": {"mode": "none", "token": null}}})).await;
    let device = Device::operator(&READ);
    let no = refused(gateway.knock(&device).v4()).await;
    assert_eq!((no.error["code"].as_str(), no.detail()), (Some("NOT_PAIRED"), "PAIRING_REQUIRED"));
    let mut owner = gateway.owner_peer().await;
    owner.call("device.pair.approve", json!({"requestId": no.error["details"]["requestId"]})).await.unwrap();
    gateway.knock(&device).v4().open().await.expect("approved, and no secret is asked for");
}

#[tokio::test]
async fn a_stranger_without_a_token_is_told_that_a_person_has_to_approve_in_the_words_of_its_version() {
    let gateway = TestGateway::start().await;
    let node = Device::node(&["system.run"]);
    let no = refused(gateway.knock(&node).v3().from_elsewhere()).await;
    assert_eq!((no.code, no.reason.as_str()), (1008, "pairing required"));
    assert!(no.message().starts_with("pairing required"), "{no:?}");
    assert_eq!(no.error["code"], "NOT_PAIRED");
    assert_eq!((no.detail(), &no.error["details"]["reason"]), ("PAIRING_REQUIRED", &json!("not-paired")));
    let id = no.error["details"]["requestId"].as_str().unwrap().to_owned();
    let no = refused(gateway.knock(&node).v4().from_elsewhere()).await;
    let text = format!("pairing required: device is not approved yet (requestId: {id})");
    assert_refused(&no, &text, "PAIRING_REQUIRED");
    let details = &no.error["details"];
    assert_eq!(details["requestId"], id, "a retry keeps the request (P4)");
    assert_eq!(details["fix"], format!("openclaw devices approve {id}"));
    assert_eq!(details["remediationHint"], "Approve this device from the pending pairing requests.");
    assert_eq!((&details["requestedRole"], &details["deviceId"]), (&json!("node"), &json!(node.id())));
    assert_eq!((&details["retryable"], &details["pauseReconnect"]), (&json!(true), &json!(false)));
}

#[tokio::test]
async fn sec_053_each_upgrade_is_a_request_with_its_own_reason() {
    let gateway = TestGateway::start().await;
    let device = Device::operator(&READ);
    let token = gateway.knock(&device).token(TOKEN).open().await.unwrap().device_token();
    let ask = |device: &Device| gateway.knock(device).v4().from_elsewhere().device_token(&token);
    let more = device.as_other(&Device::operator(&["operator.read", "operator.write"]));
    let node = device.as_other(&Device::node(&["system.run"]));
    for (knock, reason, requirement) in [
        (ask(&more), "scope-upgrade", "device is asking for more scopes than currently approved"),
        (ask(&node), "role-upgrade", "device is asking for a higher role than currently approved"),
        (
            ask(&device).with(|params| params.client.platform = "plan9".into()),
            "metadata-upgrade",
            "device identity changed and must be re-approved",
        ),
    ] {
        let no = refused(knock).await;
        assert_eq!(no.error["details"]["reason"], reason, "{no:?}");
        assert!(no.message().starts_with(&format!("pairing required: {requirement} (requestId: ")), "{no:?}");
        assert_eq!(no.error["details"]["approvedScopes"], json!(READ));
    }
    ask(&device).open().await.expect("what was approved works on");
}

#[tokio::test]
async fn sec_036_every_field_of_the_proof_is_checked_and_nothing_is_filed_before() {
    let gateway = TestGateway::start().await;
    let other = DeviceKey::generate().unwrap().public();
    let stale = gateway.clock.now_ms() - 120_500;
    let changes: [(&str, Value, &str, &str); 7] = [
        ("id", json!("0".repeat(64)), "device identity mismatch", "DEVICE_AUTH_DEVICE_ID_MISMATCH"),
        ("publicKey", json!(other.to_wire()), "device identity mismatch", "DEVICE_AUTH_DEVICE_ID_MISMATCH"),
        ("publicKey", json!("AAAA"), "device public key invalid", "DEVICE_AUTH_PUBLIC_KEY_INVALID"),
        ("signedAt", json!(stale), "device signature expired", "DEVICE_AUTH_SIGNATURE_EXPIRED"),
        ("nonce", json!(" "), "device nonce required", "DEVICE_AUTH_NONCE_REQUIRED"),
        ("nonce", json!("captured"), "device nonce mismatch", "DEVICE_AUTH_NONCE_MISMATCH"),
        ("signature", json!("A".repeat(86)), "device signature invalid", "DEVICE_AUTH_SIGNATURE_INVALID"),
    ];
    for (member, value, text, detail) in changes {
        for protocol in [3, 4] {
            let knock = gateway.knock(&Device::node(&["system.run"])).protocols(protocol, protocol).from_elsewhere();
            let no = knock.open_changed(|params| params["device"][member] = value.clone()).await.err().unwrap();
            assert_refused(&no, text, detail);
        }
    }
    // What was signed is what counts: a role, a scope or a token that was exchanged on the way breaks the signature.
    for (member, value) in [("role", json!("operator")), ("scopes", json!(["operator.admin"]))] {
        let knock = gateway.knock(&Device::node(&["system.run"])).from_elsewhere();
        let no = knock.open_changed(|params| params[member] = value.clone()).await.err().unwrap();
        assert_refused(&no, "device signature invalid", "DEVICE_AUTH_SIGNATURE_INVALID");
    }
    let list = gateway.owner_peer().await.call("device.pair.list", json!({})).await.unwrap();
    assert_eq!(list["pending"], json!([]));
}

#[tokio::test]
async fn sec_036_a_captured_connect_is_worthless_on_another_socket() {
    let gateway = TestGateway::start().await;
    let device = Device::operator(&READ);
    let (mut first, nonce) = RawSocket::open(gateway.port()).await;
    let mut params = device.params();
    params.auth = Some(TestGateway::auth());
    let captured = text_frame(&connect_request(params, device.key(), &nonce));
    first.write(&captured).await;
    let (_, answer) = first.read_frame().await.unwrap();
    assert_eq!(serde_json::from_slice::<Value>(&answer).unwrap()["ok"], true);
    let (mut second, _) = RawSocket::open(gateway.port()).await;
    second.write(&captured).await;
    assert_eq!(second.closed().await, (1008, "device nonce mismatch".to_owned()));
}

#[tokio::test]
async fn sec_036_a_wrong_secret_is_reported_only_after_the_signature() {
    let gateway = TestGateway::start().await;
    let knock = gateway.knock(&Device::operator(&READ)).token("wrong");
    let no = knock.open_changed(|params| params["device"]["signature"] = json!("A".repeat(86))).await.err().unwrap();
    assert_eq!(no.detail(), "DEVICE_AUTH_SIGNATURE_INVALID");
    assert!(no.error["details"].get("deviceId").is_none(), "an unproved device is not named");
}

#[tokio::test]
async fn sec_038_without_a_device_only_the_local_secret_counts_and_scopes_are_dropped() {
    let gateway = TestGateway::start().await;
    let required = |no: &Refused| {
        assert_refused(no, "device identity required", "DEVICE_IDENTITY_REQUIRED");
        assert_eq!(no.error["code"], "NOT_PAIRED");
    };
    for protocol in [3, 4] {
        let knock = |device: &Device| gateway.knock(device).protocols(protocol, protocol).without_device();
        required(&refused(knock(&Device::node(&["system.run"])).token(TOKEN)).await);
        required(&refused(knock(&Device::operator(&READ))).await);
        required(&refused(knock(&Device::operator(&READ)).token(TOKEN).from_elsewhere()).await);
        let page = knock(&Device::operator(&READ)).token(TOKEN).header("Origin", "http://localhost:5173");
        required(&refused(page).await);
        let no = refused(knock(&Device::operator(&READ)).token("wrong")).await;
        assert_eq!(no.detail(), "AUTH_TOKEN_MISMATCH");
        assert_eq!(no.error["details"]["canRetryWithDeviceToken"], false);
        let no = refused(knock(&Device::operator(&READ)).token(TOKEN).with(|params| {
            params.client.id = "openclaw-control-ui".into();
            params.client.mode = "webchat".into();
        }))
        .await;
        assert_eq!(no.detail(), "CONTROL_UI_ORIGIN_NOT_ALLOWED", "a Control UI without an origin");
    }
    let probe = Device::operator(&READ);
    let probe =
        gateway.knock(&probe).v3().without_device().token(TOKEN).with(|params| params.client.mode = "probe".into());
    let mut peer = probe.open().await.unwrap();
    let error = peer.call("node.list", json!({})).await.unwrap_err();
    assert_eq!(
        (&error["code"], &error["message"]),
        (&json!("INVALID_REQUEST"), &json!("missing scope: operator.read"))
    );
    assert_eq!(peer.call("health", json!({})).await.unwrap()["ok"], true);
    let backend = gateway.knock(&Device::operator(&READ)).without_device().token(TOKEN).with(|params| {
        params.client.id = "gateway-client".into();
        params.client.mode = "backend".into();
    });
    backend.open().await.unwrap().call("node.list", json!({})).await.expect("the backend's own connection");
    let cli = gateway.knock(&Device::operator(&READ)).v4().without_device().token(TOKEN);
    cli.open().await.unwrap().call("node.list", json!({})).await.expect("the v4 CLI on this machine");
}

#[tokio::test]
async fn params_that_break_the_schema_are_named() {
    let gateway = TestGateway::start().await;
    let cases: [(Change, &str); 6] = [
        (|p| p["client"]["id"] = json!("mine"), "at /client/id: must be equal to one of the allowed values"),
        (|p| p["client"]["mode"] = json!("x"), "at /client/mode: must be equal to one of the allowed values"),
        (|p| p["foo"] = json!(1), "at root: unexpected property 'foo'"),
        (|p| p["minProtocol"] = json!(0), "at /minProtocol: must be >= 1"),
        (|p| drop(p.as_object_mut().unwrap().remove("client")), "must have required property 'client'"),
        (|p| p["scopes"] = json!([""]), "at /scopes/0: must NOT have fewer than 1 characters"),
    ];
    for (change, problem) in cases {
        let no = gateway.knock(&Device::operator(&READ)).token(TOKEN).open_changed(change).await.err().unwrap();
        let text = format!("invalid connect params: {problem}");
        assert!(no.message().starts_with(&text), "{no:?}");
        assert_eq!((no.code, no.reason), (1008, text));
        assert_eq!(no.error["code"], "INVALID_REQUEST");
    }
    for role in ["admin", "Node", "operator "] {
        let knock = gateway.knock(&Device::operator(&READ)).with(|params| params.role = Some(role.into()));
        let no = refused(knock).await;
        assert_eq!((no.code, no.reason.as_str()), (1008, "invalid role"));
        assert!(no.message().starts_with("invalid role"));
    }
}

#[tokio::test]
async fn sec_032_what_comes_first_has_to_be_a_connect() {
    let gateway = TestGateway::start().await;
    let mut wire = gateway.wire().await;
    wire.send("x", "health", json!({})).await;
    let answer = wire.answer("x").await;
    assert_eq!(answer["error"]["message"], "invalid handshake: first request must be connect");
    let reason = "invalid handshake: first request must be connect";
    assert_eq!(wire.closed().await, (1008, reason.to_owned()));
    for (text, close) in [
        ("hello", (1000, "")),
        ("{\"type\":\"req\"}", (1008, "invalid request frame")),
        ("{\"type\":\"res\",\"id\":\"1\",\"ok\":true}", (1008, "invalid request frame")),
        ("[1,2,3]", (1008, "invalid request frame")),
    ] {
        let mut wire = gateway.wire().await;
        wire.send_text(text).await;
        assert_eq!(wire.closed().await, (close.0, close.1.to_owned()), "{text}");
    }
}

#[tokio::test]
async fn sec_032_a_method_behind_a_refused_connect_in_one_write_never_runs() {
    let gateway = TestGateway::start().await;
    let victim = Device::operator(&READ);
    drop(gateway.knock(&victim).token(TOKEN).open().await.unwrap());
    let remove = json!({
        "type": "req", "id": "2", "method": "device.pair.remove", "params": {"deviceId": victim.id()},
    });
    for token in ["wrong", TOKEN] {
        let (mut socket, nonce) = RawSocket::open(gateway.port()).await;
        let attacker = Device::operator(&["operator.admin"]);
        let mut params = attacker.params();
        params.auth = Some(TestGateway::auth());
        params.auth.as_mut().unwrap().token = Some(token.to_owned());
        let mut bytes = text_frame(&connect_request(params, attacker.key(), &nonce));
        bytes.extend(text_frame(&remove.to_string()));
        socket.write(&bytes).await;
        let mut answers = Vec::new();
        while answers.len() < 2
            && let Some((opcode, payload)) = socket.read_frame().await
            && opcode == 1
        {
            let frame: Value = serde_json::from_slice(&payload).unwrap();
            if frame["type"] == "res" {
                answers.push(frame["ok"] == true);
            }
        }
        let devices = gateway.owner_peer().await.call("device.pair.list", json!({})).await.unwrap();
        let still = devices["paired"].to_string().contains(victim.id().as_str());
        // The second round shows that the same bytes do run with the right secret.
        if token == TOKEN {
            assert_eq!((answers, still), (vec![true, true], false));
        } else {
            assert_eq!((answers, still), (vec![false], true));
        }
    }
}

#[tokio::test]
async fn a_second_connect_is_refused_and_the_connection_lives_on() {
    let gateway = TestGateway::start().await;
    let (_, mut peer) = gateway.operator_peer(&READ, 4).await;
    let error = peer.call("connect", json!({})).await.unwrap_err();
    assert_eq!(error["message"], "connect is only valid as the first request");
    assert_eq!(error["code"], "INVALID_REQUEST");
    peer.catch_up().await;
}
