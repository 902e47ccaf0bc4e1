//! The waiting room (promise P2): a device that asked for it keeps its connection while a person decides.
//!
//! The `connect` request stays unanswered. The device is told what to show (request id, both keys' code, expiry); as
//! long as it waits its request is refreshed. An approval runs admission again and answers with hello-ok, a rejection
//! answers with an error that ends the client.

use std::time::Duration;

use openclaw_protocol::{
    connect::ConnectParams,
    events,
    frame::OutEvent,
    hello::Waiting,
    limits::{DEAD_AFTER, PAIRING_TTL_MS, PING_INTERVAL},
    version::Dialect,
};
use tokio::time::{Instant, MissedTickBehavior, interval};

use super::{
    close::Close,
    handshake::Context,
    socket::{Received, Socket},
};
use crate::{
    auth::{
        admission::{self, Admitted, Outcome, Wait},
        refusal::Refusal,
    },
    pairing::waiters::Decision,
};

/// A waiting device's request is refreshed so often, well within its life of five minutes.
const REFRESH: Duration = Duration::from_mins(1);

/// How the waiting ended.
pub(crate) enum End {
    Admitted(Box<Admitted>),
    Refused(Refusal),
    Closed(Close),
}

/// Keeps a connection until its request is decided.
pub(crate) async fn wait(
    context: &Context,
    socket: &mut Socket,
    params: &ConnectParams,
    dialect: Dialect,
    mut wait: Box<Wait>,
) -> End {
    let hub = &context.hub;
    let mut pings = interval(PING_INTERVAL);
    let mut refresh = interval(REFRESH);
    for timer in [&mut pings, &mut refresh] {
        timer.set_missed_tick_behavior(MissedTickBehavior::Delay);
        timer.reset();
    }
    let mut heard = Instant::now();
    if tell(context, socket, &wait).await.is_err() {
        return End::Closed(Close::PeerGone);
    }
    loop {
        tokio::select! {
            decision = wait.ticket.decided() => {
                let outcome = match decision {
                    Decision::Rejected => return End::Refused(Refusal::Rejected { request_id: wait.needed.request_id.clone() }),
                    // Also after a supersession or a loss of count: admission looks at what is stored now.
                    Decision::LookAgain => Box::pin(admission::again(context, params, dialect, &wait.device)).await,
                };
                match outcome {
                    Outcome::Admitted(admitted) => return End::Admitted(admitted),
                    Outcome::Refused(refusal) => return End::Refused(refusal),
                    Outcome::Wait(next) => {
                        let changed = next.needed.request_id != wait.needed.request_id;
                        wait = next;
                        if changed && tell(context, socket, &wait).await.is_err() {
                            return End::Closed(Close::PeerGone);
                        }
                    }
                }
            }
            () = hub.life.stop.cancelled() => return End::Closed(Close::ServiceRestart),
            received = socket.receive() => {
                heard = Instant::now();
                match received {
                    // Nothing is served before the decision (SEC-032); what a client sends meanwhile is dropped.
                    Received::Text(_) | Received::Ping | Received::Pong => {}
                    Received::TooLarge => return End::Closed(Close::TooLarge),
                    Received::Gone => return End::Closed(Close::PeerGone),
                }
            }
            _ = pings.tick() => {
                if heard.elapsed() > DEAD_AFTER {
                    return End::Closed(Close::HalfOpen);
                }
                if socket.ping().await.is_err() {
                    return End::Closed(Close::PeerGone);
                }
            }
            _ = refresh.tick() => match Box::pin(admission::again(context, params, dialect, &wait.device)).await {
                Outcome::Admitted(admitted) => return End::Admitted(admitted),
                Outcome::Refused(refusal) => return End::Refused(refusal),
                Outcome::Wait(next) => wait = next,
            },
        }
    }
}

/// Tells the device what to show.
async fn tell(context: &Context, socket: &mut Socket, wait: &Wait) -> Result<(), ()> {
    let hub = &context.hub;
    let payload = Waiting {
        request_id: wait.needed.request_id.to_string(),
        reason: wait.needed.reason.as_str().to_owned(),
        gateway_name: hub.identity.name.clone(),
        instance_id: hub.identity.instance_id.clone(),
        gateway_public_key: hub.identity.key.public().to_wire(),
        expires_at_ms: hub.clock.now_ms() + PAIRING_TTL_MS,
        approval_url: None,
    };
    let frame =
        serde_json::to_vec(&OutEvent::targeted(events::core::PAIRING_WAITING.name, payload)).unwrap_or_default();
    socket.send_all([frame.into()]).await.or(Err(()))
}
