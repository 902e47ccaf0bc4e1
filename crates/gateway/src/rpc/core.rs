//! Methods without a dot in their name: health, status, presence, heartbeat (protocol.md §8).

use std::sync::Arc;

use openclaw_protocol::{
    method::{Done, Method, NoParams},
    methods::core as wire,
    scope::{Role, Scope},
};
use openclaw_store::StoreError;
use serde_json::{Value, json, value::RawValue};

use super::{
    ctx::Ctx,
    error::RpcError,
    registry::{Access, Answer, Registry},
};
use crate::hub::Hub;

pub(super) fn register(r: &mut Registry) {
    r.on::<Health>(Access::Anyone, health);
    r.on::<wire::Status>(Access::Scope(Scope::READ), status);
    r.on::<wire::SystemPresence>(Access::Scope(Scope::READ), presence);
    r.on::<wire::SystemEvent>(Access::Scope(Scope::ADMIN), system_event);
    r.on::<wire::LastHeartbeat>(Access::Scope(Scope::READ), last_heartbeat);
}

/// `health`, whose answer is kept serialised: it is asked for more than everything else together.
enum Health {}

impl Method for Health {
    const NAME: &'static str = wire::Health::NAME;
    type Params = wire::HealthParams;
    type Reply = Box<RawValue>;
}

async fn health(ctx: Ctx, p: wire::HealthParams) -> Answer<Health> {
    let reads = ctx.session.role == Role::Operator && ctx.scopes().covers(Scope::READ);
    if p.probe == Some(true) && reads {
        drop(ctx.hub.health.payload(&ctx.hub));
    }
    Ok((*ctx.hub.health.cached_text(reads)).to_owned())
}

/// The reference's members, and ours: `gateway`, `nodes`, `devices`, `configReload`. Paths are for administrators.
async fn status(ctx: Ctx, _: NoParams) -> Answer<wire::Status> {
    let hub = &ctx.hub;
    let sessions_file =
        hub.configuration.paths().state_dir.join("agents").join("main").join("sessions").join("sessions.json");
    let path = if ctx.is_admin() { sessions_file.display().to_string() } else { String::new() };
    let paths: Vec<&String> = if ctx.is_admin() { vec![&path] } else { Vec::new() };
    let counts = {
        let (hub, now_ms) = (Arc::clone(hub), ctx.now_ms());
        // Thousands of devices take a while to read.
        let counting = tokio::task::spawn_blocking(move || counts(&hub, now_ms)).await;
        counting.map_err(|error| RpcError::internal(&error))??
    };
    let heartbeat = json!({"agentId": "main", "enabled": false, "every": "disabled", "everyMs": null});
    Ok(json!({
        "runtimeVersion": hub.identity.version,
        "heartbeat": {"defaultAgentId": "main", "agents": [heartbeat]},
        "channelSummary": [],
        "queuedSystemEvents": [],
        "sessions": {
            "paths": paths,
            "count": 0,
            "defaults": {"model": null, "contextTokens": null},
            "recent": [],
            "byAgent": [{"agentId": "main", "path": path, "count": 0, "recent": []}],
        },
        "gateway": gateway(hub),
        "nodes": {
            "paired": counts.paired_nodes,
            "connected": hub.nodes.all().len(),
            "pending": counts.pending_nodes,
        },
        "devices": {"paired": counts.paired_devices, "pending": counts.pending_devices},
        "configReload": config_reload(&ctx),
    }))
}

fn gateway(hub: &Hub) -> Value {
    json!({
        "name": hub.identity.name,
        "instanceId": hub.identity.instance_id,
        "url": hub.reach.local_url(),
        "version": hub.identity.version,
        "pid": std::process::id(),
        "uptimeMs": u64::try_from(hub.life.started.elapsed().as_millis()).unwrap_or(u64::MAX),
        "suspension": hub.suspension.phase(),
    })
}

/// Whether the file on the disk is what the gateway works with (REL-009). What is wrong with it names keys and paths,
/// which is for administrators.
fn config_reload(ctx: &Ctx) -> Value {
    match ctx.hub.configuration.problem() {
        None => json!({"ok": true}),
        Some(problem) if ctx.is_admin() => json!({"ok": false, "problem": problem}),
        Some(_) => json!({"ok": false}),
    }
}

struct Counts {
    paired_devices: usize,
    paired_nodes: usize,
    pending_devices: usize,
    pending_nodes: usize,
}

fn counts(hub: &Hub, now_ms: u64) -> Result<Counts, StoreError> {
    let requests = hub.store.requests(now_ms)?;
    let asks_for_node = requests.iter().filter(|request| request.wish.roles.contains(&Role::Node)).count();
    Ok(Counts {
        paired_devices: hub.store.devices()?.len(),
        paired_nodes: hub.store.node_devices()?.len(),
        pending_devices: requests.len(),
        pending_nodes: asks_for_node,
    })
}

async fn presence(ctx: Ctx, _: NoParams) -> Answer<wire::SystemPresence> {
    Ok(ctx.hub.presence.all(ctx.now_ms()))
}

async fn system_event(ctx: Ctx, p: wire::SystemEventParams) -> Answer<wire::SystemEvent> {
    let now_ms = ctx.now_ms();
    ctx.hub.presence.system_event(p, now_ms)?;
    Ok(Done::OK)
}

/// No agent runs here yet, so there was none.
async fn last_heartbeat(_: Ctx, _: NoParams) -> Result<Value, RpcError> {
    Ok(Value::Null)
}
