//! The WebSocket settings of the product. The conformance example uses the same ones.

use openclaw_protocol::limits;
use tokio_websockets::{Config, Limits};

/// Largest message that is read, [`limits::MAX_PAYLOAD_BYTES`] (SEC-017). A larger one ends the connection with 1009.
pub fn limits() -> Limits {
    Limits::default().max_payload_len(Some(limits::MAX_PAYLOAD_BYTES))
}

/// How messages are written: in one frame up to 4 MiB, flushed when 64 KiB wait.
pub fn config() -> Config {
    Config::default().flush_threshold(64 << 10)
}
