//! The WebSocket itself: limits, text messages, closing.

use std::time::Duration;

use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use openclaw_protocol::limits::{MAX_PAYLOAD_BYTES, PREAUTH_MAX_BYTES};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    time::timeout,
};
use tokio_websockets::{CloseCode, Config, Error, Limits, Message, ServerBuilder, WebSocketStream};

/// One frame on the wire takes longer only if the peer has stopped reading.
const WRITE_TIMEOUT: Duration = Duration::from_secs(30);
/// After our close frame the peer has so long to answer it.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(1);

/// Anything that carries bytes both ways.
pub(crate) trait Transport: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Transport for T {}

/// The WebSocket configuration of the product, shared with the conformance suite.
pub fn config() -> Config {
    Config::default()
}

/// What a peer sent.
#[derive(Debug)]
pub(crate) enum Received {
    /// A message. Binary ones are read as UTF-8, as the reference does.
    Text(String),
    /// A ping was answered; it counts against a flood.
    Ping,
    /// The peer lives.
    Pong,
    /// A message past the limit; the WebSocket layer has sent 1009 by itself.
    TooLarge,
    /// The peer closed or is gone.
    Gone,
}

/// A peer that does not read any more, or is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SendError {
    Slow,
    Gone,
}

/// A WebSocket with this product's limits.
pub(crate) struct Socket {
    stream: WebSocketStream<Box<dyn Transport>>,
}

impl Socket {
    /// Takes over a transport after the HTTP upgrade, with the small limit of the time before the handshake.
    pub(crate) fn new(transport: Box<dyn Transport>) -> Self {
        let limits = Limits::default().max_payload_len(Some(PREAUTH_MAX_BYTES));
        Self { stream: ServerBuilder::new().config(config()).limits(limits).serve(transport) }
    }

    /// Raises the message limit after hello-ok.
    pub(crate) fn raise_limit(&mut self) {
        self.stream.limits_mut().set_max_payload_len(Some(MAX_PAYLOAD_BYTES));
    }

    /// The next thing from the peer. Cancel-safe: nothing is lost when the future is dropped.
    pub(crate) async fn receive(&mut self) -> Received {
        loop {
            let message = match self.stream.next().await {
                Some(Ok(message)) => message,
                Some(Err(error)) => return self.broken(&error).await,
                None => return Received::Gone,
            };
            if message.is_ping() {
                return Received::Ping;
            }
            if message.is_pong() {
                return Received::Pong;
            }
            if message.is_close() {
                return Received::Gone;
            }
            if let Some(text) = message.as_text() {
                return Received::Text(text.to_owned());
            }
            if message.is_binary() {
                return Received::Text(String::from_utf8_lossy(message.as_payload()).into_owned());
            }
        }
    }

    /// After a peer broke the rules of the protocol: the WebSocket layer has queued the close frame that says so.
    async fn broken(&mut self, error: &Error) -> Received {
        if !matches!(error, Error::Io(_)) && timeout(CLOSE_TIMEOUT, self.stream.flush()).await.is_err() {
            tracing::trace!("the peer did not take our close frame");
        }
        if matches!(error, Error::PayloadTooLong { .. }) { Received::TooLarge } else { Received::Gone }
    }

    /// Sends frames and flushes once.
    pub(crate) async fn send_all(&mut self, frames: impl IntoIterator<Item = Bytes>) -> Result<(), SendError> {
        for frame in frames {
            match timeout(WRITE_TIMEOUT, self.stream.feed(Message::text(frame))).await {
                Ok(Ok(())) => {}
                Ok(Err(_)) => return Err(SendError::Gone),
                Err(_) => return Err(SendError::Slow),
            }
        }
        match timeout(WRITE_TIMEOUT, self.stream.flush()).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) => Err(SendError::Gone),
            Err(_) => Err(SendError::Slow),
        }
    }

    /// Sends a ping.
    pub(crate) async fn ping(&mut self) -> Result<(), SendError> {
        match timeout(WRITE_TIMEOUT, self.stream.send(Message::ping(Bytes::new()))).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) => Err(SendError::Gone),
            Err(_) => Err(SendError::Slow),
        }
    }

    /// Sends a close frame and waits a moment for the peer's.
    pub(crate) async fn close(mut self, code: u16, reason: &str) {
        let code = CloseCode::try_from(code).unwrap_or(CloseCode::NORMAL_CLOSURE);
        let closing = async {
            if self.stream.send(Message::close(Some(code), reason)).await.is_err() {
                return;
            }
            while let Some(Ok(_)) = self.stream.next().await {}
        };
        if timeout(CLOSE_TIMEOUT, closing).await.is_err() {
            tracing::trace!("the peer did not answer our close frame");
        }
    }
}
