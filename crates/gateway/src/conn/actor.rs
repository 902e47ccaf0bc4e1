//! The one task that owns a socket after its handshake.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::Bytes;
use openclaw_protocol::limits::{DEAD_AFTER, PING_INTERVAL};
use tokio::time::{MissedTickBehavior, interval_at, timeout};
use tracing::debug;

use super::{
    close::Close,
    session::Session,
    socket::{Received, SendError, Socket},
};
use crate::{hub::Hub, rpc};

/// Pings of a peer that are answered within one second; more is a flood (SEC-196).
const MAX_PINGS_PER_SECOND: u32 = 10;

/// When a connection has to end, what is on its way to the peer gets so long (SEC-060).
const LAST_WORDS: Duration = Duration::from_millis(500);

/// Serves a connection until it ends, and tells why. From then on nothing is queued for it any more.
pub(crate) async fn run(hub: &Arc<Hub>, session: &Arc<Session>, socket: &mut Socket) -> Close {
    let why = serve(hub, session, socket).await;
    session.outbox.close(why.clone());
    why
}

/// Sends what is still queued, such as the shutdown event or an error, then the close frame.
pub(crate) async fn say_good_bye(session: &Session, mut socket: Socket, why: &Close) {
    let Some((code, reason)) = why.frame(session.dialect) else { return };
    if !matches!(why, Close::SlowConsumer) && timeout(LAST_WORDS, send_rest(session, &mut socket)).await.is_err() {
        debug!(conn.id = %session.conn_id, "the peer did not take its last messages in time");
    }
    socket.close(code, reason).await;
}

async fn send_rest(session: &Session, socket: &mut Socket) {
    let mut batch = Vec::new();
    loop {
        session.outbox.take_ready(&mut batch);
        if batch.is_empty() || socket.send_all(batch.drain(..)).await.is_err() {
            return;
        }
    }
}

/// Sends a batch. A peer that does not read holds this up for a moment at most once its connection has to end: a
/// removed device is gone within a second also when it does not read (SEC-060).
async fn send(session: &Session, socket: &mut Socket, batch: &mut Vec<Bytes>) -> Result<(), Close> {
    let overdue = async {
        session.outbox.closing().await;
        tokio::time::sleep(LAST_WORDS).await;
    };
    tokio::select! {
        sent = socket.send_all(batch.drain(..)) => sent.map_err(|error| match error {
            SendError::Gone => Close::PeerGone,
            SendError::Slow => Close::SlowConsumer,
        }),
        () = overdue => Err(session.outbox.close_reason().unwrap_or(Close::SlowConsumer)),
    }
}

async fn serve(hub: &Arc<Hub>, session: &Arc<Session>, socket: &mut Socket) -> Close {
    let outbox = &session.outbox;
    let mut pings = interval_at(tokio::time::Instant::now() + PING_INTERVAL, PING_INTERVAL);
    pings.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut heard = Instant::now();
    let mut flood = PingFlood::default();
    let mut batch: Vec<Bytes> = Vec::new();
    loop {
        tokio::select! {
            () = outbox.closing() => return outbox.close_reason().unwrap_or(Close::PeerGone),
            () = outbox.take(&mut batch) => {
                if let Err(close) = send(session, socket, &mut batch).await {
                    return close;
                }
            }
            received = socket.receive() => {
                heard = Instant::now();
                match received {
                    Received::Text(text) => rpc::dispatch::accept(hub, session, text),
                    Received::Ping if flood.is_too_much(heard) => return Close::Flood("too many pings"),
                    Received::Ping | Received::Pong => {}
                    Received::TooLarge => return Close::TooLarge,
                    Received::Gone => return Close::PeerGone,
                }
            }
            _ = pings.tick() => {
                if heard.elapsed() > DEAD_AFTER {
                    return Close::HalfOpen;
                }
                if socket.ping().await.is_err() {
                    return Close::PeerGone;
                }
            }
        }
        if batch.capacity() > 64 {
            batch = Vec::new();
        }
    }
}

/// Counts pings within the current second.
#[derive(Default)]
struct PingFlood {
    since: Option<Instant>,
    count: u32,
}

impl PingFlood {
    fn is_too_much(&mut self, now: Instant) -> bool {
        match self.since {
            Some(since) if now.duration_since(since).as_millis() < 1000 => self.count += 1,
            _ => (self.since, self.count) = (Some(now), 1),
        }
        self.count > MAX_PINGS_PER_SECOND
    }
}
