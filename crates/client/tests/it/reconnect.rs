//! Staying connected (REL-031).

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use openclaw_client::{
    AfterSession, Backoff, CloseInfo, Connected, DialError, Ended, Retry, SessionHandler, stay_connected_with,
};
use serde_json::json;
use tokio_util::sync::CancellationToken;

use crate::gateway::{Gateway, dial};

/// Reads events to the end of each session and notes what happens.
#[derive(Clone, Default)]
struct Notes {
    lines: Arc<Mutex<Vec<String>>>,
    finish_on: Option<&'static str>,
    wait: Duration,
}

impl Notes {
    fn add(&self, line: impl Into<String>) {
        self.lines.lock().unwrap().push(line.into());
    }

    fn lines(&self) -> Vec<String> {
        self.lines.lock().unwrap().clone()
    }
}

impl SessionHandler for Notes {
    async fn session(&mut self, mut session: Connected) -> AfterSession {
        self.add("session");
        while let Some(event) = session.events.next().await {
            if Some(event.event.as_str()) == self.finish_on {
                return AfterSession::Finish;
            }
            self.add(event.event);
        }
        AfterSession::Reconnect
    }

    fn failed(&mut self, error: &DialError) -> Retry {
        if error.is_final() { Retry::Never } else { Retry::After(self.wait) }
    }

    fn on_retry(&mut self, error: &DialError, _wait: Duration) {
        self.add(format!("retry: {error}"));
    }

    fn on_lost(&mut self, close: &CloseInfo, wait: Duration) {
        self.add(format!("lost: {close}, {} ms", wait.as_millis()));
    }
}

fn at_once() -> Backoff {
    Backoff::new(|| 0)
}

#[tokio::test]
async fn rel_031_a_lost_session_is_replaced_until_the_gateway_refuses_for_good() {
    let gateway = Gateway::start().await;
    let endpoint = gateway.endpoint();
    let notes = Notes::default();
    let serve = async {
        let mut peer = gateway.welcome().await;
        peer.event("shutdown", json!({"reason": "r", "restartExpectedMs": 20})).await;
        peer.close(1012, "service restart").await;
        let mut peer = gateway.accept().await;
        peer.close(1013, "gateway starting").await;
        let peer = gateway.welcome().await;
        drop(peer);
        let (mut peer, _) = gateway.accept_connect().await;
        peer.refuse_connect("INVALID_REQUEST", "unauthorized", json!({"code": "AUTH_TOKEN_MISSING"})).await;
    };
    let kept = stay_connected_with(|| dial(&endpoint), notes.clone(), at_once(), CancellationToken::new());
    let (ended, ()) = tokio::join!(kept, serve);
    assert!(matches!(ended, Ended::Refused(DialError::Refused(_))), "{ended:?}");
    let lines = notes.lines();
    assert_eq!(lines[..3], ["session", "shutdown", "lost: gateway closed (1012): service restart, 20 ms"]);
    assert!(lines[3].starts_with("retry: the connection ended while waiting for the gateway's challenge"), "{lines:?}");
    assert_eq!(lines[4], "session");
    assert!(lines[5].starts_with("lost: connection lost"), "{lines:?}");
    assert_eq!(lines.len(), 6);
}

#[tokio::test]
async fn stopping_closes_the_session_and_lets_its_handler_end() {
    let gateway = Gateway::start().await;
    let endpoint = gateway.endpoint();
    let notes = Notes::default();
    let stop = CancellationToken::new();
    let serve = async {
        let mut peer = gateway.welcome().await;
        peer.event("chat", json!({})).await;
        while !notes.lines().contains(&"chat".to_owned()) {
            tokio::task::yield_now().await;
        }
        stop.cancel();
        peer.closed().await
    };
    let kept = stay_connected_with(|| dial(&endpoint), notes.clone(), at_once(), stop.clone());
    let (ended, goodbye) = tokio::join!(kept, serve);
    assert!(matches!(ended, Ended::Stopped), "{ended:?}");
    assert_eq!(goodbye, Some((1000, String::new())));
    assert!(gateway.nobody_came());
}

#[tokio::test]
async fn stopping_ends_a_wait_at_once() {
    let endpoint = {
        let gateway = Gateway::start().await;
        gateway.endpoint()
    };
    let notes = Notes::default();
    let stop = CancellationToken::new();
    let watch = async {
        while notes.lines().is_empty() {
            tokio::task::yield_now().await;
        }
        stop.cancel();
    };
    // The second try is an hour away.
    let patient = Notes { wait: Duration::from_hours(1), ..notes.clone() };
    let kept = stay_connected_with(|| dial(&endpoint), patient, at_once(), stop.clone());
    let (ended, ()) = tokio::time::timeout(Duration::from_mins(1), async { tokio::join!(kept, watch) }).await.unwrap();
    assert!(matches!(ended, Ended::Stopped), "{ended:?}");
}

#[tokio::test]
async fn a_handler_that_has_enough_ends_it() {
    let gateway = Gateway::start().await;
    let endpoint = gateway.endpoint();
    let notes = Notes { finish_on: Some("enough"), ..Notes::default() };
    let serve = async {
        let mut peer = gateway.welcome().await;
        peer.event("enough", json!({})).await;
        peer.closed().await
    };
    let kept = stay_connected_with(|| dial(&endpoint), notes, at_once(), CancellationToken::new());
    let (ended, goodbye) = tokio::join!(kept, serve);
    assert!(matches!(ended, Ended::Finished), "{ended:?}");
    assert_eq!(goodbye, Some((1000, String::new())));
}
