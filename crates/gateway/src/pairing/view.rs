//! The store's records as they are shown on the wire. No secret of a token ever goes through here.

use openclaw_identity::{PublicKey, matching_code};
use openclaw_protocol::{
    events::device::PairRequested,
    methods::{
        device::{PairedDevice, PendingRequest, ShownToApprover, TokenSummary},
        node::{NodePending, PairedNode},
    },
    scope::{Role, Scope},
};
use openclaw_store::pairing::{Device, PairingRequest, Wish, required_approve_scopes};

use crate::{hub::Hub, text::for_log};

/// A request as approvers see it.
pub(crate) fn pending(hub: &Hub, request: &PairingRequest) -> PendingRequest {
    let profile = &request.profile;
    let surface = request.wish.surface.clone().unwrap_or_default();
    let approved = hub.store.device(&request.device_id).ok().flatten().and_then(|device| device.surface);
    let added = surface.minus(&approved.unwrap_or_default());
    PendingRequest {
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
        scopes: request.wish.scopes.clone(),
        remote_ip: profile.remote_ip.clone(),
        silent: Some(false),
        is_repair: request.is_repair,
        ts: request.refreshed_at_ms,
        shown: ShownToApprover {
            reason: Some(request.reason.as_str().to_owned()),
            matching_code: code_of(hub, request),
            purpose: profile.purpose.clone(),
            caps: surface.caps.iter().cloned().collect(),
            commands: surface.commands.iter().cloned().collect(),
            added_commands: added.commands.into_iter().collect(),
            required_approve_scopes: required_approve_scopes(&request.wish).into_iter().map(str::to_owned).collect(),
            expires_at_ms: Some(request.expires_at_ms()),
        },
    }
}

/// The same as the node view has it.
pub(crate) fn node_pending(hub: &Hub, request: &PairingRequest) -> NodePending {
    NodePending { node_id: request.device_id.to_string(), request: pending(hub, request) }
}

/// The matching code that stands on the device's screen.
pub(crate) fn code_of(hub: &Hub, request: &PairingRequest) -> Option<String> {
    let device = PublicKey::parse(&request.public_key).ok()?;
    Some(matching_code(&hub.identity.key.public(), &device, request.id.as_str()))
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

/// A paired device, redacted.
pub(crate) fn paired(device: &Device, connected: bool) -> PairedDevice {
    let profile = &device.profile;
    PairedDevice {
        device_id: device.id.to_string(),
        public_key: device.public_key.clone(),
        display_name: profile.display_name.clone(),
        operator_label: device.operator_label.clone(),
        platform: profile.platform.clone(),
        device_family: profile.device_family.clone(),
        client_id: profile.client_id.clone(),
        client_mode: profile.client_mode.clone(),
        role: device.roles.first().map(Role::to_string),
        roles: device.roles.iter().map(Role::to_string).collect(),
        scopes: device.scopes.clone(),
        remote_ip: profile.remote_ip.clone(),
        tokens: device
            .tokens
            .iter()
            .map(|token| TokenSummary {
                role: token.role,
                scopes: token.scopes.clone(),
                created_at_ms: token.created_at_ms,
                rotated_at_ms: token.rotated_at_ms,
                revoked_at_ms: token.revoked_at_ms,
                last_used_at_ms: token.last_used_at_ms,
            })
            .collect(),
        created_at_ms: device.created_at_ms,
        approved_at_ms: device.approved_at_ms,
        approved_via: Some(device.approved_via.as_str().to_owned()),
        last_seen_at_ms: device.seen.last_seen_at_ms,
        connected: Some(connected),
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
