//! One connection: the handshake, calls, and a node that answers invokes.

use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use openclaw_identity::{DeviceKey, sign_connect};
use openclaw_protocol::{
    clock::Clock,
    connect::{ClientInfo, ConnectAuth, ConnectParams},
    scope::Role,
};
use serde_json::{Value, json};
use tokio::{net::TcpStream, time::timeout};
use tokio_websockets::{ClientBuilder, Config, Limits, MaybeTlsStream, Message, WebSocketStream};

pub(crate) type Failure = Box<dyn std::error::Error>;

/// Past this a server is stuck, not slow: the official one may take seconds under load.
const DEADLINE: Duration = Duration::from_secs(30);

/// The server under load.
pub(crate) struct Target {
    pub(crate) url: String,
    pub(crate) token: String,
    pub(crate) pid: u32,
}

/// Who connects, and with which credential.
pub(crate) struct Who<'a> {
    pub(crate) key: &'a DeviceKey,
    pub(crate) role: Role,
    /// Instead of the shared token.
    pub(crate) device_token: Option<&'a str>,
}

pub(crate) struct Peer {
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
    calls: u64,
    /// The bytes of the hello-ok and what it says.
    pub(crate) hello_bytes: usize,
    pub(crate) hello: Value,
}

impl Peer {
    /// # Errors
    /// When the server refuses, closes or does not answer in time.
    pub(crate) async fn connect(target: &Target, who: &Who<'_>) -> Result<Self, Failure> {
        let builder = ClientBuilder::new()
            .uri(&target.url)?
            .limits(Limits::default().max_payload_len(Some(25 << 20)))
            .config(Config::default().flush_threshold(0));
        let (socket, _) = timeout(DEADLINE, builder.connect()).await??;
        let mut peer = Self { socket, calls: 0, hello_bytes: 0, hello: Value::Null };
        let challenge = peer.next_frame().await?;
        let challenge: Value = serde_json::from_str(&challenge)?;
        let nonce = challenge.pointer("/payload/nonce").and_then(Value::as_str).ok_or("no challenge")?.to_owned();
        let mut params = params(target, who);
        sign_connect(&mut params, who.key, who.role, &nonce, Clock::system().now_ms());
        let answer = peer.call("connect", &serde_json::to_value(&params)?).await?;
        peer.hello_bytes = answer.len();
        peer.hello = serde_json::from_str(&answer)?;
        Ok(peer)
    }

    /// Sends a request and returns the text of its answer; events in between are skipped.
    ///
    /// # Errors
    /// When the answer is an error or does not come in time.
    pub(crate) async fn call(&mut self, method: &str, params: &Value) -> Result<String, Failure> {
        self.calls += 1;
        let id = format!("r{}", self.calls);
        let request = json!({"type": "req", "id": id, "method": method, "params": params});
        self.socket.send(Message::text(request.to_string())).await?;
        let wanted = format!("\"id\":\"{id}\"");
        loop {
            let frame = self.next_frame().await?;
            // An answer has its id in front; an event never starts like this.
            if frame.starts_with("{\"type\":\"res\"") && frame.contains(&wanted) {
                let start: String = frame.chars().take(400).collect();
                return if frame.contains("\"ok\":true") {
                    Ok(frame)
                } else {
                    Err(format!("{method}: {start}").into())
                };
            }
        }
    }

    /// Answers `count` invokes as a node would, with an empty result.
    ///
    /// # Errors
    /// When the connection ends before.
    pub(crate) async fn answer_invokes(&mut self, count: usize) -> Result<(), Failure> {
        let mut left = count;
        while left > 0 {
            let frame = self.next_frame().await?;
            if !frame.contains("\"node.invoke.request\"") {
                continue;
            }
            let event: Value = serde_json::from_str(&frame)?;
            let member = |path: &str| event.pointer(path).cloned().unwrap_or_default();
            let params = json!({
                "id": member("/payload/id"), "nodeId": member("/payload/nodeId"), "ok": true, "payloadJSON": "{\"bins\":{}}",
            });
            self.calls += 1;
            let id = format!("r{}", self.calls);
            let result = json!({"type": "req", "id": id, "method": "node.invoke.result", "params": params});
            self.socket.send(Message::text(result.to_string())).await?;
            left -= 1;
        }
        Ok(())
    }

    /// Says goodbye, and waits a little for the server to say it too.
    pub(crate) async fn close(mut self) {
        drop(timeout(Duration::from_secs(1), self.socket.close()).await);
    }

    async fn next_frame(&mut self) -> Result<String, Failure> {
        loop {
            let message = timeout(DEADLINE, self.socket.next()).await?.ok_or("the server closed the connection")??;
            if let Some(text) = message.as_text() {
                return Ok(text.to_owned());
            }
            if let Some((code, reason)) = message.as_close() {
                return Err(format!("closed with {} {reason}", u16::from(code)).into());
            }
        }
    }
}

fn params(target: &Target, who: &Who<'_>) -> ConnectParams {
    let node = who.role == Role::Node;
    let name = |node_name: &str, operator_name: &str| if node { node_name } else { operator_name }.to_owned();
    let list = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    ConnectParams {
        min_protocol: 3,
        max_protocol: 4,
        client: ClientInfo {
            id: name("node-host", "cli"),
            mode: name("node", "cli"),
            version: "2026.3.13".to_owned(),
            platform: "linux".to_owned(),
            device_family: Some("Linux".to_owned()),
            ..ClientInfo::default()
        },
        role: Some(name("node", "operator")),
        caps: list(if node { &["system"] } else { &[] }),
        commands: list(if node { &["system.which"] } else { &[] }),
        scopes: list(if node {
            &[]
        } else {
            &["operator.admin", "operator.read", "operator.write", "operator.pairing"]
        }),
        auth: Some(ConnectAuth {
            token: Some(who.device_token.unwrap_or(&target.token).to_owned()),
            ..ConnectAuth::default()
        }),
        ..ConnectParams::default()
    }
}
