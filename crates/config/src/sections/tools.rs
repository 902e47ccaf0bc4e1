//! `tools`: of this section only `exec` has a type here, for node hosts and the gateway obey it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::limits;

/// What tools may do.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase", deny_unknown_fields)]
pub struct ToolsSection {
    /// Running commands.
    pub exec: ToolsExec,
}

/// Running commands (cli.md §3.4).
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase", deny_unknown_fields)]
pub struct ToolsExec {
    /// Where commands run. Without it, in the sandbox.
    pub host: Option<ExecHost>,
    /// Which commands run. Without it, what the host's policy file says.
    pub security: Option<ExecSecurity>,
    /// When a person is asked. Without it, what the host's policy file says.
    pub ask: Option<ExecAsk>,
    /// The node that runs commands when `host` is `node`: id or name.
    pub node: Option<String>,
    /// Folders put before PATH.
    pub path_prepend: Vec<String>,
    /// Programs that run without approval when they only read standard input.
    pub safe_bins: Vec<String>,
    /// Folders that such programs may be in.
    pub safe_bin_trusted_dirs: Vec<String>,
    /// After this many milliseconds a command goes on in the background.
    #[schemars(range(min = 1))]
    #[serde(deserialize_with = "limits::positive")]
    pub background_ms: u64,
    /// After this many seconds a command is ended.
    #[schemars(range(min = 1))]
    #[serde(deserialize_with = "limits::positive")]
    pub timeout_sec: u64,
    /// How long the output of an ended command is kept, in milliseconds.
    #[schemars(range(min = 1))]
    #[serde(deserialize_with = "limits::positive_option")]
    pub cleanup_ms: Option<u64>,
    /// Whether the agent hears when a background command ends.
    pub notify_on_exit: bool,
    /// Whether it also hears of success without output.
    pub notify_on_exit_empty_success: bool,
}

/// Where commands run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ExecHost {
    /// In a container.
    Sandbox,
    /// On the gateway's machine.
    Gateway,
    /// On a node.
    Node,
}

/// Which commands run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ExecSecurity {
    /// None.
    Deny,
    /// Those on the list.
    Allowlist,
    /// All.
    Full,
}

/// When a person is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ExecAsk {
    /// Never.
    Off,
    /// When the list does not have the command.
    OnMiss,
    /// Every time.
    Always,
}

impl Default for ToolsExec {
    fn default() -> Self {
        Self {
            host: None,
            security: None,
            ask: None,
            node: None,
            path_prepend: Vec::new(),
            safe_bins: Vec::new(),
            safe_bin_trusted_dirs: Vec::new(),
            background_ms: 10_000,
            timeout_sec: 1800,
            cleanup_ms: None,
            notify_on_exit: true,
            notify_on_exit_empty_success: false,
        }
    }
}
