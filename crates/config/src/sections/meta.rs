//! `meta`: who wrote the file last.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

/// Stamped by every write (cli.md §3.2).
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase", deny_unknown_fields)]
pub struct MetaSection {
    /// The version of the program that wrote the file last.
    pub last_touched_version: Option<String>,
    /// When, as an ISO 8601 time; older releases wrote other forms.
    pub last_touched_at: Option<Value>,
}
