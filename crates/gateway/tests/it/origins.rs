//! Pages and proxies: who is local, which origins may talk, what a proxy may say (security.md §§2, 3, 14).

use openclaw_testkit::{Device, Knock, TOKEN, TestGateway};
use serde_json::json;

const READ: [&str; 1] = ["operator.read"];
const UI: &str = "https://claw.example.org";

fn control_ui(knock: Knock<'_>) -> Knock<'_> {
    knock.with(|params| {
        params.client.id = "openclaw-control-ui".into();
        params.client.mode = "webchat".into();
    })
}

async fn outcome(knock: Knock<'_>) -> String {
    match knock.open().await {
        Ok(_) => "in".to_owned(),
        Err(refused) => refused.detail().to_owned(),
    }
}

async fn records(gateway: &TestGateway) -> usize {
    let list = gateway.owner_peer().await.call("device.pair.list", json!({})).await.unwrap();
    // The owner's own record is always there.
    list["pending"].as_array().unwrap().len() + list["paired"].as_array().unwrap().len() - 1
}

#[tokio::test]
async fn sec_020_every_origin_is_checked_whatever_the_client_says_it_is() {
    let gateway = TestGateway::start_with(json!({"gateway": {"controlUi": {"allowedOrigins": [UI]}}})).await;
    let no = "CONTROL_UI_ORIGIN_NOT_ALLOWED";
    for (origin, from_here, from_elsewhere) in [
        (UI, true, true),
        ("HTTPS://CLAW.EXAMPLE.ORG", true, true),
        ("http://localhost:5173", true, false),
        ("http://127.0.0.1:18789", true, false),
        ("null", false, false),
        ("https://evil.example", false, false),
        ("https://claw.example.org.evil.example", false, false),
        ("https://evilclaw.example.org", false, false),
        ("https://claw.example.org:8443", false, false),
        ("http://claw.example.org", false, false),
        ("http://localhost.evil.example", false, false),
    ] {
        for client in ["cli", "control-ui", "node-host"] {
            let device = if client == "node-host" { Device::node(&["system.which"]) } else { Device::operator(&READ) };
            let knock = || {
                let knock = gateway.knock(&device).header("Origin", origin).token(TOKEN);
                if client == "control-ui" { control_ui(knock) } else { knock }
            };
            let here = outcome(knock()).await;
            assert_eq!(here != no, from_here, "{client} {origin} here: {here}");
            let elsewhere = outcome(knock().from_elsewhere()).await;
            assert_eq!(elsewhere != no, from_elsewhere, "{client} {origin} elsewhere: {elsewhere}");
        }
    }
}

#[tokio::test]
async fn sec_020_the_refusal_names_the_setting_and_the_control_ui_needs_an_origin() {
    let gateway = TestGateway::start().await;
    let text = "origin not allowed (open the Control UI from the gateway host or allow it in \
                gateway.controlUi.allowedOrigins)";
    for (origin, reason) in [
        (Some("https://evil.example"), "origin not allowed"),
        (Some("null"), "origin missing or invalid"),
        (None, "origin missing or invalid"),
    ] {
        for protocol in [3, 4] {
            let mut knock = control_ui(gateway.knock(&Device::operator(&READ)).token(TOKEN));
            if let Some(origin) = origin {
                knock = knock.header("Origin", origin);
            }
            let refused = knock.protocols(protocol, protocol).open().await.err().unwrap();
            assert_eq!((refused.code, refused.reason.as_str()), (1008, text));
            assert!(refused.message().starts_with(text));
            assert_eq!(refused.error["details"]["reason"], reason);
        }
    }
    assert_eq!(records(&gateway).await, 0);
}

#[tokio::test]
async fn sec_020_the_host_header_counts_only_where_that_was_switched_on() {
    for (switched, expected) in [(false, "CONTROL_UI_ORIGIN_NOT_ALLOWED"), (true, "PAIRING_REQUIRED")] {
        let config = json!({"gateway": {"controlUi": {"dangerouslyAllowHostHeaderOriginFallback": switched}}});
        let gateway = TestGateway::start_with(config).await;
        let knock = || control_ui(gateway.knock(&Device::operator(&READ)).token(TOKEN).host("box.lan:18789"));
        assert_eq!(outcome(knock().header("Origin", "http://box.lan:18789")).await, expected);
        let other = outcome(knock().header("Origin", "http://evil.lan:18789")).await;
        assert_eq!(other, "CONTROL_UI_ORIGIN_NOT_ALLOWED");
    }
}

#[tokio::test]
async fn sec_022_a_page_gets_ten_guesses_while_the_cli_logs_in() {
    let gateway = TestGateway::start_with(json!({"gateway": {"controlUi": {"allowedOrigins": [UI]}}})).await;
    let mut compared = 0;
    for attempt in 0..30 {
        let knock = gateway.knock(&Device::operator(&READ)).header("Origin", UI).token(&format!("guess {attempt}"));
        let refused = knock.open().await.err().unwrap();
        match refused.detail() {
            "AUTH_TOKEN_MISMATCH" => compared += 1,
            "AUTH_RATE_LIMITED" => {
                assert_eq!(refused.error["retryable"], true);
                assert!(refused.error["retryAfterMs"].as_u64().unwrap() > 0);
                assert_eq!(refused.error["details"]["recommendedNextStep"], "wait_then_retry");
            }
            other => panic!("{other}"),
        }
    }
    assert_eq!(compared, 10);
    // The right secret does not help the page any more; the CLI on this machine is not disturbed.
    let knock = gateway.knock(&Device::operator(&READ)).header("Origin", UI).token(TOKEN);
    assert_eq!(outcome(knock).await, "AUTH_RATE_LIMITED");
    assert_eq!(outcome(gateway.knock(&Device::operator(&READ)).token(TOKEN)).await, "in");
}

#[tokio::test]
async fn sec_023_only_the_control_ui_pairs_silently_from_a_page() {
    let gateway = TestGateway::start().await;
    let foreign = gateway.knock(&Device::operator(&READ)).header("Origin", "https://evil.example").token(TOKEN);
    assert_eq!(outcome(foreign).await, "CONTROL_UI_ORIGIN_NOT_ALLOWED");
    assert_eq!(records(&gateway).await, 0);
    let page = || gateway.knock(&Device::operator(&READ)).header("Origin", "http://localhost:18789");
    assert_eq!(outcome(page().token(TOKEN)).await, "PAIRING_REQUIRED", "a page that is not the Control UI");
    assert_eq!(outcome(control_ui(page())).await, "AUTH_TOKEN_MISSING", "the Control UI without the secret");
    assert_eq!(outcome(control_ui(page()).token(TOKEN)).await, "in");
}

#[tokio::test]
async fn sec_033_a_page_does_not_get_to_guess_the_owners_secret() {
    let gateway = TestGateway::start().await;
    let secret = gateway.owner_secret();
    let page = gateway.knock(&Device::operator(&READ)).header("Origin", "http://localhost:18789");
    assert_eq!(outcome(control_ui(page).token(secret.expose())).await, "AUTH_TOKEN_MISMATCH");
    let remote = gateway.knock(&Device::operator(&READ)).from_elsewhere().token(secret.expose());
    assert_eq!(outcome(remote).await, "AUTH_TOKEN_MISMATCH");
}

#[tokio::test]
async fn sec_025_a_rebound_name_on_loopback_is_not_local() {
    let gateway = TestGateway::start().await;
    for host in ["rebind.example:18789", "127.0.0.1.evil.example", "localhost.evil.example", "10.9.9.9"] {
        let knock = gateway.knock(&Device::node(&["system.run"])).host(host).token(TOKEN);
        assert_eq!(outcome(knock).await, "PAIRING_REQUIRED", "{host}");
    }
    for host in ["localhost:18789", "LOCALHOST.", "[::1]:18789", "127.9.9.9"] {
        let knock = gateway.knock(&Device::node(&["system.run"])).host(host).token(TOKEN);
        assert_eq!(outcome(knock).await, "in", "{host}");
    }
}

#[tokio::test]
async fn sec_161_a_forwarding_header_takes_locality_away_and_never_gives_any() {
    let gateway = TestGateway::start().await;
    for (name, value) in [
        ("Forwarded", "for=127.0.0.1"),
        ("X-Forwarded-For", "127.0.0.1"),
        ("x-forwarded-host", "localhost"),
        ("X-Real-IP", "127.0.0.1"),
        ("CF-Connecting-IP", "127.0.0.1"),
        ("Tailscale-User-Login", "owner@example.org"),
    ] {
        let knock = || gateway.knock(&Device::node(&["system.run"])).header(name, value);
        assert_eq!(outcome(knock().token(TOKEN)).await, "PAIRING_REQUIRED", "{name}");
        let owner = outcome(knock().token(gateway.owner_secret().expose())).await;
        assert_eq!(owner, "AUTH_TOKEN_MISMATCH", "{name}: the owner's secret counts on a direct connection only");
    }
}

fn proxied() -> serde_json::Value {
    json!({"gateway": {
        "trustedProxies": ["127.0.0.1"],
        "controlUi": {"allowedOrigins": [UI]},
        "auth": {"mode": "trusted-proxy", "token": null, "trustedProxy": {
            "userHeader": "X-Auth-User", "requiredHeaders": ["X-Auth-Proxy"], "allowUsers": ["ada"],
        }},
    }})
}

#[tokio::test]
async fn sec_162_a_trusted_proxy_vouches_for_one_listed_user_and_for_no_scope_beyond_policy() {
    let gateway = TestGateway::start_with(proxied()).await;
    let page =
        || control_ui(gateway.knock(&Device::operator(&["operator.admin", "operator.read"]))).header("Origin", UI);
    let good = || page().header("x-auth-proxy", "1").header("X-AUTH-USER", "ada").without_device();
    let peer = good().v4().open().await.unwrap();
    assert_eq!(peer.hello["auth"]["scopes"], json!(["operator.read"]), "no scope by a page's own word");
    for (knock, reason) in [
        (page().header("X-Auth-User", "ada"), "trusted_proxy_missing_header_x-auth-proxy"),
        (page().header("X-Auth-Proxy", "1"), "trusted_proxy_user_missing"),
        (page().header("X-Auth-Proxy", "1").header("X-Auth-User", "eve"), "trusted_proxy_user_not_allowed"),
        (page().header("X-Auth-Proxy", "1").header("X-Auth-User", "ada, eve"), "trusted_proxy_user_missing"),
        (
            page().header("X-Auth-Proxy", "1").header("X-Auth-User", "ada").header("x-auth-user", "ada"),
            "trusted_proxy_user_missing",
        ),
    ] {
        let refused = knock.open().await.err().unwrap();
        assert_eq!(refused.error["details"]["authReason"], reason);
        assert!(refused.message().starts_with("unauthorized"));
    }
    let node = gateway.knock(&Device::node(&["system.run"])).header("X-Auth-Proxy", "1").header("X-Auth-User", "ada");
    assert_eq!(outcome(node).await, "PAIRING_REQUIRED", "a node is paired all the same");
}

#[tokio::test]
async fn sec_162_a_peer_that_is_no_trusted_proxy_may_say_what_it_likes() {
    let mut config = proxied();
    config["gateway"]["trustedProxies"] = json!(["10.0.0.1"]);
    let gateway = TestGateway::start_with(config).await;
    let knock = control_ui(gateway.knock(&Device::operator(&READ))).header("Origin", UI);
    let refused = knock.header("X-Auth-Proxy", "1").header("X-Auth-User", "ada").open().await.err().unwrap();
    assert_eq!(refused.error["details"]["authReason"], "trusted_proxy_untrusted_source");
}
