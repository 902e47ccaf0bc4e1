//! The store's records as they are shown on the wire. No secret of a token ever goes through here.

use openclaw_protocol::{
    events::device::PairRequested,
    methods::{
        device::PendingRequest,
        node::{NodePending, PairedNode},
    },
    scope::{Role, Scope},
};
use openclaw_store::pairing::{Device, PairingRequest, Wish};

use super::shape;
use crate::{hub::Hub, text::for_log};

/// A request as approvers see it.
pub(crate) fn pending(hub: &Hub, request: &PairingRequest) -> PendingRequest {
    let approved = hub.store.device(&request.device_id).ok().flatten().and_then(|device| device.surface);
    shape::pending(request, &approved.unwrap_or_default(), Some(&hub.identity.key.public()))
}

/// The same as the node view has it.
pub(crate) fn node_pending(hub: &Hub, request: &PairingRequest) -> NodePending {
    NodePending { node_id: request.device_id.to_string(), request: pending(hub, request) }
}

/// The event's closed object.
pub(crate) fn requested_event(request: &PairingRequest) -> PairRequested {
    let profile = &request.profile;
    PairRequested {
        request_id: request.id.to_string(),
        device_id: request.device_id.to_string(),
        public_key: request.public_key.clone(),
        display_name: profile.display_name.clone(),
        platform: profile.platform.clone(),
        device_family: profile.device_family.clone(),
        client_id: profile.client_id.clone(),
        client_mode: profile.client_mode.clone(),
        role: request.wish.roles.first().map(Role::to_string),
        roles: request.wish.roles.iter().map(Role::to_string).collect(),
        scopes: request.wish.scopes.iter().map(Scope::to_string).collect(),
        remote_ip: profile.remote_ip.clone(),
        silent: false,
        is_repair: request.is_repair,
        ts: request.refreshed_at_ms,
    }
}

/// A paired node, redacted.
pub(crate) fn paired_node(device: &Device) -> PairedNode {
    let profile = &device.profile;
    let surface = device.surface.clone().unwrap_or_default();
    PairedNode {
        node_id: device.id.to_string(),
        client_id: profile.client_id.clone(),
        client_mode: profile.client_mode.clone(),
        display_name: device.operator_label.clone().or_else(|| profile.display_name.clone()),
        platform: profile.platform.clone(),
        version: profile.version.clone(),
        device_family: profile.device_family.clone(),
        remote_ip: profile.remote_ip.clone(),
        caps: surface.caps.into_iter().collect(),
        commands: surface.commands.into_iter().collect(),
        permissions: Some(surface.permissions).filter(|permissions| !permissions.is_empty()),
        created_at_ms: device.created_at_ms,
        approved_at_ms: device.approved_at_ms,
        last_connected_at_ms: device.seen.last_connected_at_ms,
        last_seen_at_ms: device.seen.last_seen_at_ms,
        last_seen_reason: device.seen.last_seen_reason.clone(),
    }
}

/// A wish in one line, for the log.
pub(crate) fn wish_text(wish: &Wish) -> String {
    let mut parts = Vec::new();
    if wish.roles.contains(&Role::Operator) {
        let scopes: Vec<&str> = wish.scopes.iter().map(Scope::as_str).collect();
        parts.push(format!("operator with {}", if scopes.is_empty() { "no scopes".into() } else { scopes.join(", ") }));
    }
    if wish.roles.contains(&Role::Node) {
        let commands: Vec<&str> =
            wish.surface.iter().flat_map(|surface| surface.commands.iter()).map(String::as_str).collect();
        parts.push(format!(
            "node offering {}",
            if commands.is_empty() { "nothing".into() } else { commands.join(", ") }
        ));
    }
    for_log(&parts.join("; "))
}
