//! Requests, answers, events and the end of a connection.

use std::time::Duration;

use openclaw_client::{CallError, CloseKind, Connected};
use openclaw_protocol::{method::NoParams, methods::node};
use serde_json::json;

use crate::gateway::{Gateway, Peer, connected, dial, hello, pass};

/// Longer than any answer takes, even on a busy machine.
const SOON: Duration = Duration::from_secs(30);

#[tokio::test]
async fn answers_find_their_callers_in_any_order() {
    let gateway = Gateway::start().await;
    let (Connected { connection, .. }, mut peer) = connected(&gateway).await;
    let serve = async {
        let (first, second) = (peer.request().await, peer.request().await);
        assert_ne!(first.0, second.0);
        for (id, method, _) in [second, first] {
            peer.answer(&id, &json!({"answered": method})).await;
        }
    };
    let (one, two) = (connection.call_raw("one", json!({}), SOON), connection.call_raw("two", json!({}), SOON));
    let (one, two, ()) = tokio::join!(one, two, serve);
    assert_eq!((one.unwrap(), two.unwrap()), (json!({"answered": "one"}), json!({"answered": "two"})));
}

#[tokio::test]
async fn a_typed_call_sends_the_params_and_reads_the_reply() {
    let gateway = Gateway::start().await;
    let (Connected { connection, .. }, mut peer) = connected(&gateway).await;
    let serve = async {
        let (id, method, params) = peer.request().await;
        assert_eq!((method.as_str(), params), ("node.list", json!({})));
        peer.answer(&id, &json!({"ts": 5, "nodes": [], "someFutureMember": 1})).await;
        let (id, ..) = peer.request().await;
        peer.answer(&id, &json!({"ts": "five"})).await;
    };
    let client = async {
        let reply = connection.call::<node::List>(NoParams::default()).await.unwrap();
        assert_eq!(reply.ts, 5);
        connection.call::<node::List>(NoParams::default()).await.unwrap_err()
    };
    let (error, ()) = tokio::join!(client, serve);
    assert!(matches!(error, CallError::Reply { .. }), "{error:?}");
}

#[tokio::test]
async fn an_error_keeps_its_code_and_details() {
    let gateway = Gateway::start().await;
    let (Connected { connection, .. }, mut peer) = connected(&gateway).await;
    let serve = async {
        let (id, ..) = peer.request().await;
        let details = json!({"code": "MISSING_SCOPE", "missingScope": "operator.admin"});
        peer.refuse(&id, &json!({"code": "FORBIDDEN", "message": "missing scope: operator.admin", "details": details}))
            .await;
        let (id, ..) = peer.request().await;
        peer.send(&json!({"type": "res", "id": id, "ok": false})).await;
    };
    let client = async {
        let error = connection.call_raw("x", json!({}), SOON).await.unwrap_err();
        assert_eq!(error.refused().unwrap().detail("missingScope"), Some("operator.admin"));
        assert_eq!(error.to_string(), "missing scope: operator.admin");
        connection.call_raw("x", json!({}), SOON).await.unwrap_err()
    };
    let (error, ()) = tokio::join!(client, serve);
    assert!(matches!(error, CallError::Refused { .. }), "an answer that is not ok is an error: {error:?}");
}

#[tokio::test]
async fn the_final_answer_of_a_two_phase_method_is_waited_for_when_asked() {
    let gateway = Gateway::start().await;
    let (Connected { connection, .. }, mut peer) = connected(&gateway).await;
    let serve = async {
        for _ in 0..2 {
            let (id, ..) = peer.request().await;
            peer.answer(&id, &json!({"status": "accepted", "runId": "r"})).await;
            peer.answer(&id, &json!({"status": "ok"})).await;
        }
    };
    let client = async {
        let last = connection.call_raw_final("agent", json!({}), SOON).await.unwrap();
        let first = connection.call_raw("agent", json!({}), SOON).await.unwrap();
        (last["status"].clone(), first["status"].clone())
    };
    let (statuses, ()) = tokio::join!(client, serve);
    assert_eq!(statuses, (json!("ok"), json!("accepted")));
}

