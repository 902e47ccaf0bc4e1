//! The measures, one function each.

use std::time::{Duration, Instant};

use futures_util::future::try_join_all;
use openclaw_identity::DeviceKey;
use openclaw_protocol::scope::Role;
use serde_json::{Value, json};

use crate::{
    cost::{Meter, cpu_ms, resident_kb},
    peer::{Failure, Peer, Target, Who},
};

/// Handshakes at a time.
const HANDSHAKES_AT_ONCE: usize = 8;
/// Connections that call at a time.
const CALLERS: usize = 16;

/// # Errors
/// Whatever the server does that was not asked of it.
pub(crate) async fn run(measure: &str, target: &Target, count: usize) -> Result<Value, Failure> {
    match measure {
        "hello" => hello(target).await,
        "pair" => pair(target, count).await,
        "handshake" => handshake(target, count, Credential::SharedToken).await,
        "handshake-paired" => handshake(target, count, Credential::DeviceToken).await,
        "health" => calls(target, count, "health", &json!({})).await,
        "node-list" => node_list(target, count).await,
        "invoke" => invoke(target, count, 1).await,
        "invoke-many" => invoke(target, count, CALLERS).await,
        "idle-nodes" => idle_nodes(target, count).await,
        _ => Err(format!("no measure is called {measure}").into()),
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Credential {
    SharedToken,
    DeviceToken,
}

fn operator(key: &DeviceKey) -> Who<'_> {
    Who { key, role: Role::Operator, device_token: None }
}

fn node(key: &DeviceKey) -> Who<'_> {
    Who { key, role: Role::Node, device_token: None }
}

/// One handshake: the size of the answer, and what the server has spent and holds by now.
async fn hello(target: &Target) -> Result<Value, Failure> {
    let start = Instant::now();
    let peer = Peer::connect(target, &operator(&DeviceKey::generate()?)).await?;
    let took = start.elapsed();
    let report = json!({
        "helloBytes": peer.hello_bytes,
        "helloMs": took.as_secs_f64() * 1000.0,
        "serverCpuMs": cpu_ms(target.pid)?,
        "residentKb": resident_kb(target.pid)?,
    });
    peer.close().await;
    Ok(report)
}

/// First connects of devices that the server has never seen.
async fn pair(target: &Target, count: usize) -> Result<Value, Failure> {
    let meter = Meter::start(target)?;
    let share = count / HANDSHAKES_AT_ONCE;
    let lanes = (0..HANDSHAKES_AT_ONCE).map(|_| async move {
        let mut times = Vec::with_capacity(share);
        for _ in 0..share {
            let key = DeviceKey::generate()?;
            times.push(time_one(target, &operator(&key)).await?);
        }
        Ok::<_, Failure>(times)
    });
    meter.report(try_join_all(lanes).await?.concat())
}

/// Connects of devices that are paired already.
async fn handshake(target: &Target, count: usize, credential: Credential) -> Result<Value, Failure> {
    let mut devices = Vec::new();
    for _ in 0..HANDSHAKES_AT_ONCE {
        let key = DeviceKey::generate()?;
        let peer = Peer::connect(target, &operator(&key)).await?;
        let token = peer.hello.pointer("/payload/auth/deviceToken").and_then(Value::as_str).map(str::to_owned);
        peer.close().await;
        devices.push((key, token.filter(|_| credential == Credential::DeviceToken)));
    }
    let meter = Meter::start(target)?;
    let share = count / HANDSHAKES_AT_ONCE;
    let lanes = devices.iter().map(|(key, token)| async move {
        let who = Who { device_token: token.as_deref(), ..operator(key) };
        let mut times = Vec::with_capacity(share);
        for _ in 0..share {
            times.push(time_one(target, &who).await?);
        }
        Ok::<_, Failure>(times)
    });
    meter.report(try_join_all(lanes).await?.concat())
}

