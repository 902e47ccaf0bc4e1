//! `gateway.tailscale`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Making the gateway reachable through Tailscale.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase", deny_unknown_fields)]
pub struct Tailscale {
    /// For whom.
    pub mode: TailscaleMode,
    /// Whether that ends with the gateway.
    pub reset_on_exit: bool,
}

/// For whom Tailscale publishes the gateway.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum TailscaleMode {
    /// Nobody.
    #[default]
    Off,
    /// The tailnet.
    Serve,
    /// Everyone.
    Funnel,
}
