//! `device.*` events (protocol.md §5.4).

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{EventKind, PAIRING};

/// A new request waits.
pub const PAIR_REQUESTED: EventKind = EventKind::new("device.pair.requested", PAIRING).droppable();
/// A request was decided.
pub const PAIR_RESOLVED: EventKind = EventKind::new("device.pair.resolved", PAIRING).droppable();
/// Something about paired devices changed.
pub const PAIR_CHANGED: EventKind = EventKind::new("device.pair.changed", PAIRING).droppable();

/// Payload of [`PAIR_REQUESTED`]. A closed object in 2026.9: nothing of ours is added.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct PairRequested {
    pub request_id: String,
    pub device_id: String,
    pub public_key: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub display_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub platform: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub device_family: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_mode: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub role: Option<String>,
    pub roles: Vec<String>,
    pub scopes: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remote_ip: Option<String>,
    pub silent: bool,
    pub is_repair: bool,
    pub ts: u64,
}

/// Payload of [`PAIR_RESOLVED`].
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PairResolved {
    pub request_id: String,
    pub device_id: String,
    /// `approved` or `rejected`.
    pub decision: String,
    pub ts: u64,
}

/// Payload of [`PAIR_CHANGED`]: nothing, fetch the list.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize, JsonSchema)]
pub struct PairChanged {}
