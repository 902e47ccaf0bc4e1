//! `discovery`: how the gateway is found in a network.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How the gateway makes itself known (cli.md §7).
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase", deny_unknown_fields)]
pub struct DiscoverySection {
    /// In the local network, by multicast DNS.
    pub mdns: Mdns,
    /// Beyond it, by DNS service discovery in a domain of one's own.
    pub wide_area: WideArea,
}

/// Multicast DNS.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase", deny_unknown_fields)]
pub struct Mdns {
    /// How much is announced.
    pub mode: MdnsMode,
}

/// How much is announced.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum MdnsMode {
    /// Nothing.
    Off,
    /// Name and port.
    #[default]
    Minimal,
    /// Paths and the SSH port too.
    Full,
}

/// DNS service discovery beyond the local network.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase", deny_unknown_fields)]
pub struct WideArea {
    /// Whether the gateway is announced there.
    pub enabled: bool,
    /// The domain, for example `openclaw.internal`.
    pub domain: Option<String>,
}