#[tokio::test]
async fn a_call_that_is_not_answered_ends_at_its_deadline_and_a_late_answer_harms_nobody() {
    let gateway = Gateway::start().await;
    let (Connected { connection, .. }, mut peer) = connected(&gateway).await;
    let client = async {
        let error = connection.call_raw("slow", json!({}), Duration::from_millis(30)).await.unwrap_err();
        assert_eq!(error.to_string(), "gateway request timeout for slow");
    };
    let (request, ()) = tokio::join!(peer.request(), client);
    let serve = async {
        peer.answer(&request.0, &json!("late")).await;
        let (id, ..) = peer.request().await;
        peer.answer(&id, &json!("now")).await;
    };
    let (answer, ()) = tokio::join!(connection.call_raw("next", json!({}), SOON), serve);
    assert_eq!(answer.unwrap(), json!("now"));
}

#[tokio::test]
async fn params_that_the_gateway_would_not_take_are_not_sent() {
    let gateway = Gateway::start().await;
    let endpoint = gateway.endpoint();
    let serve = async {
        let (mut peer, _) = gateway.accept_connect().await;
        let mut small = hello(4);
        small["policy"]["maxPayload"] = json!(1024);
        peer.answer_connect(&small).await;
        peer
    };
    let (connected, mut peer) = tokio::join!(dial(&endpoint), serve);
    let connection = connected.unwrap().connection;
    let error = connection.call_raw("big", json!({"x": "y".repeat(2000)}), SOON).await.unwrap_err();
    assert!(matches!(error, CallError::TooLarge { max_bytes: 1024, .. }), "{error:?}");
    let serve = async {
        let (id, method, _) = peer.request().await;
        peer.answer(&id, &json!(method)).await;
    };
    let (answer, ()) = tokio::join!(connection.call_raw("small", json!({}), SOON), serve);
    assert_eq!(answer.unwrap(), json!("small"));
}

#[tokio::test]
async fn large_messages_go_both_ways_at_once() {
    let gateway = Gateway::start().await;
    let (Connected { connection, .. }, peer) = connected(&gateway).await;
    let big = "x".repeat(4 << 20);
    // Both sides write before either reads: only a client that reads while its own write is stuck gets through.
    let serve = async {
        use futures_util::{SinkExt as _, StreamExt as _};
        let (mut write, mut read) = peer.socket.split();
        let event = json!({"type": "event", "event": "chat", "payload": big}).to_string();
        write.send(tokio_websockets::Message::text(event)).await.unwrap();
        let message = read.next().await.unwrap().unwrap();
        let request = openclaw_protocol::frame::decode(message.as_text().unwrap()).unwrap();
        let answer = json!({"type": "res", "id": request.id, "ok": true, "payload": request.params().len()});
        write.send(tokio_websockets::Message::text(answer.to_string())).await.unwrap();
        (write, read)
    };
    let (answer, _socket) = tokio::join!(connection.call_raw("big", json!({"x": big}), Duration::from_secs(20)), serve);
    assert!(answer.unwrap().as_u64().unwrap() > 4 << 20);
}

#[tokio::test]
async fn what_has_been_written_makes_room_for_more() {
    let gateway = Gateway::start().await;
    let (Connected { connection, .. }, mut peer) = connected(&gateway).await;
    let params = json!({"x": "y".repeat(16 << 20)});
    // Together more than may wait.
    for n in 0..4 {
        let serve = async {
            let (id, ..) = peer.request().await;
            peer.answer(&id, &json!(n)).await;
        };
        let (answer, ()) = tokio::join!(connection.call_raw("big", params.clone(), SOON), serve);
        assert_eq!(answer.unwrap(), json!(n));
    }
}

#[tokio::test]
async fn events_come_in_order_and_end_with_the_connection() {
    let gateway = Gateway::start().await;
    let (Connected { connection, mut events, .. }, mut peer) = connected(&gateway).await;
    let serve = async {
        for seq in [1, 2, 5] {
            peer.send(&json!({"type": "event", "event": "chat", "payload": {"n": seq}, "seq": seq})).await;
        }
        peer.event("shutdown", json!({"reason": "update", "restartExpectedMs": 1500})).await;
        peer.close(1012, "service restart").await;
    };
    let client = async {
        let mut names = Vec::new();
        while let Some(event) = events.next().await {
            names.push(event.event);
        }
        assert_eq!(events.take_missed(), 2);
        (names, connection.closed().await)
    };
    let ((names, close), ()) = tokio::join!(client, serve);
    assert_eq!(names, ["chat", "chat", "chat", "shutdown"]);
    assert_eq!((close.code, close.reason.as_str(), close.kind), (1012, "service restart", CloseKind::Gateway));
    assert!(close.is_restart());
    assert_eq!(close.back_after, Some(Duration::from_millis(1500)));
    assert!(!connection.is_open());
}

