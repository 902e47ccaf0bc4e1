//! The waiting room (promise P2).

use std::time::Duration;

use openclaw_client::{CloseKind, DialError, DialOptions, Phase};
use openclaw_protocol::connect::CAP_PAIRING_WAIT;
use serde_json::{Value, json};

use crate::gateway::{Gateway, hello, operator, pass, token};

fn waiting(request_id: &str) -> Value {
    json!({
        "requestId": request_id, "reason": "not-paired", "gatewayName": "attic", "instanceId": "i-1",
        "gatewayPublicKey": "A1xWS7jLj6vL99sbZ62GMJa67gblhNr3MDJUi77V1yY", "expiresAtMs": 5,
    })
}

/// Dials and returns what was waited for, and the end.
async fn dial(gateway: &Gateway) -> (Vec<String>, Result<openclaw_client::Connected, DialError>) {
    let mut seen = Vec::new();
    let mut caller = operator();
    caller.wait_for_pairing = true;
    let mut on_waiting = |waiting: &openclaw_protocol::hello::Waiting| seen.push(waiting.request_id.clone());
    let endpoint = gateway.endpoint();
    let result = openclaw_client::dial(&endpoint, &caller, &token("t"), &DialOptions::default(), &mut on_waiting).await;
    (seen, result)
}

#[tokio::test]
async fn p2_the_client_waits_past_the_handshake_deadline_and_is_connected_by_the_approval() {
    let gateway = Gateway::start().await;
    let serve = async {
        let (mut peer, params) = gateway.accept_connect().await;
        assert!(params.caps.iter().any(|cap| cap == CAP_PAIRING_WAIT));
        peer.event("pairing.waiting", waiting("r-1")).await;
        peer.event("tick", json!({"ts": 1})).await;
        peer.event("pairing.waiting", waiting("r-2")).await;
        peer.is_read().await;
        // Longer than the deadline of the handshake, which does not count here.
        pass(Duration::from_secs(50)).await;
        peer.answer_connect(&hello(4)).await;
        peer
    };
    let ((seen, result), _peer) = tokio::join!(dial(&gateway), serve);
    assert_eq!(seen, ["r-1", "r-2"]);
    assert!(result.unwrap().connection.is_open());
}

#[tokio::test]
async fn p2_a_rejection_ends_the_wait_for_good() {
    let gateway = Gateway::start().await;
    let serve = async {
        let (mut peer, _) = gateway.accept_connect().await;
        peer.event("pairing.waiting", waiting("r-1")).await;
        peer.refuse_connect("NOT_PAIRED", "pairing rejected", json!({"code": "PAIRING_REJECTED"})).await;
    };
    let ((seen, result), ()) = tokio::join!(dial(&gateway), serve);
    let error = result.unwrap_err();
    assert_eq!(seen, ["r-1"]);
    assert!(matches!(&error, DialError::Refused(refusal) if refusal.is_final()), "{error:?}");
}

#[tokio::test]
async fn p2_a_restart_of_the_gateway_during_the_wait_is_worth_another_dial() {
    let gateway = Gateway::start().await;
    let serve = async {
        let (mut peer, _) = gateway.accept_connect().await;
        peer.event("pairing.waiting", waiting("r-1")).await;
        peer.close(1012, "service restart").await;
    };
    let ((_, result), ()) = tokio::join!(dial(&gateway), serve);
    let error = result.unwrap_err();
    assert!(
        matches!(&error, DialError::Closed { phase: Phase::WaitingRoom, close } if close.is_restart()),
        "{error:?}"
    );
    assert!(!error.is_final());
}

#[tokio::test]
async fn p2_what_cannot_be_read_of_a_waiting_event_does_not_end_the_wait() {
    let gateway = Gateway::start().await;
    let serve = async {
        let (mut peer, _) = gateway.accept_connect().await;
        peer.event("pairing.waiting", json!({"requestId": 5})).await;
        peer.is_read().await;
        pass(Duration::from_secs(50)).await;
        peer.answer_connect(&hello(4)).await;
        peer
    };
    let ((seen, result), _peer) = tokio::join!(dial(&gateway), serve);
    assert!(seen.is_empty() && result.is_ok());
}

#[tokio::test]
async fn rel_030_pings_keep_the_wait_alive_and_silence_ends_it() {
    let gateway = Gateway::start().await;
    let serve = async {
        let (mut peer, _) = gateway.accept_connect().await;
        peer.event("pairing.waiting", waiting("r-1")).await;
        for _ in 0..4 {
            peer.is_read().await;
            pass(Duration::from_secs(50)).await;
        }
        peer.is_read().await;
        pass(Duration::from_secs(61)).await;
        peer
    };
    let ((_, result), _peer) = tokio::join!(dial(&gateway), serve);
    let error = result.unwrap_err();
    assert!(matches!(&error, DialError::Closed { close, .. } if close.kind == CloseKind::TickTimeout), "{error:?}");
}
