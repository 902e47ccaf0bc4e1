//! `node.*` events (protocol.md §§6.3, 7.4).

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{EventKind, Gate, PAIRING};

/// A node asks for commands. The payload is [`crate::methods::node::NodePending`].
pub const PAIR_REQUESTED: EventKind = EventKind::new("node.pair.requested", PAIRING).droppable();
/// Such a request was decided, or a node was removed. The node itself gets it too, without `seq`.
pub const PAIR_RESOLVED: EventKind = EventKind::new("node.pair.resolved", PAIRING).droppable();
/// To the node: run a command.
pub const INVOKE_REQUEST: EventKind = EventKind::new("node.invoke.request", Gate::Addressed);
/// To the node: input for a running command (v4).
pub const INVOKE_INPUT: EventKind = EventKind::new("node.invoke.input", Gate::Addressed);
/// To the node: nobody waits any more (v4).
pub const INVOKE_CANCEL: EventKind = EventKind::new("node.invoke.cancel", Gate::Addressed);
/// Ours, to the operator who invoked, if it asked with [`CAP_INVOKE_PROGRESS`]: a piece of output.
pub const INVOKE_PROGRESS: EventKind = EventKind::new("node.invoke.progress", Gate::Addressed);

/// Capability by which an operator asks for [`INVOKE_PROGRESS`].
pub const CAP_INVOKE_PROGRESS: &str = "openclaw.invoke-progress";

/// Payload of [`PAIR_RESOLVED`].
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PairResolved {
    /// Empty for a removal.
    pub request_id: String,
    pub node_id: String,
    /// `approved`, `rejected` or `removed`.
    pub decision: String,
    pub ts: u64,
}

/// Payload of [`INVOKE_REQUEST`], read by nodes. `params` is read too: the reference says that a node should accept it.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct InvokeRequest {
    /// Echoed in the result.
    pub id: String,
    pub node_id: String,
    pub command: String,
    /// The params as JSON text. v3 writes null when there are none, v4 leaves the member out.
    #[serde(default, rename = "paramsJSON", skip_serializing_if = "Option::is_none")]
    pub params_json: Option<String>,
    #[serde(default, skip_serializing)]
    pub params: Option<serde_json::Value>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout_ms: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idempotency_key: Option<String>,
}

/// Payload of [`INVOKE_INPUT`].
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct InvokeInput {
    pub id: String,
    pub node_id: String,
    pub seq: u64,
    #[serde(rename = "payloadJSON")]
    pub payload_json: String,
}

/// Payload of [`INVOKE_CANCEL`].
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct InvokeCancel {
    pub invoke_id: String,
    pub node_id: String,
}

/// Payload of [`INVOKE_PROGRESS`].
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct InvokeProgress {
    pub node_id: String,
    /// Of the invoke that this belongs to.
    pub idempotency_key: String,
    pub seq: u64,
    pub chunk: String,
}
