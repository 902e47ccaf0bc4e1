//! Health, status, configuration, logs and HTTP through real sockets.

use openclaw_client::{DialError, DialOptions, Endpoint};
use openclaw_identity::Fingerprint;
use openclaw_protocol::{
    method::NoParams,
    methods::{config, core, gateway, logs},
};
use openclaw_testkit::{Device, TestGateway, eventually};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

/// The answer to one HTTP request: status line, headers in lower case, body.
async fn http(gateway: &TestGateway, request: &str) -> (String, String, String) {
    let mut stream = TcpStream::connect(("127.0.0.1", gateway.port())).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let (status, headers) = head.split_once("\r\n").unwrap();
    (status.to_owned(), headers.to_lowercase(), body.to_owned())
}

fn get(path: &str, more: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{more}\r\n")
}

/// The headers that make a connection remote, whatever its address (SEC-161).
const FROM_ELSEWHERE: &str = "X-Forwarded-For: 203.0.113.9\r\n";

#[tokio::test]
async fn sec_004_a_stranger_sees_whether_it_is_ready_and_nothing_more() {
    let gateway = TestGateway::start().await;
    let (status, headers, body) = http(&gateway, &get("/healthz", FROM_ELSEWHERE)).await;
    assert_eq!((status.as_str(), body.as_str()), ("HTTP/1.1 200 OK", r#"{"ok":true,"status":"live"}"#));
    assert!(headers.contains("cache-control: no-store"), "{headers}");
    let (_, _, body) = http(&gateway, &get("/readyz", FROM_ELSEWHERE)).await;
    assert_eq!(body, r#"{"ready":true}"#);
    let (_, _, body) = http(&gateway, &get("/startupz", FROM_ELSEWHERE)).await;
    assert_eq!(body, r#"{"ok":true,"status":"started"}"#);
}

#[tokio::test]
async fn details_are_for_this_machine_and_for_bearers_of_the_secret() {
    let gateway = TestGateway::start().await;
    let (_, _, body) = http(&gateway, &get("/readyz", "")).await;
    assert!(body.contains("uptimeMs"), "{body}");
    let bearer = format!("{FROM_ELSEWHERE}Authorization: Bearer {}\r\n", openclaw_testkit::gateway::TOKEN);
    let (_, _, body) = http(&gateway, &get("/readyz", &bearer)).await;
    assert!(body.contains("uptimeMs"), "{body}");
    let wrong = format!("{FROM_ELSEWHERE}Authorization: Bearer wrong\r\n");
    assert_eq!(http(&gateway, &get("/readyz", &wrong)).await.2, r#"{"ready":true}"#);
}

#[tokio::test]
async fn sec_040_identity_headers_open_nothing_over_http() {
    let config = json!({"gateway": {"trustedProxies": ["127.0.0.1"], "auth": {
        "mode": "trusted-proxy", "trustedProxy": {"userHeader": "x-user"}}}});
    let gateway = TestGateway::start_with(config).await;
    let claims = "X-User: owner\r\nTailscale-User-Login: owner@example.com\r\nX-Forwarded-For: 203.0.113.9\r\n";
    assert_eq!(http(&gateway, &get("/readyz", claims)).await.2, r#"{"ready":true}"#);
    let bearer = format!("{claims}Authorization: Bearer anything\r\n");
    assert_eq!(http(&gateway, &get("/readyz", &bearer)).await.2, r#"{"ready":true}"#);
}

#[tokio::test]
async fn sec_024_sec_026_another_sites_page_changes_nothing_and_reads_nothing() {
    let gateway = TestGateway::start().await;
    let post = |path: &str, more: &str| {
        format!("POST {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: 0\r\n{more}\r\n")
    };
    for path in ["/", "/healthz", "/anything"] {
        for sign in ["Origin: https://evil.example\r\n", "Sec-Fetch-Site: cross-site\r\n", "Origin: null\r\n"] {
            assert_eq!(http(&gateway, &post(path, sign)).await.0, "HTTP/1.1 403 Forbidden", "{path} {sign}");
        }
    }
    let (status, headers, body) = http(&gateway, &post("/healthz", "")).await;
    assert_eq!((status.as_str(), body.as_str()), ("HTTP/1.1 405 Method Not Allowed", "Method Not Allowed"));
    assert!(headers.contains("allow: get, head"), "{headers}");
    let (_, headers, _) = http(&gateway, &get("/healthz", "Origin: https://evil.example\r\n")).await;
    assert!(!headers.contains("access-control-allow-origin"), "{headers}");
}

#[tokio::test]
async fn sec_182_every_answer_carries_the_headers_that_protect_a_browser() {
    let gateway = TestGateway::start().await;
    for path in ["/", "/healthz", "/readyz", "/no/such/page"] {
        let (status, headers, body) = http(&gateway, &get(path, "")).await;
        for header in ["x-content-type-options: nosniff", "referrer-policy: no-referrer", "x-frame-options: deny"] {
            assert!(headers.contains(header), "{path}: {headers}");
        }
        if path == "/" {
            assert!(headers.contains("content-security-policy: default-src 'none'"), "{headers}");
            assert!(body.contains(gateway.running().instance_id()) && body.contains("openclaw devices invite"));
        }
        if path == "/no/such/page" {
            assert_eq!((status.as_str(), body.as_str()), ("HTTP/1.1 404 Not Found", "Not Found"));
        }
    }
}

#[tokio::test]
async fn status_says_which_gateway_answers_and_what_waits() {
    let gateway = TestGateway::start().await;
    let owner = gateway.owner().await;
    let status = owner.connection.call::<core::Status>(NoParams {}).await.unwrap();
    assert_eq!(status["gateway"]["instanceId"], gateway.running().instance_id());
    assert_eq!(status["gateway"]["pid"], std::process::id());
    assert_eq!(status["nodes"], json!({"paired": 0, "connected": 0, "pending": 0}));
    assert_eq!(status["configReload"], json!({"ok": true}));
    for member in ["runtimeVersion", "heartbeat", "channelSummary", "queuedSystemEvents", "sessions"] {
        assert!(!status[member].is_null(), "{member}");
    }
}

#[tokio::test]
async fn health_answers_and_presence_lists_who_is_there() {
    let gateway = TestGateway::start().await;
    let owner = gateway.owner().await;
    let health = owner.connection.call::<core::Health>(core::HealthParams { probe: Some(true) }).await.unwrap();
    assert_eq!((&health["ok"], &health["agents"][0]["agentId"]), (&json!(true), &json!("main")));
    let _node = gateway.dial(&Device::node(&[]), &gateway.shared_token()).await.unwrap();
    let presence = owner.connection.call::<core::SystemPresence>(NoParams {}).await.unwrap();
    let modes: Vec<_> = presence.iter().filter_map(|entry| entry.mode.as_deref()).collect();
    assert!(modes.contains(&"gateway") && modes.contains(&"node"), "{modes:?}");
    assert!(!modes.contains(&"cli"), "{modes:?}");
}

#[tokio::test]
async fn sec_075_reading_shows_no_secret_and_writing_the_marker_back_keeps_it() {
    let gateway = TestGateway::start().await;
    let owner = gateway.owner().await;
    let shown = owner.connection.call::<config::Get>(NoParams {}).await.unwrap();
    assert!(!shown.to_string().contains(openclaw_testkit::gateway::TOKEN));
    let mut parsed = shown["parsed"].clone();
    parsed["gateway"]["nodes"] = json!({"denyCommands": ["camera.snap"]});
    let params = config::SetParams { raw: parsed.to_string(), base_hash: Some(text(&shown["hash"])) };
    let reply = owner.connection.call::<config::Set>(params).await.unwrap();
    assert_eq!(reply.config["gateway"]["auth"]["token"], "__OPENCLAW_REDACTED__");
    let file = std::fs::read_to_string(gateway.paths().config_path).unwrap();
    assert!(file.contains(openclaw_testkit::gateway::TOKEN) && file.contains("camera.snap"), "{file}");
}

#[tokio::test]
async fn sec_076_a_write_needs_the_hash_of_what_was_read_and_a_valid_result() {
    let gateway = TestGateway::start().await;
    let owner = gateway.owner().await;
    let patch = async |raw: &str, hash: Option<String>| {
        let params = json!({"raw": raw, "baseHash": hash});
        let params = serde_json::from_value::<config::ApplyParams>(params).unwrap();
        let refused = owner.connection.call::<config::Patch>(params).await;
        refused.map(|reply| reply.restart).map_err(|error| error.refused().unwrap().message.clone())
    };
    let hash = text(&owner.connection.call::<config::Get>(NoParams {}).await.unwrap()["hash"]);
    let good = "{gateway: {nodes: {denyCommands: ['a']}}}";
    assert_eq!(patch(good, None).await.unwrap_err(), "config base hash required; re-run config.get and retry");
    let old = "config changed since last load; re-run config.get and retry";
    assert_eq!(patch(good, Some("0".repeat(64))).await.unwrap_err(), old);
    assert_eq!(patch("[]", Some(hash.clone())).await.unwrap_err(), "config.patch raw must be an object");
    let unknown = patch("{gateway: {bogus: 1}}", Some(hash.clone())).await.unwrap_err();
    assert!(unknown.starts_with("invalid config: gateway: Unrecognized key"), "{unknown}");
    let restart = patch(good, Some(hash)).await.unwrap().unwrap();
    assert_eq!((&restart["ok"], &restart["mode"]), (&json!(true), &json!("none")));
}

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

#[tokio::test]
async fn sec_039_connections_that_rest_on_the_old_secret_end_and_paired_devices_stay() {
    let gateway = TestGateway::start().await;
    let owner = gateway.owner().await;
    let mut keyless = Device::operator(&["operator.read"]);
    keyless.caller.key = None;
    let keyless = gateway.dial(&keyless, &gateway.shared_token()).await.unwrap();
    let hash = text(&owner.connection.call::<config::Get>(NoParams {}).await.unwrap()["hash"]);
    let raw = "{gateway: {auth: {token: 'another-token-9876543210fedcba98765'}}}".to_owned();
    let params = serde_json::from_value::<config::ApplyParams>(json!({"raw": raw, "baseHash": hash})).unwrap();
    owner.connection.call::<config::Patch>(params).await.unwrap();
    let closed = openclaw_testkit::within("the connection to end", keyless.connection.closed()).await;
    assert!(format!("{closed:?}").contains("gateway auth changed"), "{closed:?}");
    assert!(owner.connection.is_open());
}

#[tokio::test]
async fn rel_009_a_file_broken_by_hand_shows_in_status_and_changes_nothing() {
    let gateway = TestGateway::start().await;
    let owner = gateway.owner().await;
    openclaw_store::files::write_atomic(&gateway.paths().config_path, b"{gateway: {").unwrap();
    let problem = eventually("status to show it", || async {
        let status = owner.connection.call::<core::Status>(NoParams {}).await.unwrap();
        status["configReload"]["problem"].as_str().map(str::to_owned)
    })
    .await;
    assert!(problem.contains("JSON5 parse failed"), "{problem}");
    gateway.dial(&Device::operator(&["operator.read"]), &gateway.shared_token()).await.expect("the old secret counts");
}

#[tokio::test]
async fn a_suspended_gateway_takes_no_new_work_until_it_is_resumed() {
    let gateway = TestGateway::start().await;
    let owner = gateway.owner().await;
    let params = gateway::SuspendPrepareParams { request_id: "r".into(), terminal_policy: None, drain: None };
    let ready = owner.connection.call::<gateway::SuspendPrepare>(params).await.unwrap();
    let gateway::SuspendPrepareReply::Ready { suspension_id, .. } = ready else { panic!("{ready:?}") };
    assert_eq!(http(&gateway, &get("/readyz", FROM_ELSEWHERE)).await.0, "HTTP/1.1 503 Service Unavailable");
    let set = config::SetParams { raw: "{}".into(), base_hash: None };
    let refused = owner.connection.call::<config::Set>(set).await.unwrap_err();
    assert_eq!(refused.refused().unwrap().retry_after_ms, Some(2_000));
    let params = gateway::SuspensionParams { suspension_id };
    assert!(owner.connection.call::<gateway::SuspendResume>(params).await.unwrap().resumed);
    assert!(http(&gateway, &get("/readyz", FROM_ELSEWHERE)).await.0.ends_with("200 OK"));
}

#[tokio::test]
async fn identity_preflight_schema_and_logs_answer() {
    let gateway = TestGateway::start().await;
    let owner = gateway.owner().await;
    let identity = owner.connection.call::<gateway::IdentityGet>(NoParams {}).await.unwrap();
    assert_eq!(identity.instance_id, gateway.running().instance_id());
    assert!(identity.device_id.is_well_formed());
    assert!(owner.connection.call::<gateway::RestartPreflight>(NoParams {}).await.unwrap().safe);
    let path = "gateway.auth.token".to_owned();
    let found = owner.connection.call::<config::SchemaLookup>(config::SchemaLookupParams { path }).await.unwrap();
    assert_eq!((&found["path"], &found["hint"]["sensitive"]), (&json!("gateway.auth.token"), &json!(true)));
    let path = "no.such.key".to_owned();
    let lost = owner.connection.call::<config::SchemaLookup>(config::SchemaLookupParams { path }).await.unwrap_err();
    assert_eq!(lost.refused().unwrap().message, "config schema path not found");
    let tail = owner.connection.call::<logs::Tail>(logs::TailParams::default()).await.unwrap();
    assert_eq!((tail.cursor, tail.lines.len()), (0, 0));
}

#[tokio::test]
async fn sec_015_tls_is_spoken_on_the_same_port_with_the_certificate_that_is_told() {
    let gateway = TestGateway::start_with(json!({"gateway": {"tls": {"enabled": true}}})).await;
    assert!(gateway.running().url().starts_with("wss://"), "{}", gateway.running().url());
    let fingerprint = Fingerprint::parse(gateway.running().fingerprint().unwrap()).unwrap();
    let endpoint = Endpoint::parse(gateway.running().url()).unwrap();
    let device = Device::operator(&["operator.read"]);
    let dial = async |endpoint: Endpoint| {
        let (caller, credentials) = (&device.caller, gateway.shared_token());
        openclaw_client::dial(&endpoint, caller, &credentials, &DialOptions::default(), &mut |_| {}).await
    };
    let connected = dial(endpoint.clone().with_pin(fingerprint)).await.unwrap();
    assert!(connected.connection.call::<core::Health>(core::HealthParams::default()).await.is_ok());
    let other = Fingerprint::of_der(b"another certificate");
    assert!(matches!(dial(endpoint.with_pin(other)).await, Err(DialError::PinMismatch { .. })));
}

#[tokio::test]
async fn sec_014_beyond_loopback_the_port_takes_tls_beside_plain_text_without_any_setting() {
    let gateway = TestGateway::start_with(json!({"gateway": {"bind": "lan"}})).await;
    let pin = Fingerprint::parse(gateway.running().fingerprint().expect("a certificate")).unwrap();
    let secure = Endpoint::parse(&gateway.url().replace("ws://", "wss://")).unwrap().with_pin(pin);
    let device = Device::operator(&["operator.read"]);
    let options = DialOptions::default();
    let over_tls = openclaw_client::dial(&secure, &device.caller, &gateway.shared_token(), &options, &mut |_| {}).await;
    over_tls.expect("TLS is taken");
    gateway.dial(&device, &gateway.shared_token()).await.expect("plain text is taken from this machine");
}
