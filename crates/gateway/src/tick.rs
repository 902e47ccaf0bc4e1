//! The tick: a broadcast by which clients notice a dead link (protocol.md §1.2).

use std::sync::Arc;

use openclaw_protocol::{
    events::core::{TICK, Tick},
    limits::TICK_INTERVAL,
};
use tokio::time::{MissedTickBehavior, interval};

use crate::hub::Hub;

/// Broadcasts a tick in every interval until the gateway stops.
pub(crate) async fn tick_loop(hub: Arc<Hub>) {
    let mut timer = interval(TICK_INTERVAL);
    timer.set_missed_tick_behavior(MissedTickBehavior::Delay);
    timer.reset();
    loop {
        tokio::select! {
            () = hub.life.stop.cancelled() => return,
            _ = timer.tick() => hub.connections.broadcast(&TICK, &Tick { ts: hub.clock.now_ms() }, None),
        }
    }
}
