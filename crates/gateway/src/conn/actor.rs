//! The one task that owns a socket after its handshake.

use std::{sync::Arc, time::Instant};

use bytes::Bytes;
use openclaw_protocol::limits::{DEAD_AFTER, PING_INTERVAL};
use tokio::time::{MissedTickBehavior, interval_at};

use super::{
    close::Close,
    session::Session,
    socket::{Received, SendError, Socket},
};
use crate::{hub::Hub, rpc};

/// Pings of a peer that are answered within one second; more is a flood (SEC-196).
const MAX_PINGS_PER_SECOND: u32 = 10;

/// Serves a connection until it ends, then says why.
pub(crate) async fn run(hub: &Arc<Hub>, session: &Arc<Session>, mut socket: Socket) -> Close {
    let why = serve(hub, session, &mut socket).await;
    session.outbox.close(why.clone());
    let mut rest = Vec::new();
    session.outbox.take_ready(&mut rest);
    if let Some((code, reason)) = why.frame(session.dialect) {
        // What was queued before the close still goes out, such as the shutdown event or an error.
        if !rest.is_empty() && !matches!(why, Close::SlowConsumer) && socket.send_all(rest).await.is_err() {
            return why;
        }
        socket.close(code, reason).await;
    }
    why
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
            () = outbox.take(&mut batch) => match socket.send_all(batch.drain(..)).await {
                Ok(()) => {}
                Err(SendError::Gone) => return Close::PeerGone,
                Err(SendError::Slow) => return Close::SlowConsumer,
            },
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
