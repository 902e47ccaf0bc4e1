//! `exec.*`: exec policy files of nodes (nodes.md §2.9). The approval flow itself is not part of this release.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::method::method;

method! {
    /// Reads a node's exec policy file.
    ApprovalsNodeGet = "exec.approvals.node.get": ApprovalsNodeGetParams => Value
}
method! {
    /// Replaces a node's exec policy file.
    ApprovalsNodeSet = "exec.approvals.node.set": ApprovalsNodeSetParams => Value
}

/// Params of [`ApprovalsNodeGet`].
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ApprovalsNodeGetParams {
    pub node_id: String,
}

/// Params of [`ApprovalsNodeSet`].
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ApprovalsNodeSetParams {
    pub node_id: String,
    /// The whole file.
    pub file: Value,
    /// Hash of the file that was read; required when one exists.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base_hash: Option<String>,
}