#[tokio::test]
async fn a_lost_connection_answers_every_waiting_call_at_once() {
    let gateway = Gateway::start().await;
    let (Connected { connection, .. }, mut peer) = connected(&gateway).await;
    let serve = async {
        peer.request().await;
        drop(peer);
    };
    let (answer, ()) = tokio::join!(connection.call_raw("x", json!({}), Duration::from_mins(1)), serve);
    let Err(CallError::Closed(close)) = answer else { panic!("{answer:?}") };
    assert_eq!((close.code, close.kind), (1006, CloseKind::Lost));
    let later = connection.call_raw("y", json!({}), SOON).await;
    assert!(matches!(later, Err(CallError::Closed(_))), "{later:?}");
}

#[tokio::test]
async fn closing_sends_what_is_queued_and_says_goodbye() {
    let gateway = Gateway::start().await;
    let (Connected { connection, .. }, mut peer) = connected(&gateway).await;
    let asking = connection.clone();
    let serve = async {
        let (_, method, _) = peer.request().await;
        (method, peer.closed().await)
    };
    let client = async {
        // Polled once, the request is queued; then the connection is closed under it.
        tokio::select! {
            biased;
            answer = asking.call_raw("last", json!({}), SOON) => panic!("{answer:?}"),
            () = std::future::ready(()) => {}
        }
        connection.close().await;
    };
    let ((method, goodbye), ()) = tokio::join!(serve, client);
    assert_eq!(method, "last");
    assert_eq!(goodbye, Some((1000, String::new())));
    assert_eq!(asking.closed().await.kind, CloseKind::Us);
}

#[tokio::test]
async fn dropping_every_handle_ends_the_connection() {
    let gateway = Gateway::start().await;
    let (Connected { connection, mut events, .. }, mut peer) = connected(&gateway).await;
    let second = connection.clone();
    drop(connection);
    assert!(second.is_open());
    drop(second);
    let (goodbye, event) = tokio::join!(peer.closed(), events.next());
    assert_eq!(goodbye, Some((1000, String::new())));
    assert!(event.is_none());
}

#[tokio::test]
async fn the_task_of_a_connection_ends_with_it() {
    let gateway = Gateway::start().await;
    let endpoint = gateway.endpoint();
    let options = openclaw_client::DialOptions::default();
    let caller = crate::gateway::operator();
    let credentials = crate::gateway::token("t");
    let mut ignore = |_: &_| {};
    let dialling = openclaw_client::dial(&endpoint, &caller, &credentials, &options, &mut ignore);
    let (connected, mut peer) = tokio::join!(dialling, gateway.welcome());
    options.tasks.close();
    assert_eq!(options.tasks.len(), 1);
    tokio::join!(connected.unwrap().connection.close(), peer.closed());
    options.tasks.wait().await;
}

async fn silent_after_hello() -> (Connected, Peer) {
    let gateway = Gateway::start().await;
    connected(&gateway).await
}

#[tokio::test]
async fn rel_030_two_tick_intervals_of_silence_end_the_connection() {
    let (Connected { connection, .. }, mut peer) = silent_after_hello().await;
    tokio::time::pause();
    let start = tokio::time::Instant::now();
    let (close, goodbye) = tokio::join!(connection.closed(), peer.closed());
    assert_eq!((close.code, close.kind), (4000, CloseKind::TickTimeout));
    assert_eq!(goodbye, Some((4000, "tick timeout".to_owned())));
    let waited = start.elapsed();
    assert!(waited >= Duration::from_secs(59) && waited < Duration::from_secs(65), "{waited:?}");
}

#[tokio::test]
async fn rel_030_ticks_keep_a_connection_alive() {
    let (Connected { connection, .. }, mut peer) = silent_after_hello().await;
    for ts in 0..5 {
        pass(Duration::from_secs(45)).await;
        peer.event("tick", json!({"ts": ts})).await;
        peer.is_read().await;
    }
    assert!(connection.is_open());
}

#[tokio::test]
async fn rel_030_pings_alone_do_not_keep_a_connection_alive() {
    let (Connected { connection, .. }, mut peer) = silent_after_hello().await;
    pass(Duration::from_secs(45)).await;
    peer.is_read().await;
    pass(Duration::from_secs(16)).await;
    let (close, _) = tokio::join!(connection.closed(), peer.closed());
    assert_eq!(close.kind, CloseKind::TickTimeout);
}
