use std::time::Duration;

use openclaw_client::{CloseKind, Credentials, DialError, DialOptions, EndpointError, Phase};
use openclaw_identity::{PayloadVersion, PublicKey, Secret, verify_connect};
use openclaw_protocol::{scope::Role, version::Dialect};
use serde_json::json;
use tokio::io::AsyncReadExt as _;

use crate::gateway::{Gateway, NONCE, dial, dial_as, hello, operator, pass, token};

#[tokio::test]
async fn a_v3_and_a_v4_gateway_are_connected_to_in_their_dialects() {
    for (protocol, dialect) in [(3, Dialect::V3), (4, Dialect::V4)] {
        let gateway = Gateway::start().await;
        let endpoint = gateway.endpoint();
        let serve = async {
            let (mut peer, params) = gateway.accept_connect().await;
            assert_eq!((params.min_protocol, params.max_protocol), (3, 4));
            peer.answer_connect(&hello(protocol)).await;
            peer
        };
        let (connected, _peer) = tokio::join!(dial(&endpoint), serve);
        let connected = connected.unwrap();
        assert_eq!(connected.dialect, dialect);
        assert_eq!(connected.hello.auth.unwrap().role, Role::Operator);
        assert!(connected.connection.is_open());
    }
}

#[tokio::test]
async fn the_signature_is_over_this_connections_nonce_and_verifies() {
    let gateway = Gateway::start().await;
    let endpoint = gateway.endpoint();
    let serve = async {
        let (mut peer, params) = gateway.accept_connect().await;
        peer.answer_connect(&hello(4)).await;
        params
    };
    let (connected, params) = tokio::join!(dial(&endpoint), serve);
    connected.unwrap();
    let proof = params.device.clone().unwrap();
    assert_eq!(proof.nonce, NONCE);
    let key = PublicKey::parse(&proof.public_key).unwrap();
    assert_eq!(verify_connect(&params, &proof, Role::Operator, &key), Some(PayloadVersion::V3));
    assert_eq!(params.auth.unwrap().token.as_deref(), Some("t0ken"));
}

#[tokio::test]
async fn a_refusal_comes_with_its_details_and_its_close_frame() {
    let gateway = Gateway::start().await;
    let endpoint = gateway.endpoint();
    let serve = async {
        let (mut peer, _) = gateway.accept_connect().await;
        let details = json!({"code": "PAIRING_REQUIRED", "requestId": "r-1", "reason": "scope-upgrade"});
        peer.refuse_connect("NOT_PAIRED", "pairing required", details).await;
    };
    let (refused, ()) = tokio::join!(dial(&endpoint), serve);
    let error = refused.unwrap_err();
    let refusal = error.refusal().unwrap();
    assert_eq!((refusal.close_code, refusal.close_reason.as_str()), (Some(1008), "pairing required"));
    let pairing = refusal.pairing().unwrap();
    assert_eq!((pairing.request_id.as_deref(), pairing.reason.as_str()), (Some("r-1"), "scope-upgrade"));
    assert!(!pairing.retry && error.is_final());
    assert_eq!(error.to_string(), "pairing required");
}

#[tokio::test]
async fn a_gateway_that_knows_only_3_is_dialled_again_with_3_and_its_platform_names() {
    let gateway = Gateway::start().await;
    let endpoint = gateway.endpoint();
    let mut caller = operator();
    caller.client.platform = "windows".into();
    let serve = async {
        let (mut peer, _) = gateway.accept_connect().await;
        peer.refuse(
            "connect",
            &json!({"code": "INVALID_REQUEST", "message": "protocol mismatch", "details": {"expectedProtocol": 3}}),
        )
        .await;
        peer.close(1002, "protocol mismatch").await;
        let (mut peer, params) = gateway.accept_connect().await;
        assert_eq!((params.min_protocol, params.max_protocol, params.client.platform.as_str()), (3, 3, "win32"));
        peer.answer_connect(&hello(3)).await;
        peer
    };
    let (connected, _peer) = tokio::join!(dial_as(&endpoint, &caller), serve);
    assert_eq!(connected.unwrap().dialect, Dialect::V3);
}

#[tokio::test]
async fn a_gateway_that_insists_on_a_mismatch_is_not_dialled_for_ever() {
    let gateway = Gateway::start().await;
    let endpoint = gateway.endpoint();
    let serve = async {
        for _ in 0..2 {
            let (mut peer, _) = gateway.accept_connect().await;
            peer.refuse_connect("INVALID_REQUEST", "protocol mismatch", json!({"expectedProtocol": 3})).await;
        }
    };
    let (refused, ()) = tokio::join!(dial(&endpoint), serve);
    assert!(matches!(refused, Err(DialError::Refused(_))));
    assert!(gateway.nobody_came());
}

