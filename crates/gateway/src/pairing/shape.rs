//! The store's records as both ends of a command show them: the gateway on the wire, and the command line when it works on
//! the state of a gateway that is down. No secret of a token ever goes through here.

use openclaw_identity::{PublicKey, matching_code};
use openclaw_protocol::{
    methods::device::{PairedDevice, PendingRequest, ShownToApprover, TokenSummary},
    scope::Role,
};
use openclaw_store::pairing::{Device, PairingRequest, Surface, required_approve_scopes};

/// A request as approvers see it. `approved` is what the device's node may offer already; `gateway` is the gateway's key,
/// without which there is no matching code.
pub fn pending(request: &PairingRequest, approved: &Surface, gateway: Option<&PublicKey>) -> PendingRequest {
    let profile = &request.profile;
    let surface = request.wish.surface.clone().unwrap_or_default();
    let added = surface.minus(approved);
    let code = gateway.and_then(|gateway| code_of(request, gateway));
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
            matching_code: code,
            purpose: profile.purpose.clone(),
            caps: surface.caps.iter().cloned().collect(),
            commands: surface.commands.iter().cloned().collect(),
            added_commands: added.commands.into_iter().collect(),
            required_approve_scopes: required_approve_scopes(&request.wish).into_iter().map(str::to_owned).collect(),
            expires_at_ms: Some(request.expires_at_ms()),
        },
    }
}

/// The matching code that stands on the device's screen too.
pub fn code_of(request: &PairingRequest, gateway: &PublicKey) -> Option<String> {
    let device = PublicKey::parse(&request.public_key).ok()?;
    Some(matching_code(gateway, &device, request.id.as_str()))
}

/// A paired device, redacted.
pub fn paired(device: &Device, connected: bool) -> PairedDevice {
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