async fn time_one(target: &Target, who: &Who<'_>) -> Result<Duration, Failure> {
    let start = Instant::now();
    let peer = Peer::connect(target, who).await?;
    let took = start.elapsed();
    peer.close().await;
    Ok(took)
}

/// The same call over and over on several connections.
async fn calls(target: &Target, count: usize, method: &str, params: &Value) -> Result<Value, Failure> {
    let mut callers = Vec::new();
    for _ in 0..CALLERS {
        callers.push(Peer::connect(target, &operator(&DeviceKey::generate()?)).await?);
    }
    let meter = Meter::start(target)?;
    let share = count / CALLERS;
    let lanes = callers.iter_mut().map(|caller| async move {
        let mut times = Vec::with_capacity(share);
        for _ in 0..share {
            let start = Instant::now();
            caller.call(method, params).await?;
            times.push(start.elapsed());
        }
        Ok::<_, Failure>(times)
    });
    meter.report(try_join_all(lanes).await?.concat())
}

/// `node.list` while as many nodes as callers are connected.
async fn node_list(target: &Target, count: usize) -> Result<Value, Failure> {
    let mut nodes = Vec::new();
    for _ in 0..CALLERS {
        nodes.push(Peer::connect(target, &node(&DeviceKey::generate()?)).await?);
    }
    let report = calls(target, count, "node.list", &json!({})).await?;
    for peer in nodes {
        peer.close().await;
    }
    Ok(report)
}

/// Invokes from `pairs` operators, each to a node of its own.
async fn invoke(target: &Target, count: usize, pairs: usize) -> Result<Value, Failure> {
    let mut lanes = Vec::new();
    for _ in 0..pairs {
        let key = DeviceKey::generate()?;
        let box_peer = Peer::connect(target, &node(&key)).await?;
        let caller = Peer::connect(target, &operator(&DeviceKey::generate()?)).await?;
        lanes.push((key.device_id().to_string(), box_peer, caller));
    }
    let share = count / pairs;
    let meter = Meter::start(target)?;
    let running = lanes.iter_mut().enumerate().map(|(lane, (node_id, box_peer, caller))| async move {
        let calling = async {
            let mut times = Vec::with_capacity(share);
            for number in 0..share {
                let key = format!("bench-{}-{lane}-{number}", std::process::id());
                let params = json!({
                    "nodeId": node_id, "command": "system.which", "params": {"bins": ["sh"]}, "idempotencyKey": key,
                });
                let start = Instant::now();
                caller.call("node.invoke", &params).await?;
                times.push(start.elapsed());
            }
            Ok::<_, Failure>(times)
        };
        let (times, ()) = tokio::try_join!(calling, box_peer.answer_invokes(share))?;
        Ok::<_, Failure>(times)
    });
    meter.report(try_join_all(running).await?.concat())
}

/// Connects nodes that then do nothing: how fast they come, and what each costs in memory.
async fn idle_nodes(target: &Target, count: usize) -> Result<Value, Failure> {
    let before = resident_kb(target.pid)?;
    let start = Instant::now();
    let share = count / HANDSHAKES_AT_ONCE;
    let lanes = (0..HANDSHAKES_AT_ONCE).map(|_| async move {
        let mut peers = Vec::with_capacity(share);
        for _ in 0..share {
            let key = DeviceKey::generate()?;
            peers.push(Peer::connect(target, &node(&key)).await?);
        }
        Ok::<_, Failure>(peers)
    });
    let peers: Vec<Peer> = try_join_all(lanes).await?.into_iter().flatten().collect();
    let took = start.elapsed();
    // Whatever the server does after a connect is part of what a node costs.
    tokio::time::sleep(Duration::from_secs(1)).await;
    let nodes = u32::try_from(peers.len()).map(f64::from)?;
    let report = json!({
        "perSecond": nodes / took.as_secs_f64(),
        "kbPerNode": (resident_kb(target.pid)? - before) / nodes,
    });
    for peer in peers {
        peer.close().await;
    }
    Ok(report)
}
