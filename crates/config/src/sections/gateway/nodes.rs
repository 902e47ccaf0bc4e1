//! `gateway.nodes`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::cidr::Cidr;

/// Nodes: what they may do, how they pair (protocol.md §7.5, §4.2).
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase", deny_unknown_fields)]
pub struct Nodes {
    /// Commands added to what the node's platform allows (as 2026.3.x writes it).
    pub allow_commands: Vec<String>,
    /// Commands that no node may run; wins over every allowance (as 2026.3.x writes it).
    pub deny_commands: Vec<String>,
    /// The same two lists as 2026.9.x writes them.
    pub commands: NodeCommands,
    /// Approval of new nodes.
    pub pairing: NodePairing,
    /// Which node lends its browser.
    pub browser: NodeBrowser,
}

/// Exact names of node commands.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase", deny_unknown_fields)]
pub struct NodeCommands {
    /// Added to what the node's platform allows.
    pub allow: Vec<String>,
    /// Never run; wins over every allowance.
    pub deny: Vec<String>,
}

/// Approval of new nodes.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase", deny_unknown_fields)]
pub struct NodePairing {
    /// Nodes on this machine need no approval.
    pub auto_approve_local: bool,
    /// New nodes from these addresses need none either.
    pub auto_approve_cidrs: Vec<Cidr>,
}

/// Which node lends its browser.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase", deny_unknown_fields)]
pub struct NodeBrowser {
    /// How the node is chosen.
    pub mode: BrowserRouting,
    /// The node for `manual`: id or name.
    pub node: Option<String>,
}

/// How a node for the browser is chosen.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum BrowserRouting {
    /// The only one there is.
    #[default]
    Auto,
    /// The one named.
    Manual,
    /// None.
    Off,
}

impl Nodes {
    /// Commands added to the platform's, of both spellings.
    pub fn allowed(&self) -> impl Iterator<Item = &str> {
        self.allow_commands.iter().chain(&self.commands.allow).map(|name| name.trim()).filter(|name| !name.is_empty())
    }

    /// Commands that no node may run, of both spellings.
    pub fn denied(&self) -> impl Iterator<Item = &str> {
        self.deny_commands.iter().chain(&self.commands.deny).map(|name| name.trim()).filter(|name| !name.is_empty())
    }
}

impl Default for NodePairing {
    fn default() -> Self {
        Self { auto_approve_local: true, auto_approve_cidrs: Vec::new() }
    }
}
