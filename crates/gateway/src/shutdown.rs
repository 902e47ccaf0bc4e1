//! Ending in order (REL-040): tell everybody, close with 1012, let what runs end for a bounded time, release the state.

use std::{sync::Arc, time::Duration};

use openclaw_protocol::events::core::{SHUTDOWN, Shutdown};
use tokio::time::timeout;
use tracing::{info, warn};

use crate::{conn::close::Close, hub::Hub};

/// What runs may go on so long after the sockets were closed.
const DRAIN: Duration = Duration::from_secs(10);
/// A restarted gateway is back within this time, as clients are told.
const RESTART_EXPECTED_MS: u64 = 1_500;

/// Ends the connections and tasks of a gateway whose stop token was cancelled.
pub(crate) async fn shut_down(hub: &Arc<Hub>) {
    let restart = hub.life.restart.is_cancelled();
    let reason = if restart { "gateway restarting" } else { "gateway stopping" };
    info!("{reason}: closing {} connections", hub.connections.len());
    let event = Shutdown { reason: reason.to_owned(), restart_expected_ms: restart.then_some(RESTART_EXPECTED_MS) };
    hub.connections.broadcast(&SHUTDOWN, &event, None);
    for session in hub.connections.all() {
        session.outbox.close(Close::ServiceRestart);
    }
    hub.life.tasks.close();
    if timeout(DRAIN, hub.life.tasks.wait()).await.is_err() {
        warn!("{} tasks did not end in time and are dropped", hub.life.tasks.len());
    }
}
