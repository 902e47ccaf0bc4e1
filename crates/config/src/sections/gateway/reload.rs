//! `gateway.reload`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What happens when the configuration changes (cli.md §3.7).
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase", deny_unknown_fields)]
pub struct Reload {
    /// How changes are applied.
    pub mode: ReloadMode,
    /// How long the file must have been quiet, in milliseconds.
    pub debounce_ms: u64,
}

/// How changes are applied.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ReloadMode {
    /// Not at all.
    Off,
    /// By a restart, always.
    Restart,
    /// While running, never by a restart.
    Hot,
    /// While running where that is possible, else by a restart.
    #[default]
    Hybrid,
}

impl Default for Reload {
    fn default() -> Self {
        Self { mode: ReloadMode::default(), debounce_ms: 300 }
    }
}
