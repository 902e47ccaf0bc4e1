//! `update.*`: is there a newer release?

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::method::method;

method! {
    /// What is known of newer releases.
    Status = "update.status": StatusParams => StatusReply
}

/// Params of [`Status`].
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct StatusParams {
    /// Accepted, not used: this program is not run from a checkout.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refresh_checkout: Option<bool>,
}

/// Reply of [`Status`].
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct StatusReply {
    /// What the last update left behind, null when there was none.
    pub sentinel: Value,
    /// Null: this gateway does not look for updates by itself.
    pub update_available: Value,
}
