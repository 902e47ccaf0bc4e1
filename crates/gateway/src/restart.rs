//! Asking for a restart: the gateway ends its connections in order, and whoever runs it starts it again.

use std::{sync::Arc, time::Duration};

use tracing::info;

use crate::{hub::Hub, text::for_log};

/// Longest wait before a restart.
pub(crate) const MAX_DELAY: Duration = Duration::from_mins(1);

/// Restarts after `delay`, at most [`MAX_DELAY`]. A second wish while one waits changes nothing.
pub(crate) fn request(hub: &Arc<Hub>, reason: &str, delay: Duration) {
    let delay = delay.min(MAX_DELAY);
    info!(delay_ms = delay.as_millis(), "restarting the gateway: {}", for_log(reason));
    let hub = Arc::clone(hub);
    hub.clone().life.tasks.spawn(async move {
        tokio::select! {
            () = hub.life.stop.cancelled() => return,
            () = tokio::time::sleep(delay) => {}
        }
        // The wish first: whoever sees the stop already knows that the gateway comes back.
        hub.life.restart.cancel();
        hub.life.stop.cancel();
    });
}
