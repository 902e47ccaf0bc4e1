//! hello-ok in both dialects, and which protocols are spoken (protocol.md §§3.3, 3.7).

use std::collections::BTreeSet;

use openclaw_testkit::{Device, TOKEN, TestGateway};
use serde_json::{Value, json};

const OWNER: [&str; 5] =
    ["operator.admin", "operator.read", "operator.write", "operator.approvals", "operator.pairing"];

fn members(value: &Value) -> BTreeSet<&str> {
    value.as_object().map(|members| members.keys().map(String::as_str).collect()).unwrap_or_default()
}

/// The published schema of hello-ok is closed: whoever validates refuses anything else.
fn has_only(value: &Value, required: &[&str], optional: &[&str]) {
    let found = members(value);
    for name in required {
        assert!(found.contains(name), "{name} is missing in {value}");
    }
    for name in &found {
        assert!(required.contains(name) || optional.contains(name), "{name} is not in the schema: {value}");
    }
}

#[tokio::test]
async fn a_v4_hello_has_what_the_closed_schema_wants_and_nothing_else() {
    let gateway = TestGateway::start().await;
    let operator = gateway.operator_peer(&OWNER, 4).await.1.hello;
    let node = gateway.node_peer(&["system.run"], 4).await.1.hello;
    let alone = gateway.knock(&Device::operator(&OWNER)).v4().without_device().token(TOKEN).open().await.unwrap().hello;
    for hello in [&operator, &node, &alone] {
        has_only(hello, &["type", "protocol", "server", "features", "snapshot", "auth", "policy"], &[]);
        assert_eq!((&hello["type"], &hello["protocol"]), (&json!("hello-ok"), &json!(4)));
        has_only(&hello["server"], &["version", "connId", "bootId"], &["buildId"]);
        has_only(&hello["features"], &["methods", "events"], &["capabilities"]);
        let optional = ["suspension", "appliedConfigHash", "configPath", "stateDir", "sessionDefaults", "authMode"];
        has_only(&hello["snapshot"], &["presence", "health", "stateVersion", "uptimeMs"], &optional);
        let optional = ["deviceToken", "issuedAtMs", "deviceTokens"];
        has_only(&hello["auth"], &["role", "scopes"], &optional);
        let optional = ["attachments", "allowedSessionVisibilities", "hasMultipleSessionSharingIdentities"];
        has_only(&hello["policy"], &["maxPayload", "maxBufferedBytes", "tickIntervalMs"], &optional);
        assert_eq!(hello["policy"]["maxPayload"], 26_214_400);
        assert_eq!(hello["policy"]["attachments"]["maxBytes"], 19_464_192);
        assert_eq!(hello["snapshot"]["suspension"]["phase"], "accepting");
    }
    assert_eq!(operator["auth"]["role"], "operator");
    assert_eq!(operator["auth"]["deviceToken"].as_str().unwrap().len(), 43);
    assert_eq!(operator["snapshot"]["authMode"], "token");
    assert_eq!((&node["auth"]["role"], &node["auth"]["scopes"]), (&json!("node"), &json!([])));
    assert!(node["auth"]["deviceToken"].is_string(), "a node gets a token of its own");
    assert_eq!(node["snapshot"]["presence"], json!([]));
    assert!(alone["auth"].get("deviceToken").is_none());
}

#[tokio::test]
async fn a_v3_hello_has_its_own_members_and_no_auth_without_a_device() {
    let gateway = TestGateway::start().await;
    let operator = gateway.operator_peer(&OWNER, 3).await.1.hello;
    assert_eq!(operator["protocol"], 3);
    has_only(&operator["server"], &["version", "connId"], &[]);
    assert_eq!(members(&operator["policy"]).len(), 3, "{}", operator["policy"]);
    assert_eq!(operator["policy"]["tickIntervalMs"], 30_000);
    let mut sorted = OWNER.to_vec();
    sorted.sort_unstable();
    assert_eq!(operator["auth"]["scopes"], json!(sorted));
    assert!(operator["auth"]["deviceToken"].is_string() && operator["auth"]["issuedAtMs"].is_u64());
    for name in ["presence", "health", "stateVersion", "uptimeMs", "configPath", "stateDir", "sessionDefaults"] {
        assert!(operator["snapshot"].get(name).is_some(), "{name}");
    }
    assert!(operator["snapshot"].get("suspension").is_none());
    let alone = gateway.knock(&Device::operator(&OWNER)).v3().without_device().token(TOKEN).open().await.unwrap();
    assert!(alone.hello.get("auth").is_none());
}

