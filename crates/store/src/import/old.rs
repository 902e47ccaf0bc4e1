//! A paired device as either older release describes it, and what becomes of it here.

use std::collections::{BTreeMap, BTreeSet};

use openclaw_identity::{PublicKey, Secret};
use openclaw_protocol::scope::{Role, ScopeSet};
use serde::Deserialize;

use crate::{
    database::Tx,
    error::StoreError,
    pairing::{ApprovedVia, Device, DeviceToken, Profile, Seen, Surface, insert_device, put_token},
};

/// One entry of `devices/paired.json`. Members that are not known do not matter.
#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct OldDevice {
    pub(super) public_key: String,
    pub(super) display_name: Option<String>,
    pub(super) platform: Option<String>,
    pub(super) device_family: Option<String>,
    pub(super) client_id: Option<String>,
    pub(super) client_mode: Option<String>,
    #[serde(flatten)]
    pub(super) granted: OldGrant,
    pub(super) remote_ip: Option<String>,
    pub(super) tokens: BTreeMap<String, OldToken>,
    pub(super) created_at_ms: u64,
    pub(super) approved_at_ms: u64,
    pub(super) operator_label: Option<String>,
    pub(super) last_seen_at_ms: Option<u64>,
    pub(super) last_seen_reason: Option<String>,
}

/// What the device was allowed.
#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct OldGrant {
    pub(super) role: Option<String>,
    pub(super) roles: Vec<String>,
    pub(super) scopes: Vec<String>,
    pub(super) approved_scopes: Option<Vec<String>>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct OldToken {
    pub(super) token: String,
    pub(super) scopes: Vec<String>,
    pub(super) created_at_ms: u64,
    pub(super) rotated_at_ms: Option<u64>,
    pub(super) revoked_at_ms: Option<u64>,
    pub(super) last_used_at_ms: Option<u64>,
    /// 2026.9: the token lives only as long as the shared secret by which it was given.
    pub(super) issuer: Option<serde_json::Value>,
}

/// One entry of `nodes/paired.json`: what a node was called and what it offered.
#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct OldNode {
    pub(super) display_name: Option<String>,
    pub(super) platform: Option<String>,
    pub(super) version: Option<String>,
    pub(super) device_family: Option<String>,
    pub(super) model_identifier: Option<String>,
    pub(super) caps: BTreeSet<String>,
    pub(super) commands: BTreeSet<String>,
    pub(super) permissions: BTreeMap<String, bool>,
    pub(super) last_connected_at_ms: Option<u64>,
}

/// Stores one device; an error is a sentence that says why it was left out.
pub(super) fn store(
    tx: &Tx<'_>,
    id: &str,
    old: OldDevice,
    node: Option<OldNode>,
    now_ms: u64,
) -> Result<Result<(), &'static str>, StoreError> {
    let device = match convert(id, old, node, now_ms) {
        Ok(device) => device,
        Err(why) => return Ok(Err(why)),
    };
    insert_device(tx, &device)?;
    for token in &device.tokens {
        put_token(tx, &device.id, token)?;
    }
    Ok(Ok(()))
}

fn convert(id: &str, old: OldDevice, node: Option<OldNode>, now_ms: u64) -> Result<Device, &'static str> {
    let key = PublicKey::parse(&old.public_key).or(Err("its public key cannot be read"))?;
    if key.device_id().as_str() != id {
        return Err("its id is not that of its public key");
    }
    let granted = old.granted;
    let roles: BTreeSet<Role> = granted
        .roles
        .iter()
        .chain(&granted.role)
        .chain(old.tokens.keys())
        .filter_map(|role| Role::parse(role))
        .collect();
    if roles.is_empty() {
        return Err("it has no role");
    }
    let scopes: ScopeSet = granted.approved_scopes.unwrap_or(granted.scopes).into_iter().collect();
    let mut tokens: Vec<_> = old.tokens.into_iter().filter_map(|(role, token)| convert_token(&role, token)).collect();
    tokens.sort_by_key(|token: &DeviceToken| token.role);
    let node = node.unwrap_or_default();
    let surface = Surface { caps: node.caps, commands: node.commands, permissions: node.permissions };
    Ok(Device {
        id: key.device_id(),
        public_key: key.to_wire(),
        profile: Profile {
            display_name: old.display_name.or(node.display_name),
            platform: old.platform.or(node.platform),
            device_family: old.device_family.or(node.device_family),
            model_identifier: node.model_identifier,
            client_id: old.client_id,
            client_mode: old.client_mode,
            version: node.version,
            remote_ip: old.remote_ip,
            purpose: None,
        },
        surface: Some(surface).filter(|surface| roles.contains(&Role::Node) && !surface.is_empty()),
        roles,
        scopes,
        tokens,
        operator_label: old.operator_label,
        created_at_ms: if old.created_at_ms == 0 { now_ms } else { old.created_at_ms },
        approved_at_ms: if old.approved_at_ms == 0 { now_ms } else { old.approved_at_ms },
        approved_via: ApprovedVia::Import,
        seen: Seen {
            last_seen_at_ms: old.last_seen_at_ms,
            last_seen_reason: old.last_seen_reason,
            last_connected_at_ms: node.last_connected_at_ms,
            last_disconnected_at_ms: None,
        },
    })
}

fn convert_token(role: &str, old: OldToken) -> Option<DeviceToken> {
    if old.issuer.is_some_and(|issuer| !issuer.is_null()) || old.token.is_empty() {
        // It would outlive the secret that it rests on; the device gets another by its key.
        return None;
    }
    Some(DeviceToken {
        role: Role::parse(role)?,
        token: Secret::new(old.token),
        scopes: old.scopes.into_iter().collect(),
        created_at_ms: old.created_at_ms,
        rotated_at_ms: old.rotated_at_ms,
        revoked_at_ms: old.revoked_at_ms,
        last_used_at_ms: old.last_used_at_ms,
    })
}
