//! `gateway.remote`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::secret::Secret;

/// The gateway that this machine is a client of (cli.md §1.4).
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase", deny_unknown_fields)]
pub struct Remote {
    /// Its address: `wss://…`, or `ws://` to this machine.
    pub url: Option<String>,
    /// How apps get there. Without it, through SSH.
    pub transport: Option<RemoteTransport>,
    /// The shared token to show it.
    pub token: Option<Secret>,
    /// The shared password to show it.
    pub password: Option<Secret>,
    /// The SHA-256 fingerprint that its certificate must have.
    pub tls_fingerprint: Option<String>,
    /// The SSH target, `user@host[:port]`.
    pub ssh_target: Option<String>,
    /// The SSH key file.
    pub ssh_identity: Option<String>,
}

/// How apps reach the remote gateway.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum RemoteTransport {
    /// Through an SSH tunnel.
    Ssh,
    /// Straight to its address.
    Direct,
}
