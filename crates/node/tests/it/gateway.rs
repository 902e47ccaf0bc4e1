//! A gateway that does what a test tells it.

use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use openclaw_client::Endpoint;
use serde_json::{Value, json};
use tokio::{
    net::{TcpListener, TcpStream},
    time::timeout,
};
use tokio_websockets::{Message, ServerBuilder, WebSocketStream};

/// Everything that a test waits for comes within this time or never.
pub(crate) const SOON: Duration = Duration::from_secs(20);

pub(crate) struct Gateway {
    listener: TcpListener,
}

/// One connection of the node, after its `connect`.
pub(crate) struct Peer {
    socket: WebSocketStream<TcpStream>,
    connect_id: String,
    /// The params of `connect`.
    pub(crate) connect: Value,
    /// Requests that came while something else was waited for.
    waiting: Vec<Value>,
}

impl Gateway {
    pub(crate) async fn start() -> Self {
        Self { listener: TcpListener::bind("127.0.0.1:0").await.unwrap() }
    }

    pub(crate) fn endpoint(&self) -> Endpoint {
        Endpoint::parse(&format!("ws://{}", self.listener.local_addr().unwrap())).unwrap()
    }

    /// The next connection, up to its `connect`.
    pub(crate) async fn accept(&self) -> Peer {
        timeout(SOON, async {
            let (stream, _) = self.listener.accept().await.unwrap();
            let (_request, mut socket) = ServerBuilder::new().accept(stream).await.unwrap();
            let challenge = json!({"type": "event", "event": "connect.challenge", "payload": {"nonce": "n", "ts": 1}});
            socket.send(Message::text(challenge.to_string())).await.unwrap();
            let connect = receive(&mut socket).await.unwrap();
            assert_eq!(connect["method"], "connect");
            let connect_id = connect["id"].as_str().unwrap().to_owned();
            Peer { socket, connect_id, connect: connect["params"].clone(), waiting: Vec::new() }
        })
        .await
        .unwrap()
    }

    /// The next connection, accepted in that dialect.
    pub(crate) async fn welcome(&self, protocol: u32) -> Peer {
        let mut peer = self.accept().await;
        peer.hello(protocol, &json!({"role": "node", "scopes": []})).await;
        peer
    }

    /// Nobody connects while this future is polled.
    pub(crate) async fn nobody(&self) {
        self.listener.accept().await.unwrap();
        panic!("the node connected");
    }
}

async fn receive(socket: &mut WebSocketStream<TcpStream>) -> Option<Value> {
    loop {
        let message = socket.next().await?.ok()?;
        if let Some(text) = message.as_text() {
            return Some(serde_json::from_str(text).unwrap());
        }
        if message.is_close() {
            return None;
        }
    }
}

impl Peer {
    pub(crate) fn node_id(&self) -> String {
        self.connect["device"]["id"].as_str().unwrap().to_owned()
    }

    pub(crate) async fn hello(&mut self, protocol: u32, auth: &Value) {
        let payload = json!({
            "type": "hello-ok", "protocol": protocol,
            "server": {"version": "2026.9.6", "connId": "c"},
            "features": {"methods": [], "events": []},
            "snapshot": {"gateway": {"name": "Home", "instanceId": "g-1"}},
            "auth": auth,
            "policy": {"maxPayload": 26_214_400, "maxBufferedBytes": 52_428_800, "tickIntervalMs": 30_000},
        });
        let id = self.connect_id.clone();
        self.send(json!({"type": "res", "id": id, "ok": true, "payload": payload})).await;
    }

    pub(crate) async fn refuse(mut self, error: Value) {
        let id = self.connect_id.clone();
        self.send(json!({"type": "res", "id": id, "ok": false, "error": error})).await;
        drop(self.socket.close().await);
    }

    pub(crate) async fn send(&mut self, frame: Value) {
        self.socket.send(Message::text(frame.to_string())).await.unwrap();
    }

    pub(crate) async fn event(&mut self, event: &str, payload: Value) {
        self.send(json!({"type": "event", "event": event, "payload": payload})).await;
    }

    /// Asks for a command; the answer comes by [`Peer::result`].
    pub(crate) async fn invoke(&mut self, id: &str, command: &str, params: &Value) {
        let node_id = self.node_id();
        let text = (!params.is_null()).then(|| params.to_string());
        let payload = json!({"id": id, "nodeId": node_id, "command": command, "paramsJSON": text, "timeoutMs": 30_000});
        self.event("node.invoke.request", payload).await;
    }

    /// The next request of that method; it is acknowledged, and others are kept for later.
    pub(crate) async fn request(&mut self, method: &str) -> Value {
        timeout(SOON, async {
            loop {
                if let Some(at) = self.waiting.iter().position(|request| request["method"] == method) {
                    return self.waiting.remove(at)["params"].clone();
                }
                let request = receive(&mut self.socket).await.expect("the node hung up");
                let ack = json!({"type": "res", "id": request["id"], "ok": true, "payload": {"ok": true}});
                self.send(ack).await;
                self.waiting.push(request);
            }
        })
        .await
        .unwrap_or_else(|_| panic!("no {method}, but {:?}", self.waiting))
    }

    /// The result of an invoke: its payload, or `CODE: message`.
    pub(crate) async fn result(&mut self, id: &str) -> Result<Value, String> {
        let result = self.request("node.invoke.result").await;
        assert_eq!(result["id"], id, "{result}");
        assert_eq!(result["nodeId"], self.node_id());
        if result["ok"] == true {
            return Ok(serde_json::from_str(result["payloadJSON"].as_str().unwrap()).unwrap());
        }
        let text = |name: &str| result["error"][name].as_str().unwrap().to_owned();
        Err(format!("{}: {}", text("code"), text("message")))
    }

    /// Invokes and waits for the result.
    pub(crate) async fn call(&mut self, id: &str, command: &str, params: &Value) -> Result<Value, String> {
        self.invoke(id, command, params).await;
        self.result(id).await
    }

    /// Waits until the node hangs up.
    pub(crate) async fn gone(&mut self) {
        timeout(SOON, async { while receive(&mut self.socket).await.is_some() {} }).await.unwrap();
    }

    pub(crate) async fn close(mut self) {
        drop(self.socket.close().await);
    }
}
