//! The least that a gateway can do, as a yardstick for `cargo xtask bench`: `floor 127.0.0.1:0`.
//!
//! It sends a challenge, verifies the Ed25519 signature of the connect, answers with a hello-ok of 283 bytes and every
//! call with an empty payload, and relays invokes to nodes. It stores nothing and has no policy. What it costs is what
//! sockets, frames, JSON and a signature cost; what ours costs beyond that is what it does for people.

use std::{
    collections::HashMap,
    io::Write as _,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use futures_util::{SinkExt as _, StreamExt as _};
use openclaw_identity::{PublicKey, verify_connect};
use openclaw_protocol::{connect::ConnectParams, frame, scope::Role};
use serde::Deserialize;
use serde_json::{json, value::RawValue};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    sync::mpsc,
    time::timeout,
};
use tokio_util::task::TaskTracker;
use tokio_websockets::{Config, Limits, Message, ServerBuilder, WebSocketStream};

type Failure = Box<dyn std::error::Error + Send + Sync>;

/// A peer that does not shake hands in this time is none.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);
/// Frames that may wait for one peer; a sender waits for room.
const OUTBOX_FRAMES: usize = 256;
const HELLO_BYTES: usize = 283;

/// Everyone who is connected, by the number of the connection and, for nodes, by device id.
#[derive(Default)]
struct Peers {
    nodes: Mutex<HashMap<String, mpsc::Sender<String>>>,
    /// Invokes in flight: who gets the answer, and under which id.
    invokes: Mutex<HashMap<String, (mpsc::Sender<String>, String)>>,
}

/// What a relay needs of `node.invoke`.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Invoke {
    node_id: String,
    command: String,
    params: Box<RawValue>,
    idempotency_key: String,
}

/// What a relay needs of `node.invoke.result`.
#[derive(Deserialize)]
struct InvokeResult {
    id: String,
    #[serde(rename = "payloadJSON")]
    payload: String,
}

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let address = std::env::args().nth(1).ok_or("usage: floor <address>:<port>")?;
    let listener = TcpListener::bind(address).await?;
    writeln!(std::io::stdout(), "{}", listener.local_addr()?)?;
    let peers = Arc::new(Peers::default());
    let connections = TaskTracker::new();
    for number in 0_u64.. {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let peers = Arc::clone(&peers);
        connections.spawn(async move {
            // The load program sees on its side what went wrong.
            drop(serve(stream, number, &peers).await);
        });
    }
    Ok(())
}

async fn serve(mut stream: TcpStream, number: u64, peers: &Peers) -> Result<(), Failure> {
    let mut start = [0; 12];
    stream.peek(&mut start).await?;
    if &start == b"GET /healthz" {
        let mut request = [0; 2048];
        if stream.read(&mut request).await? == 0 {
            return Err("gone".into());
        }
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok").await?;
        return Ok(());
    }
    let server = ServerBuilder::new()
        .limits(Limits::default().max_payload_len(Some(25 << 20)))
        .config(Config::default().flush_threshold(0));
    let (_, mut socket) = timeout(HANDSHAKE_TIMEOUT, server.accept(stream)).await??;
    let (device, role) = timeout(HANDSHAKE_TIMEOUT, shake_hands(&mut socket, number)).await??;
    let (outbox, mut frames) = mpsc::channel(OUTBOX_FRAMES);
    if role == Role::Node {
        lock(&peers.nodes).insert(device.clone(), outbox.clone());
    }
    loop {
        tokio::select! {
            Some(text) = frames.recv() => socket.send(Message::text(text)).await?,
            message = socket.next() => {
                let Some(message) = message else { break };
                let message = message?;
                if let Some(text) = message.as_text() {
                    handle(text, peers, &outbox).await?;
                }
            }
        }
    }
    if role == Role::Node {
        lock(&peers.nodes).remove(&device);
    }
    Ok(())
}

/// Challenge, signature, hello-ok.
async fn shake_hands(socket: &mut WebSocketStream<TcpStream>, number: u64) -> Result<(String, Role), Failure> {
    let nonce = format!("00000000-0000-4000-8000-{number:012}");
    let challenge = json!({"type": "event", "event": "connect.challenge", "payload": {"nonce": nonce, "ts": 0}});
    socket.send(Message::text(challenge.to_string())).await?;
    let message = socket.next().await.ok_or("gone")??;
    let request = frame::decode(message.as_text().ok_or("not text")?)?;
    let params: ConnectParams = serde_json::from_str(request.params())?;
    let role = if params.role.as_deref() == Some("node") { Role::Node } else { Role::Operator };
    let device = match &params.device {
        Some(proof) => {
            let key = PublicKey::parse(&proof.public_key)?;
            if proof.nonce != nonce || verify_connect(&params, proof, role, &key).is_none() {
                return Err("bad signature".into());
            }
            proof.id.clone()
        }
        None => String::new(),
    };
    socket.send(Message::text(hello(&request.id, number))).await?;
    Ok((device, role))
}

/// A hello-ok of exactly the size that the comparison speaks of.
fn hello(id: &str, number: u64) -> String {
    let payload = json!({
        "type": "hello-ok", "protocol": 3, "server": {"version": "floor", "connId": number.to_string()},
        "features": {"methods": [], "events": []}, "snapshot": {},
        "policy": {"maxPayload": 25 << 20, "maxBufferedBytes": 50 << 20, "tickIntervalMs": 30_000},
    });
    let mut text = json!({"type": "res", "id": id, "ok": true, "payload": payload}).to_string();
    while text.len() < HELLO_BYTES {
        text.push(' ');
    }
    text
}

async fn handle(text: &str, peers: &Peers, outbox: &mpsc::Sender<String>) -> Result<(), Failure> {
    let request = frame::decode(text)?;
    match request.method.as_str() {
        "node.invoke" => {
            let Invoke { node_id, command, params, idempotency_key } = serde_json::from_str(request.params())?;
            let node = lock(&peers.nodes).get(&node_id).cloned().ok_or("no such node")?;
            lock(&peers.invokes).insert(idempotency_key.clone(), (outbox.clone(), request.id));
            let payload = json!({
                "id": idempotency_key, "nodeId": node_id, "command": command,
                "paramsJSON": params.to_string(), "timeoutMs": 30_000,
            });
            let event = json!({"type": "event", "event": "node.invoke.request", "payload": payload});
            node.send(event.to_string()).await?;
        }
        "node.invoke.result" => {
            let InvokeResult { id, payload } = serde_json::from_str(request.params())?;
            let waiting = lock(&peers.invokes).remove(&id);
            if let Some((caller, id)) = waiting {
                let payload = json!({"ok": true, "payloadJSON": payload});
                caller.send(json!({"type": "res", "id": id, "ok": true, "payload": payload}).to_string()).await?;
            }
            outbox.send(empty(&request.id)).await?;
        }
        _ => outbox.send(empty(&request.id)).await?,
    }
    Ok(())
}

fn empty(id: &str) -> String {
    json!({"type": "res", "id": id, "ok": true, "payload": {}}).to_string()
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
