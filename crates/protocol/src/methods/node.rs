//! `node.*`: the nodes that a gateway knows, their commands, and calling them (protocol.md §§6, 7).

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    id::{DeviceId, RequestId},
    method::{NoParams, method},
    methods::device::{PairDecideParams, PendingRequest},
};

method! {
    /// Every node: connected ones first, then by name.
    List = "node.list": NoParams => ListReply
}
method! {
    /// One node.
    Describe = "node.describe": NodeParams => DescribeReply
}
method! {
    /// Gives a paired node a new display name.
    Rename = "node.rename": RenameParams => RenameReply
}
method! {
    /// Runs a command on a node and waits for its result.
    Invoke = "node.invoke": InvokeParams => InvokeReply
}
method! {
    /// Ours: feeds input to a running invoke, which the caller names by the idempotency key it started it with.
    InvokeInput = "node.invoke.input": InvokeInputParams => InvokeAck
}
method! {
    /// Ours: ends a running invoke.
    InvokeCancel = "node.invoke.cancel": InvokeCancelParams => InvokeAck
}
method! {
    /// A node's result.
    InvokeResult = "node.invoke.result": InvokeResultParams => InvokeAck
}
method! {
    /// A piece of a running command's output (v4).
    InvokeProgress = "node.invoke.progress": InvokeProgressParams => InvokeAck
}
method! {
    /// Something happened on a node.
    Event = "node.event": EventParams => EventReply
}
method! {
    /// The node view of the pairing inbox (promise P3).
    PairList = "node.pair.list": NoParams => PairListReply
}
method! {
    /// The same as `device.pair.approve`, answered with the node.
    PairApprove = "node.pair.approve": PairDecideParams => PairApproveReply
}
method! {
    /// The same as `device.pair.reject`, answered with the node.
    PairReject = "node.pair.reject": PairDecideParams => PairRejectReply
}
method! {
    /// Takes the node role from a device, or removes the device when it has no other.
    PairRemove = "node.pair.remove": NodeParams => NodeReply
}

/// Names a node.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NodeParams {
    /// The node's id, which is its device's id.
    pub node_id: DeviceId,
}

/// The node that was acted on.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct NodeReply {
    pub node_id: DeviceId,
}

/// Where a node's commands stand.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ApprovalState {
    /// All that it declares is approved.
    Approved,
    /// Nothing is approved yet.
    PendingApproval,
    /// It asks for more than is approved; the approved part works.
    PendingReapproval,
    /// Nothing is approved and nothing waits.
    #[default]
    Unapproved,
}

/// A node as operators see it. Members and their order are the reference's (nodes.md §§6.2, 6.3).
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct NodeSummary {
    pub node_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub display_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub platform: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_mode: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub device_family: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model_identifier: Option<String>,
    /// Absent for a node on the gateway's machine.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remote_ip: Option<String>,
    /// In effect now; empty while disconnected.
    pub caps: Vec<String>,
    /// In effect now; empty while disconnected.
    pub commands: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path_env: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub permissions: Option<BTreeMap<String, bool>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub connected_at_ms: Option<u64>,
    pub paired: bool,
    pub connected: bool,
    /// Where its commands stand (v4 members, harmless to v3 readers).
    #[serde(flatten)]
    pub approval: NodeApproval,
}

/// The approval side of a node.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct NodeApproval {
    pub approval_state: ApprovalState,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pending_request_id: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub pending_declared_caps: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub pending_declared_commands: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub approved_at_ms: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_connected_at_ms: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_disconnected_at_ms: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_seen_at_ms: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_seen_reason: Option<String>,
}

/// Reply of [`List`].
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct ListReply {
    /// When it was made, milliseconds since the epoch.
    pub ts: u64,
    pub nodes: Vec<NodeSummary>,
}

/// Reply of [`Describe`]: the node's members and `ts` side by side.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct DescribeReply {
    pub ts: u64,
    #[serde(flatten)]
    pub node: NodeSummary,
}

/// Params of [`Rename`].
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RenameParams {
    pub node_id: DeviceId,
    /// Shown to people; trimmed, never empty.
    pub display_name: String,
}

