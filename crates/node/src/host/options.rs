//! What a node host is started with.

use std::{path::PathBuf, sync::Arc};

use openclaw_client::{Credentials, DialOptions, Endpoint};
use openclaw_store::files;

use crate::exec::machine::Machine;

/// The version that this node reports, the same as of every program of ours (nodes.md §0).
pub const VERSION: &str = openclaw_protocol::version::RELEASE;

/// Characters of a purpose that are sent.
pub(super) const MAX_PURPOSE: usize = 200;

/// What a node host is started with. The caller has read flags, environment and configuration.
#[derive(Clone, Debug)]
pub struct NodeOptions {
    /// Where `node.json`, the key and the tokens are.
    pub state_dir: PathBuf,
    /// The machine that commands run on.
    pub machine: Arc<Machine>,
    /// The gateway.
    pub endpoint: Endpoint,
    /// It is the gateway of this state directory: its device token is kept where the official programs look for it.
    pub is_local: bool,
    /// Secrets that were given for this gateway; the stored device token is added by the host.
    pub credentials: Credentials,
    /// `--node-id`: another id than the stored one is another node, with a key of its own (promise P8).
    pub node_id: Option<String>,
    /// `--display-name`; else the stored one, else the machine's name.
    pub display_name: Option<String>,
    /// `--purpose`: shown to whoever approves this node (promise P9).
    pub purpose: Option<String>,
    /// `--commands`: offer only these.
    pub commands: Option<Vec<String>>,
    /// How to dial. Its clock is the host's clock, its task tracker runs the host's tasks.
    pub dial: DialOptions,
}

impl NodeOptions {
    /// Options without any wish.
    pub fn new(state_dir: PathBuf, machine: Arc<Machine>, endpoint: Endpoint) -> Self {
        Self {
            state_dir,
            machine,
            endpoint,
            is_local: false,
            credentials: Credentials::default(),
            node_id: None,
            display_name: None,
            purpose: None,
            commands: None,
            dial: DialOptions::default(),
        }
    }

    /// The endpoint that stored tokens are bound to (SEC-010).
    pub(super) fn token_endpoint(&self) -> files::Endpoint {
        if self.is_local {
            files::Endpoint::Local
        } else {
            files::Endpoint::remote(&self.endpoint.url.to_string(), self.endpoint.pin.as_ref())
        }
    }
}