#[tokio::test]
async fn a_gateway_that_hangs_up_says_in_which_step_and_why() {
    let gateway = Gateway::start().await;
    let endpoint = gateway.endpoint();
    let serve = async {
        let (mut peer, _) = gateway.accept_connect().await;
        peer.close(1008, "invalid request frame").await;
        let mut peer = gateway.accept().await;
        peer.close(1013, "gateway starting").await;
        drop(gateway.accept_connect().await);
    };
    let client = async {
        let mut closes = Vec::new();
        for _ in 0..3 {
            match dial(&endpoint).await {
                Err(DialError::Closed { phase, close }) => closes.push((phase, close.code, close.kind)),
                other => panic!("{other:?}"),
            }
        }
        closes
    };
    let (closes, ()) = tokio::join!(client, serve);
    let expected = [
        (Phase::Answer, 1008, CloseKind::Gateway),
        (Phase::Challenge, 1013, CloseKind::Gateway),
        (Phase::Answer, 1006, CloseKind::Lost),
    ];
    assert_eq!(closes, expected);
}

#[tokio::test]
async fn a_silent_gateway_costs_no_more_than_the_deadline_of_the_step() {
    let gateway = Gateway::start().await;
    let endpoint = gateway.endpoint();
    let upgrade = async {
        let mut tcp = gateway.accept_tcp().await;
        assert!(tcp.read(&mut [0; 4096]).await.unwrap() > 0);
        pass(Duration::from_secs(11)).await;
        tcp
    };
    let (result, _tcp) = tokio::join!(dial(&endpoint), upgrade);
    let error = result.unwrap_err();
    assert!(matches!(error, DialError::Timeout { phase: Phase::Upgrade, .. }), "{error:?}");
    assert_eq!(error.to_string(), "timeout after 10000 ms while opening the WebSocket");

    let challenge = async {
        let mut peer = gateway.accept().await;
        peer.is_read().await;
        pass(Duration::from_secs(11)).await;
        peer
    };
    let (result, _peer) = tokio::join!(dial(&endpoint), challenge);
    let error = result.unwrap_err();
    assert!(matches!(error, DialError::Timeout { phase: Phase::Challenge, .. }), "{error:?}");

    let answer = async {
        let (mut peer, _) = gateway.accept_connect().await;
        peer.is_read().await;
        pass(Duration::from_secs(16)).await;
        peer
    };
    let (result, _peer) = tokio::join!(dial(&endpoint), answer);
    let error = result.unwrap_err();
    assert!(matches!(error, DialError::Timeout { phase: Phase::Answer, .. }), "{error:?}");
}

#[tokio::test]
async fn nobody_at_the_port_is_an_error_that_names_it() {
    let endpoint = {
        let gateway = Gateway::start().await;
        gateway.endpoint()
    };
    let error = dial(&endpoint).await.unwrap_err();
    assert!(matches!(error, DialError::Unreachable { .. }));
    assert!(error.to_string().contains(&format!("127.0.0.1:{}", endpoint.url.port())), "{error}");
    assert!(!error.is_final());
}

#[tokio::test]
async fn sec_014_plaintext_to_another_machine_is_refused_before_a_socket_opens() {
    let endpoint = openclaw_client::Endpoint::parse("ws://192.0.2.1:18789").unwrap();
    let error = dial(&endpoint).await.unwrap_err();
    assert!(matches!(error, DialError::Endpoint(EndpointError::Plaintext { .. })), "{error:?}");
    assert!(error.is_final());
}

#[tokio::test]
async fn sec_010_nothing_secret_is_sent_before_the_challenge() {
    let gateway = Gateway::start().await;
    let endpoint = gateway.endpoint();
    let serve = async {
        let mut tcp = gateway.accept_tcp().await;
        let mut seen = vec![0; 4096];
        let first = tcp.read(&mut seen).await.unwrap();
        seen.truncate(first);
        pass(Duration::from_secs(11)).await;
        tcp.read_to_end(&mut seen).await.unwrap();
        String::from_utf8(seen).unwrap()
    };
    let all = Credentials { password: Some(Secret::new("t0ken")), ..token("t0ken") };
    let (caller, options, mut ignore) = (operator(), DialOptions::default(), |_: &_| {});
    let dialling = openclaw_client::dial(&endpoint, &caller, &all, &options, &mut ignore);
    let (result, seen) = tokio::join!(dialling, serve);
    assert!(matches!(result, Err(DialError::Timeout { phase: Phase::Upgrade, .. })), "{result:?}");
    assert!(seen.starts_with("GET / HTTP/1.1\r\n"), "{seen}");
    assert!(seen.contains(&format!("Host: 127.0.0.1:{}\r\n", gateway.port())), "{seen}");
    assert!(!seen.contains("t0ken") && !seen.to_lowercase().contains("authorization"));
}