/// Reply of [`Rename`].
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RenameReply {
    pub node_id: DeviceId,
    pub display_name: String,
}

/// Params of [`Invoke`].
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct InvokeParams {
    pub node_id: String,
    pub command: String,
    /// The command's own params; sent to the node as text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub params: Option<Value>,
    /// Deadline in milliseconds, default 30,000. 0 means none in v4 and "at once" in v3.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout_ms: Option<u64>,
    /// Forwarded to the node; the caller's handle for input and cancel.
    pub idempotency_key: String,
    /// v4: the session that asks. A routing key, not a credential.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session_key: Option<String>,
    /// v4. Accepted, not used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub turn_source_channel: Option<String>,
    /// v4. Accepted, not used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub turn_source_to: Option<String>,
    /// v4. Accepted, not used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub turn_source_account_id: Option<String>,
    /// v4. Accepted, not used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub turn_source_thread_id: Option<Value>,
}

/// Reply of [`Invoke`].
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct InvokeReply {
    pub ok: bool,
    pub node_id: String,
    pub command: String,
    /// The node's payload, parsed.
    #[serde(default)]
    pub payload: Value,
    /// The node's payload as the text it sent, or null.
    #[serde(default, rename = "payloadJSON")]
    pub payload_json: Option<String>,
}

/// Params of [`InvokeInput`].
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct InvokeInputParams {
    pub node_id: String,
    pub idempotency_key: String,
    /// Grows by one from 0.
    pub seq: u64,
    /// JSON text, at most 16 KiB.
    #[serde(rename = "payloadJSON")]
    pub payload_json: String,
}

/// Params of [`InvokeCancel`].
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct InvokeCancelParams {
    pub node_id: String,
    pub idempotency_key: String,
}

/// Answer to a result, a progress chunk, an input.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, JsonSchema)]
pub struct InvokeAck {
    pub ok: bool,
    /// The invoke is over or was never known; nothing happened.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ignored: Option<bool>,
}

/// Params of [`InvokeResult`]. Tolerant where the reference is: nulls, and a payload that is not text.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct InvokeResultParams {
    /// The id of `node.invoke.request`.
    pub id: String,
    pub node_id: String,
    pub ok: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payload: Option<Value>,
    #[serde(default, rename = "payloadJSON", skip_serializing_if = "Option::is_none")]
    pub payload_json: Option<Value>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<NodeError>,
}

/// Why a node could not do it.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NodeError {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
}

/// Params of [`InvokeProgress`].
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct InvokeProgressParams {
    pub invoke_id: String,
    pub node_id: String,
    pub seq: u64,
    /// At most 16,384 characters.
    pub chunk: String,
}

/// Params of [`Event`].
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct EventParams {
    pub event: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payload: Option<Value>,
    #[serde(default, rename = "payloadJSON", skip_serializing_if = "Option::is_none")]
    pub payload_json: Option<String>,
}

/// Reply of [`Event`].
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct EventReply {
    pub ok: bool,
    pub event: String,
    /// Whether somebody acted on it.
    pub handled: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// Reply of [`PairList`].
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
pub struct PairListReply {
    #[serde(default)]
    pub pending: Vec<NodePending>,
    #[serde(default)]
    pub paired: Vec<PairedNode>,
}

/// A pairing request seen as a node: the device view plus `nodeId`.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct NodePending {
    /// The same as `deviceId`.
    pub node_id: String,
    #[serde(flatten)]
    pub request: PendingRequest,
}

/// A paired node, without any secret (the reference's v3 leaks tokens here; protocol.md §11.7).
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct PairedNode {
    pub node_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_mode: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub display_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub platform: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub device_family: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remote_ip: Option<String>,
    pub caps: Vec<String>,
    pub commands: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub permissions: Option<BTreeMap<String, bool>>,
    pub created_at_ms: u64,
    pub approved_at_ms: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_connected_at_ms: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_seen_at_ms: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_seen_reason: Option<String>,
}

/// Reply of [`PairApprove`].
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PairApproveReply {
    pub request_id: RequestId,
    pub node: PairedNode,
}

/// Reply of [`PairReject`].
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PairRejectReply {
    pub request_id: RequestId,
    pub node_id: DeviceId,
}
