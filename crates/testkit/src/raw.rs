//! A bare TCP socket that speaks just enough HTTP and WebSocket to break the rules: frames in one write, headers that
//! lie, silence.

use openclaw_identity::{DeviceKey, sign_connect};
use openclaw_protocol::{clock::Clock, connect::ConnectParams, scope::Role};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::within;

/// A bare socket to a test gateway.
pub struct RawSocket {
    stream: TcpStream,
    buffered: Vec<u8>,
}

impl RawSocket {
    /// Connects and says nothing.
    ///
    /// # Panics
    /// When nobody listens.
    pub async fn connect(port: u16) -> Self {
        let stream = within("a connection", TcpStream::connect(("127.0.0.1", port))).await.expect("a connection");
        Self { stream, buffered: Vec::new() }
    }

    /// Connects and asks for a WebSocket under that Host, with these headers besides, as often as they are named.
    ///
    /// # Errors
    /// Status and body, when the gateway refuses.
    pub async fn upgrade(port: u16, host: &str, headers: &[(String, String)]) -> Result<Self, (u16, String)> {
        let mut socket = Self::connect(port).await;
        let mut request = format!(
            "GET / HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
        );
        for (name, value) in headers {
            request.extend([name.as_str(), ": ", value.as_str(), "\r\n"]);
        }
        request.push_str("\r\n");
        socket.write(request.as_bytes()).await;
        let head = socket.read_head().await;
        let status = head.split(' ').nth(1).and_then(|code| code.parse().ok()).unwrap_or_default();
        if status == 101 { Ok(socket) } else { Err((status, head)) }
    }

    /// Opens a WebSocket and reads the challenge: the socket and its nonce.
    ///
    /// # Panics
    /// When the gateway does not open it.
    pub async fn open(port: u16) -> (Self, String) {
        let host = format!("127.0.0.1:{port}");
        let mut socket = Self::upgrade(port, &host, &[]).await.unwrap_or_else(|no| panic!("no upgrade: {no:?}"));
        let (_, payload) = socket.read_frame().await.expect("the challenge");
        let challenge: Value = serde_json::from_slice(&payload).expect("JSON");
        let nonce = challenge["payload"]["nonce"].as_str().expect("a nonce").to_owned();
        (socket, nonce)
    }

    /// The stream and what was read ahead of it.
    pub(crate) fn into_parts(self) -> (TcpStream, Vec<u8>) {
        (self.stream, self.buffered)
    }

    /// Writes bytes as they are; a peer that is gone is no problem of the writer.
    pub async fn write(&mut self, bytes: &[u8]) {
        drop(within("a write", self.stream.write_all(bytes)).await);
    }

    /// The next frame: opcode and payload. `None` at the end of the stream.
    pub async fn read_frame(&mut self) -> Option<(u8, Vec<u8>)> {
        let head = self.take(2).await?;
        let length = match head[1] & 0x7f {
            126 => u64::from(u16::from_be_bytes(self.take(2).await?.try_into().ok()?)),
            127 => u64::from_be_bytes(self.take(8).await?.try_into().ok()?),
            short => u64::from(short),
        };
        let payload = self.take(usize::try_from(length).ok()?).await?;
        Some((head[0] & 0x0f, payload))
    }

    /// Reads up to the close frame: its code and reason. Code 0 when the stream ends without one.
    pub async fn closed(&mut self) -> (u16, String) {
        while let Some((opcode, payload)) = self.read_frame().await {
            if opcode == 8 {
                let (code, reason) = payload.split_at(payload.len().min(2));
                let code = <[u8; 2]>::try_from(code).map(u16::from_be_bytes).unwrap_or_default();
                return (code, String::from_utf8_lossy(reason).into_owned());
            }
        }
        (0, String::new())
    }

    /// Reads until the other side ends the stream.
    pub async fn ended(&mut self) {
        while self.fill().await {}
    }

    /// Reads until that text has come.
    ///
    /// # Panics
    /// When the stream ends before.
    pub async fn expect_text(&mut self, text: &str) {
        while !String::from_utf8_lossy(&self.buffered).contains(text) {
            assert!(self.fill().await, "{text} did not come: {}", String::from_utf8_lossy(&self.buffered));
        }
    }

    async fn take(&mut self, count: usize) -> Option<Vec<u8>> {
        while self.buffered.len() < count {
            if !self.fill().await {
                return None;
            }
        }
        Some(self.buffered.drain(..count).collect())
    }

    async fn read_head(&mut self) -> String {
        loop {
            if let Some(end) = self.buffered.windows(4).position(|bytes| bytes == b"\r\n\r\n") {
                let head: Vec<u8> = self.buffered.drain(..end + 4).collect();
                return String::from_utf8_lossy(&head).into_owned();
            }
            if !self.fill().await {
                return String::from_utf8_lossy(&self.buffered).into_owned();
            }
        }
    }

    async fn fill(&mut self) -> bool {
        let mut chunk = vec![0; 64 << 10];
        let count = within("bytes", self.stream.read(&mut chunk)).await.unwrap_or_default();
        self.buffered.extend_from_slice(chunk.get(..count).unwrap_or_default());
        count > 0
    }
}

/// A frame of a client, masked with zeros: opcode, whether it is the last of its message, payload.
pub fn frame(opcode: u8, last: bool, payload: &[u8]) -> Vec<u8> {
    let mut bytes = vec![opcode | if last { 0x80 } else { 0 }];
    match (u8::try_from(payload.len()), u16::try_from(payload.len())) {
        (Ok(short @ ..=125), _) => bytes.push(short | 0x80),
        (_, Ok(medium)) => {
            bytes.push(0xfe);
            bytes.extend_from_slice(&medium.to_be_bytes());
        }
        _ => {
            bytes.push(0xff);
            bytes.extend_from_slice(&(payload.len() as u64).to_be_bytes());
        }
    }
    bytes.extend_from_slice(&[0; 4]);
    bytes.extend_from_slice(payload);
    bytes
}

/// A whole text message.
pub fn text_frame(text: &str) -> Vec<u8> {
    frame(1, true, text.as_bytes())
}

/// A signed `connect` request as text.
pub fn connect_request(mut params: ConnectParams, key: &DeviceKey, nonce: &str) -> String {
    let role = params.role.as_deref().and_then(Role::parse).unwrap_or(Role::Operator);
    sign_connect(&mut params, key, role, nonce, Clock::system().now_ms());
    json!({"type": "req", "id": "connect", "method": "connect", "params": params}).to_string()
}
