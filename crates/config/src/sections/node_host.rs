//! `nodeHost`: what a node host on this machine offers.

use schemars::JsonSchema;
use serde::Deserialize;

/// What a node host on this machine offers (cli.md §3.4).
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase", deny_unknown_fields)]
pub struct NodeHostSection {
    /// The browser that the node host lends to the gateway.
    pub browser_proxy: BrowserProxy,
}

/// The browser that a node host lends.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase", deny_unknown_fields)]
pub struct BrowserProxy {
    /// Whether `browser.proxy` is offered.
    pub enabled: bool,
    /// Which browser profiles may be used; empty means all.
    pub allow_profiles: Vec<String>,
}

impl Default for BrowserProxy {
    fn default() -> Self {
        Self { enabled: true, allow_profiles: Vec::new() }
    }
}
