//! From an endpoint to an open WebSocket: names, TCP, TLS, upgrade. Nothing of the gateway's protocol is known here.

mod open;
mod stream;
pub(crate) mod tcp;
pub(crate) mod tls;
pub(crate) mod upgrade;

pub(crate) use open::{open, within};
pub(crate) use stream::Stream;
use tokio_websockets::WebSocketStream;

/// An open WebSocket to a gateway.
pub(crate) type Socket = WebSocketStream<upgrade::Recorded>;