#[tokio::test]
async fn the_features_are_what_works() {
    let gateway = TestGateway::start().await;
    let mut owner = gateway.owner_peer().await;
    let methods: Vec<String> = serde_json::from_value(owner.hello["features"]["methods"].clone()).unwrap();
    assert!(methods.iter().any(|name| name == "node.invoke") && !methods.iter().any(|name| name == "connect"));
    for method in methods {
        let error = owner.call(&method, json!({"noSuchMember": true})).await.err();
        let message = error.as_ref().and_then(|error| error["message"].as_str()).unwrap_or_default().to_owned();
        assert!(!message.starts_with("unknown method"), "{method}: {message}");
    }
    let error = owner.call("no.such.method", json!({})).await.unwrap_err();
    assert_eq!(error["message"], "unknown method: no.such.method");
}

#[tokio::test]
async fn the_highest_common_protocol_is_spoken_and_none_is_refused_with_1002() {
    let gateway = TestGateway::start().await;
    for device in [Device::operator(&["operator.read"]), Device::node(&["system.which"])] {
        for (min, max, spoken) in [(3, 3, 3), (4, 4, 4), (3, 4, 4), (1, 9, 4), (1, 3, 3)] {
            let peer = gateway.knock(&device).protocols(min, max).token(TOKEN).open().await.unwrap();
            assert_eq!(peer.hello["protocol"], spoken, "{min}..{max}");
        }
    }
    for (min, max) in [(5, 9), (1, 2), (4, 3)] {
        let device = Device::operator(&["operator.read"]);
        let refused = gateway.knock(&device).protocols(min, max).token(TOKEN).open().await.err().unwrap();
        assert_eq!((refused.code, refused.reason.as_str()), (1002, "protocol mismatch"), "{min}..{max}");
        assert!(refused.message().starts_with("protocol mismatch"));
        assert_eq!(refused.error["code"], "INVALID_REQUEST");
        let details = &refused.error["details"];
        assert_eq!(details["code"], "PROTOCOL_MISMATCH");
        assert_eq!(details["clientMinProtocol"], min);
        assert_eq!(details["clientMaxProtocol"], max);
        assert_eq!((&details["expectedProtocol"], &details["minimumProbeProtocol"]), (&json!(4), &json!(3)));
    }
}

#[tokio::test]
async fn sec_075_a_connection_without_read_learns_nothing_from_its_hello() {
    let gateway = TestGateway::start().await;
    let _present = gateway.node_peer(&["system.which"], 4).await;
    let health = gateway.operator_peer(&["operator.read"], 4).await.1.hello["snapshot"]["health"].clone();
    assert_eq!(health["ok"], true);
    for scopes in [&[][..], &["operator.pairing"], &["operator.approvals"]] {
        for protocol in [3, 4] {
            let snapshot = gateway.operator_peer(scopes, protocol).await.1.hello["snapshot"].clone();
            assert_eq!(snapshot["presence"], json!([]), "{scopes:?}");
            assert_eq!(snapshot["health"], json!({}), "{scopes:?}");
            for name in ["configPath", "stateDir", "authMode"] {
                assert!(snapshot.get(name).is_none(), "{scopes:?} v{protocol}: {name}");
            }
        }
    }
    let snapshot = gateway.operator_peer(&["operator.read"], 4).await.1.hello["snapshot"].clone();
    assert!(!snapshot["presence"].as_array().unwrap().is_empty());
    assert!(snapshot.get("stateDir").is_none(), "paths are for administrators");
}
