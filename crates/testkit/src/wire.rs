//! A bare WebSocket: what it sends and receives is up to the test.

use std::io::Cursor;

use futures_util::{SinkExt, StreamExt};
use openclaw_identity::{DeviceKey, sign_connect};
use openclaw_protocol::{clock::Clock, connect::ConnectParams, scope::Role};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, Chain, Join, ReadHalf, WriteHalf},
    net::TcpStream,
};
use tokio_websockets::{ClientBuilder, Limits, Message, WebSocketStream};

use crate::{RawSocket, within};

/// What was read ahead of the upgrade, then the socket.
type Stream = Join<Chain<Cursor<Vec<u8>>, ReadHalf<TcpStream>>, WriteHalf<TcpStream>>;

/// A bare WebSocket to a test gateway.
pub struct Wire {
    stream: WebSocketStream<Stream>,
    /// The nonce of the challenge.
    pub nonce: String,
}

impl Wire {
    /// Opens it with additional headers and reads the challenge.
    ///
    /// # Panics
    /// When the gateway does not accept it.
    pub async fn open(port: u16, headers: &[(&str, &str)]) -> Self {
        let headers: Vec<_> = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let opened = Self::open_with(port, &format!("127.0.0.1:{port}"), &headers).await;
        opened.unwrap_or_else(|no| panic!("the gateway opens no WebSocket: {no:?}"))
    }

    /// Opens it under that Host with these headers besides, and reads the challenge.
    ///
    /// # Errors
    /// Status and text of an HTTP refusal.
    pub async fn open_with(port: u16, host: &str, headers: &[(String, String)]) -> Result<Self, (u16, String)> {
        let (stream, read_ahead) = RawSocket::upgrade(port, host, headers).await?.into_parts();
        let (reader, writer) = tokio::io::split(stream);
        let stream = tokio::io::join(Cursor::new(read_ahead).chain(reader), writer);
        let limits = Limits::default().max_payload_len(Some(64 << 20));
        let stream = ClientBuilder::new().limits(limits).take_over(stream);
        let mut wire = Self { stream, nonce: String::new() };
        let challenge = wire.receive().await;
        assert_eq!(challenge["event"], "connect.challenge");
        challenge["payload"]["nonce"].as_str().expect("a nonce").clone_into(&mut wire.nonce);
        Ok(wire)
    }

    /// Sends text as it is.
    pub async fn send_text(&mut self, text: impl Into<String>) {
        self.stream.send(Message::text(text.into())).await.expect("the message is sent");
    }

    /// Sends a request.
    pub async fn send(&mut self, id: &str, method: &str, params: Value) {
        self.send_text(json!({"type": "req", "id": id, "method": method, "params": params}).to_string()).await;
    }

    /// Signs and sends a `connect`.
    pub async fn connect(&mut self, mut params: ConnectParams, key: Option<&DeviceKey>) {
        let role = Role::parse(params.role.as_deref().unwrap_or("operator")).unwrap_or(Role::Operator);
        if let Some(key) = key {
            sign_connect(&mut params, key, role, &self.nonce, Clock::system().now_ms());
        }
        self.send("connect", "connect", serde_json::to_value(params).expect("params")).await;
    }

    /// The next frame as JSON.
    ///
    /// # Panics
    /// When the socket ends instead.
    pub async fn receive(&mut self) -> Value {
        self.try_receive().await.unwrap_or_else(|(code, reason)| panic!("closed with {code} {reason:?}"))
    }

    /// The next frame, or how the socket was closed (0 when without a close frame).
    ///
    /// # Errors
    /// Close code and reason.
    pub async fn try_receive(&mut self) -> Result<Value, (u16, String)> {
        within("a frame", async {
            loop {
                match self.stream.next().await {
                    None | Some(Err(_)) => return Err((0, String::new())),
                    Some(Ok(message)) => {
                        if let Some((code, reason)) = message.as_close() {
                            return Err((code.into(), reason.to_owned()));
                        }
                        if let Some(text) = message.as_text() {
                            return Ok(serde_json::from_str(text).expect("a frame is JSON"));
                        }
                    }
                }
            }
        })
        .await
    }

    /// The answer to that request; events in between are skipped.
    pub async fn answer(&mut self, id: &str) -> Value {
        loop {
            let frame = self.receive().await;
            if frame["type"] == "res" && frame["id"] == id {
                return frame;
            }
        }
    }

    /// How the socket is closed; frames before that are skipped, unread.
    pub async fn closed(&mut self) -> (u16, String) {
        within("the close", async {
            loop {
                match self.stream.next().await {
                    None | Some(Err(_)) => return (0, String::new()),
                    Some(Ok(message)) => {
                        if let Some((code, reason)) = message.as_close() {
                            return (code.into(), reason.to_owned());
                        }
                    }
                }
            }
        })
        .await
    }
}
