//! How nodes look to operators: paired devices with the role node, joined with the live connections.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use openclaw_protocol::{
    id::DeviceId,
    methods::node::{ApprovalState, NodeApproval, NodeSummary},
    scope::{Role, Scope},
};
use openclaw_store::{
    StoreError,
    pairing::{Device, PairingRequest, Surface},
};

use serde_json::value::RawValue;

use crate::{
    conn::session::Session,
    hub::Hub,
    rpc::{ctx::Ctx, error::RpcError},
};

/// A prepared list is used so long at most: what it shows of requests and times may change without a change of nodes.
const MAX_AGE: Duration = Duration::from_secs(1);

/// `node.list` serialised, once for those who may decide requests and once for those who may not.
#[derive(Default)]
pub(crate) struct PreparedLists([Mutex<Option<PreparedList>>; 2]);

#[derive(Clone)]
struct PreparedList {
    version: u64,
    made: Instant,
    nodes: Arc<RawValue>,
}

/// The list of [`list`], serialised; made anew only after something changed.
pub(crate) fn prepared(ctx: &Ctx) -> Result<Arc<RawValue>, RpcError> {
    let nodes = &ctx.hub.nodes;
    let [without_requests, with_requests] = &nodes.prepared.0;
    let place = if ctx.scopes().covers(Scope::PAIRING) { with_requests } else { without_requests };
    // Read before the list is made: a change in between makes it old at once.
    let version = nodes.version();
    let known = place.lock().unwrap_or_else(PoisonError::into_inner).clone();
    if let Some(known) = known.filter(|known| known.version == version && known.made.elapsed() < MAX_AGE) {
        return Ok(known.nodes);
    }
    let made = serde_json::value::to_raw_value(&list(ctx)?).map_err(|e| RpcError::internal(&e))?;
    let fresh = PreparedList { version, made: Instant::now(), nodes: Arc::from(made) };
    *place.lock().unwrap_or_else(PoisonError::into_inner) = Some(fresh.clone());
    Ok(fresh.nodes)
}

/// Every node: connected ones first, then by name, then by id.
fn list(ctx: &Ctx) -> Result<Vec<NodeSummary>, StoreError> {
    let pending = pending_by_device(ctx)?;
    let devices = ctx.hub.store.node_devices()?;
    let mut nodes: Vec<NodeSummary> =
        devices.iter().map(|device| summary(&ctx.hub, device, pending.get(&device.id))).collect();
    nodes.sort_by_cached_key(|node| {
        let name = node.display_name.as_deref().unwrap_or(&node.node_id).to_lowercase();
        (!node.connected, name, node.node_id.clone())
    });
    Ok(nodes)
}

/// One node, if it is one.
pub(crate) fn one(ctx: &Ctx, id: &DeviceId) -> Result<Option<NodeSummary>, StoreError> {
    let Some(device) = ctx.hub.store.device(id)?.filter(|device| device.roles.contains(&Role::Node)) else {
        return Ok(None);
    };
    let pending = pending_by_device(ctx)?;
    Ok(Some(summary(&ctx.hub, &device, pending.get(&device.id))))
}

/// Requests are shown to those who may decide them.
fn pending_by_device(ctx: &Ctx) -> Result<HashMap<DeviceId, PairingRequest>, StoreError> {
    if !ctx.scopes().covers(Scope::PAIRING) {
        return Ok(HashMap::new());
    }
    let requests = ctx.hub.store.requests(ctx.now_ms())?;
    Ok(requests.into_iter().map(|request| (request.device_id.clone(), request)).collect())
}

fn summary(hub: &Hub, device: &Device, pending: Option<&PairingRequest>) -> NodeSummary {
    let live = hub.nodes.get(device.id.as_str());
    let live = live.as_deref();
    let profile = &device.profile;
    let effective = live.map(Session::effective_surface);
    let surface = effective.as_deref();
    let client = live.map(|session| &session.client);
    let permissions = surface.map(|surface| surface.permissions.clone()).filter(|map| !map.is_empty());
    NodeSummary {
        node_id: device.id.to_string(),
        display_name: device.operator_label.clone().or_else(|| profile.display_name.clone()),
        platform: client.map(|client| client.platform.clone()).or_else(|| profile.platform.clone()),
        version: client.map(|client| client.version.clone()).or_else(|| profile.version.clone()),
        client_id: client.map(|client| client.id.clone()).or_else(|| profile.client_id.clone()),
        client_mode: client.map(|client| client.mode.clone()).or_else(|| profile.client_mode.clone()),
        device_family: client.and_then(|client| client.device_family.clone()).or_else(|| profile.device_family.clone()),
        model_identifier: client
            .and_then(|client| client.model_identifier.clone())
            .or_else(|| profile.model_identifier.clone()),
        remote_ip: match live {
            Some(session) => session.remote_ip.clone(),
            None => profile.remote_ip.clone(),
        },
        caps: surface.map(|surface| surface.caps.iter().cloned().collect()).unwrap_or_default(),
        commands: surface.map(|surface| surface.commands.iter().cloned().collect()).unwrap_or_default(),
        path_env: live.and_then(|session| session.path_env.clone()),
        permissions,
        connected_at_ms: live.map(|session| session.connected_at_ms),
        paired: true,
        connected: live.is_some(),
        approval: approval(device, live, pending),
    }
}

fn approval(device: &Device, live: Option<&Session>, pending: Option<&PairingRequest>) -> NodeApproval {
    let approved = device.surface.clone().unwrap_or_default();
    let wanted = pending.and_then(|request| request.wish.surface.as_ref());
    let waiting: Surface = wanted.map(|wanted| wanted.minus(&approved)).unwrap_or_default();
    let state = match (wanted.is_some(), approved.is_empty()) {
        (true, true) => ApprovalState::PendingApproval,
        (true, false) => ApprovalState::PendingReapproval,
        (false, false) => ApprovalState::Approved,
        // A node that declares nothing has nothing that could lack an approval.
        (false, true) if live.is_none_or(|session| session.declared_surface().is_empty()) => ApprovalState::Approved,
        (false, true) => ApprovalState::Unapproved,
    };
    let seen = &device.seen;
    NodeApproval {
        approval_state: state,
        pending_request_id: wanted.and(pending).map(|request| request.id.to_string()),
        pending_declared_caps: waiting.caps.into_iter().collect(),
        pending_declared_commands: waiting.commands.into_iter().collect(),
        approved_at_ms: Some(device.approved_at_ms),
        last_connected_at_ms: live.map(|session| session.connected_at_ms).or(seen.last_connected_at_ms),
        last_disconnected_at_ms: seen.last_disconnected_at_ms,
        last_seen_at_ms: seen.last_seen_at_ms,
        last_seen_reason: seen.last_seen_reason.clone(),
    }
}
