//! The JSON files of 2026.3 (cli.md §4.2): `devices/paired.json` and `nodes/paired.json`.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

use openclaw_identity::{PublicKey, Secret};
use openclaw_protocol::scope::{Role, ScopeSet};
use serde::{Deserialize, de::DeserializeOwned};

use super::ImportReport;
use crate::{
    database::Tx,
    error::StoreError,
    files::read_capped,
    pairing::{ApprovedVia, Device, DeviceToken, Profile, Seen, Surface, insert_device, put_token},
};

/// Larger than any honest file: 10,000 devices are about 10 MB.
const MAX_BYTES: u64 = 64 << 20;

/// One entry of `devices/paired.json`. Members that are not known do not matter.
#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct OldDevice {
    public_key: String,
    display_name: Option<String>,
    platform: Option<String>,
    device_family: Option<String>,
    client_id: Option<String>,
    client_mode: Option<String>,
    role: Option<String>,
    roles: Vec<String>,
    scopes: Vec<String>,
    approved_scopes: Option<Vec<String>>,
    remote_ip: Option<String>,
    tokens: BTreeMap<String, OldToken>,
    created_at_ms: u64,
    approved_at_ms: u64,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct OldToken {
    token: String,
    scopes: Vec<String>,
    created_at_ms: u64,
    rotated_at_ms: Option<u64>,
    revoked_at_ms: Option<u64>,
    last_used_at_ms: Option<u64>,
}

/// One entry of `nodes/paired.json`: what a node was called and what it offered.
#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct OldNode {
    display_name: Option<String>,
    platform: Option<String>,
    version: Option<String>,
    device_family: Option<String>,
    model_identifier: Option<String>,
    caps: BTreeSet<String>,
    commands: BTreeSet<String>,
    permissions: BTreeMap<String, bool>,
    last_connected_at_ms: Option<u64>,
}

pub(super) fn import(tx: &Tx<'_>, state_dir: &Path, now_ms: u64, report: &mut ImportReport) -> Result<(), StoreError> {
    let devices: BTreeMap<String, OldDevice> = entries(state_dir, "devices/paired.json", report);
    let mut nodes: BTreeMap<String, OldNode> = entries(state_dir, "nodes/paired.json", report);
    for (id, old) in devices {
        match convert(&id, old, nodes.remove(&id), now_ms) {
            Ok(device) => {
                insert_device(tx, &device)?;
                for token in &device.tokens {
                    put_token(tx, &device.id, token)?;
                }
                report.devices += 1;
            }
            Err(why) => report.skipped.push(format!("device {id} of devices/paired.json: {why}")),
        }
    }
    for id in nodes.keys() {
        report.skipped.push(format!("node {id} of nodes/paired.json: it has no device key; it pairs when it connects"));
    }
    Ok(())
}

/// The entries of a JSON object; each that cannot be read is reported, and so is a file that cannot.
fn entries<T: DeserializeOwned>(state_dir: &Path, name: &str, report: &mut ImportReport) -> BTreeMap<String, T> {
    let text = match read_capped(&state_dir.join(name), MAX_BYTES) {
        Ok(None) => return BTreeMap::new(),
        Ok(Some(text)) => text,
        Err(error) => {
            report.skipped.push(format!("{name}: {error}"));
            return BTreeMap::new();
        }
    };
    let values: BTreeMap<String, serde_json::Value> = match serde_json::from_slice(&text) {
        Ok(values) => values,
        Err(error) => {
            // Only the place: the text around it may be a token.
            report.skipped.push(format!("{name}: not JSON (line {}, column {})", error.line(), error.column()));
            return BTreeMap::new();
        }
    };
    report.sources.push(name.to_owned());
    let mut entries = BTreeMap::new();
    for (id, value) in values {
        match serde_json::from_value(value) {
            Ok(entry) => {
                entries.insert(id, entry);
            }
            Err(_wrong_type) => report.skipped.push(format!("{id} of {name}: a member has the wrong type")),
        }
    }
    entries
}

fn convert(id: &str, old: OldDevice, node: Option<OldNode>, now_ms: u64) -> Result<Device, &'static str> {
    let key = PublicKey::parse(&old.public_key).or(Err("its public key cannot be read"))?;
    if key.device_id().as_str() != id {
        return Err("its id is not that of its public key");
    }
    let roles: BTreeSet<Role> =
        old.roles.iter().chain(&old.role).chain(old.tokens.keys()).filter_map(|role| Role::parse(role)).collect();
    if roles.is_empty() {
        return Err("it has no role");
    }
    let scopes: ScopeSet = old.approved_scopes.unwrap_or(old.scopes).into_iter().collect();
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
        operator_label: None,
        created_at_ms: if old.created_at_ms == 0 { now_ms } else { old.created_at_ms },
        approved_at_ms: if old.approved_at_ms == 0 { now_ms } else { old.approved_at_ms },
        approved_via: ApprovedVia::Import,
        seen: Seen { last_connected_at_ms: node.last_connected_at_ms, ..Seen::default() },
    })
}

fn convert_token(role: &str, old: OldToken) -> Option<DeviceToken> {
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
