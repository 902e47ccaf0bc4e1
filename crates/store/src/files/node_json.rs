//! `node.json`: what a node host remembers about itself and its gateway (nodes.md §1.3).

use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{
    FileError,
    text::{read_json, set_aside, write_json},
};

/// The file's members. Those that are not known, such as 2026.9's `installedAppsSharing`, are kept.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NodeJson {
    /// Always 1.
    pub version: u32,
    /// A `UUIDv4`; not the identity on the wire, which is the device's key.
    pub node_id: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub display_name: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gateway: Option<NodeGateway>,
    #[serde(flatten)]
    pub rest: Map<String, Value>,
}

/// Where the node's gateway is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NodeGateway {
    pub host: String,
    pub port: u16,
    #[serde(default)]
    pub tls: bool,
    /// SHA-256 of the certificate that is pinned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls_fingerprint: Option<String>,
    #[serde(flatten)]
    pub rest: Map<String, Value>,
}

impl NodeJson {
    /// A new node.
    pub fn new() -> Self {
        Self::named(uuid::Uuid::new_v4().to_string())
    }

    /// A new node of that id.
    pub fn named(node_id: String) -> Self {
        Self { version: 1, node_id, display_name: None, gateway: None, rest: Map::new() }
    }

    /// What the file says; `None` when there is none.
    ///
    /// # Errors
    /// [`FileError::SetAside`] for a file that cannot be understood, or of another version: it was renamed to
    /// `….corrupt-<now>`, and the next call finds none.
    pub fn read(path: &Path, now_ms: u64) -> Result<Option<Self>, FileError> {
        let found = match read_json::<Self>(path) {
            Err(FileError::Malformed { why, .. }) => return Err(set_aside(path, why, now_ms)),
            other => other?,
        };
        match found {
            Some(node) if node.version != 1 => {
                Err(set_aside(path, format!("version {} is not known", node.version), now_ms))
            }
            Some(node) if node.node_id.trim().is_empty() => Err(set_aside(path, "it has no nodeId".into(), now_ms)),
            found => Ok(found),
        }
    }

    /// Writes the file.
    ///
    /// # Errors
    /// [`FileError`].
    pub fn write(&self, path: &Path) -> Result<(), FileError> {
        write_json(path, self)
    }
}

impl Default for NodeJson {
    fn default() -> Self {
        Self::new()
    }
}
