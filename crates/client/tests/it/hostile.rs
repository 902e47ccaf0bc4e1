//! Every byte of a gateway is hostile (SEC-017).

use std::time::Duration;

use futures_util::SinkExt as _;
use openclaw_client::{CloseKind, Connected, DialError};
use serde_json::json;
use tokio_websockets::Message;

use crate::gateway::{Gateway, connected, dial, hello};

#[tokio::test]
async fn sec_017_frames_that_are_none_are_ignored() {
    let gateway = Gateway::start().await;
    let (Connected { connection, events, .. }, mut peer) = connected(&gateway).await;
    drop(events);
    let serve = async {
        let (id, ..) = peer.request().await;
        for text in [
            "nonsense",
            "[]",
            "null",
            "{}",
            r#"{"type":"res"}"#,
            r#"{"type":"res","id":"c999999999999999999999999","ok":true}"#,
            r#"{"type":"res","id":"zzz","ok":true}"#,
            r#"{"type":"res","id":5,"ok":true}"#,
            r#"{"type":"event"}"#,
            r#"{"type":"event","event":"x","seq":-1}"#,
            r#"{"type":"weather","event":"x"}"#,
            r#"{"type":"req","id":"c1","method":"system.run"}"#,
        ] {
            peer.send_text(text).await;
        }
        peer.socket.send(Message::binary(&b"\xff\xfe\xfd"[..])).await.unwrap();
        peer.socket.send(Message::pong(&b"unasked"[..])).await.unwrap();
        let answer = json!({"type": "res", "id": id, "ok": true, "payload": 7}).to_string();
        peer.socket.send(Message::binary(answer.into_bytes())).await.unwrap();
    };
    let (answer, ()) = tokio::join!(connection.call_raw("x", json!({}), Duration::from_secs(5)), serve);
    assert_eq!(answer.unwrap(), json!(7), "an answer in a binary message counts as in a text message");
}

#[tokio::test]
async fn sec_017_deep_nesting_ends_the_connection() {
    let gateway = Gateway::start().await;
    let (Connected { connection, .. }, mut peer) = connected(&gateway).await;
    let bomb = format!(r#"{{"type":"event","event":"x","payload":{}1{}}}"#, "[".repeat(5_000), "]".repeat(5_000));
    peer.send_text(&bomb).await;
    let (close, goodbye) = tokio::join!(connection.closed(), peer.closed());
    assert_eq!(close.kind, CloseKind::Violation);
    assert_eq!(goodbye.unwrap().0, 1002);
}

#[tokio::test]
async fn sec_017_deep_nesting_in_the_handshake_ends_the_dial() {
    let gateway = Gateway::start().await;
    let endpoint = gateway.endpoint();
    let serve = async {
        let mut peer = gateway.accept().await;
        peer.send_text(&"[".repeat(100_000)).await;
        peer
    };
    let (result, _peer) = tokio::join!(dial(&endpoint), serve);
    assert!(matches!(result, Err(DialError::Handshake { .. })), "{result:?}");
}

#[tokio::test]
async fn sec_017_a_message_above_the_limit_ends_the_connection() {
    let gateway = Gateway::start().await;
    let (Connected { connection, .. }, mut peer) = connected(&gateway).await;
    let serve = async {
        let too_much = vec![b'x'; openclaw_protocol::limits::MAX_PAYLOAD_BYTES + 1];
        // The client hangs up in the middle of it.
        drop(peer.socket.send(Message::binary(too_much)).await);
        peer
    };
    let (close, _peer) = tokio::join!(connection.closed(), serve);
    assert_eq!(close.kind, CloseKind::Violation, "{close:?}");
}

#[tokio::test]
async fn sec_017_events_that_nobody_reads_do_not_pile_up() {
    let gateway = Gateway::start().await;
    let (Connected { connection, mut events, .. }, mut peer) = connected(&gateway).await;
    let serve = async {
        // What may be dropped is dropped, however much it is.
        for n in 0..3_000 {
            peer.event("presence", json!({"n": n})).await;
        }
        let mut sent = 0;
        while connection.is_open() && sent < 3_000 {
            let event = json!({"type": "event", "event": "chat", "payload": sent}).to_string();
            if peer.socket.send(Message::text(event)).await.is_err() {
                break;
            }
            sent += 1;
        }
    };
    let (close, ()) = tokio::join!(connection.closed(), serve);
    assert_eq!((close.code, close.kind), (4000, CloseKind::EventsNotRead));
    let mut waiting = 0;
    while events.next().await.is_some() {
        waiting += 1;
    }
    assert_eq!(waiting, 1024);
}

#[tokio::test]
async fn sec_017_a_flood_of_pings_ends_the_connection() {
    let gateway = Gateway::start().await;
    let (Connected { connection, .. }, mut peer) = connected(&gateway).await;
    let serve = async {
        for _ in 0..20_000 {
            if peer.socket.feed(Message::ping(&b"x"[..])).await.is_err() {
                break;
            }
        }
        drop(peer.socket.flush().await);
        peer
    };
    let (close, _peer) = tokio::join!(connection.closed(), serve);
    assert_eq!(close.kind, CloseKind::Violation, "{close:?}");
}

#[tokio::test]
async fn sec_017_a_tick_interval_of_nothing_or_for_ever_is_clamped() {
    for (asked, kept) in [(0, 1_000), (u64::MAX, 600_000)] {
        let gateway = Gateway::start().await;
        let endpoint = gateway.endpoint();
        let serve = async {
            let (mut peer, _) = gateway.accept_connect().await;
            let mut odd = hello(4);
            odd["policy"]["tickIntervalMs"] = json!(asked);
            peer.answer_connect(&odd).await;
            peer
        };
        let (connected, _peer) = tokio::join!(dial(&endpoint), serve);
        assert_eq!(connected.unwrap().hello.policy.tick_interval_ms, kept);
    }
}

#[tokio::test]
async fn sec_017_a_hello_that_cannot_be_read_is_an_error() {
    for bad in [json!(null), json!([]), json!({"protocol": 4}), json!({"protocol": 2}), {
        let mut hello = hello(4);
        hello["protocol"] = json!(1);
        hello
    }] {
        let gateway = Gateway::start().await;
        let endpoint = gateway.endpoint();
        let serve = async {
            let (mut peer, _) = gateway.accept_connect().await;
            peer.answer_connect(&bad).await;
            peer
        };
        let (result, _peer) = tokio::join!(dial(&endpoint), serve);
        assert!(matches!(result, Err(DialError::Handshake { .. })), "{bad}: {result:?}");
    }
}

#[tokio::test]
async fn a_challenge_with_a_nonce_that_moves_field_borders_is_not_signed() {
    let gateway = Gateway::start().await;
    let endpoint = gateway.endpoint();
    let serve = async {
        let mut peer = gateway.accept().await;
        peer.event("connect.challenge", json!({"nonce": "n|linux|linux", "ts": 1})).await;
        peer.closed().await
    };
    let (result, closed) = tokio::join!(dial(&endpoint), serve);
    assert!(matches!(result, Err(DialError::Handshake { .. })), "{result:?}");
    assert_eq!(closed, None, "nothing was sent");
}
