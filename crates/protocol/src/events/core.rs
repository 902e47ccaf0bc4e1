//! Events without a family of their own.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{EventKind, Gate, READ};

/// The first thing on every connection.
pub const CONNECT_CHALLENGE: EventKind = EventKind::new("connect.challenge", Gate::Addressed);
/// Ours: the connection is in the waiting room; see [`crate::hello::Waiting`].
pub const PAIRING_WAITING: EventKind = EventKind::new(crate::hello::WAITING_EVENT, Gate::Addressed);
/// The list of participants changed.
pub const PRESENCE: EventKind = EventKind::new("presence", READ).droppable();
/// Sent every [`crate::limits::TICK_INTERVAL`], so that a silent link is noticed.
pub const TICK: EventKind = EventKind::new("tick", Gate::Everyone).droppable();
/// The gateway ends or restarts.
pub const SHUTDOWN: EventKind = EventKind::new("shutdown", Gate::Everyone);
/// A new health snapshot. Readers only: it names sessions and paths (SEC-075).
pub const HEALTH: EventKind = EventKind::new("health", READ).droppable();

/// Payload of [`TICK`].
#[derive(Clone, Copy, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Tick {
    /// Milliseconds since the epoch.
    pub ts: u64,
}

/// Payload of [`SHUTDOWN`].
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Shutdown {
    /// Why.
    pub reason: String,
    /// When the gateway expects to be back; absent (v3: null) when it does not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub restart_expected_ms: Option<u64>,
}
