//! `config.*`: reading and changing openclaw.json (protocol.md §8.4).

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::method::{NoParams, method};

method! {
    /// The configuration with secrets replaced by a marker.
    Get = "config.get": NoParams => Value
}
method! {
    /// The JSON Schema of the configuration.
    Schema = "config.schema": NoParams => Value
}
method! {
    /// One place of that schema.
    SchemaLookup = "config.schema.lookup": SchemaLookupParams => Value
}
method! {
    /// Replaces the file.
    Set = "config.set": SetParams => ChangeReply
}
method! {
    /// Merges into the file and applies the result.
    Patch = "config.patch": ApplyParams => ChangeReply
}
method! {
    /// Replaces the file and applies it.
    Apply = "config.apply": ApplyParams => ChangeReply
}

/// Params of [`SchemaLookup`].
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SchemaLookupParams {
    /// Dotted path, at most 1,024 characters.
    pub path: String,
}

/// Params of [`Set`].
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SetParams {
    /// JSON5 text of the whole file.
    pub raw: String,
    /// `hash` of `config.get`; mandatory when a file exists.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base_hash: Option<String>,
}

/// Params of [`Patch`] and [`Apply`].
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ApplyParams {
    /// JSON5 text: the whole file, or a merge patch.
    pub raw: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base_hash: Option<String>,
    /// The session that asked. Accepted, not used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session_key: Option<String>,
    /// v4. Accepted, not used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delivery_context: Option<Value>,
    /// For the log.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// Wait before a restart, milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub restart_delay_ms: Option<u64>,
    /// v4: paths whose arrays are replaced instead of merged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replace_paths: Option<Vec<String>>,
}

/// Reply of the three that change the file.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct ChangeReply {
    pub ok: bool,
    pub path: String,
    /// The new configuration, secrets replaced.
    pub config: Value,
    /// What happens with the running gateway: `{ok, mode, delayMs, reasons}`; absent for `config.set`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub restart: Option<Value>,
}
