//! `gateway.json`: what the running gateway says about itself, for `status` and `up`.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::{
    FileError, remove,
    text::{read_json, write_json},
};

/// A running gateway. It may have died without taking the file away: [`StateLock::holder`](super::StateLock::holder)
/// tells whether one runs.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct GatewayInfo {
    pub pid: u32,
    pub port: u16,
    /// Where a program on this machine reaches it.
    pub url: String,
    pub instance_id: String,
    pub name: String,
    pub version: String,
    /// Milliseconds since the epoch.
    pub started_at_ms: u64,
    /// SHA-256 of its certificate, when it speaks TLS.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tls_fingerprint: Option<String>,
}

impl GatewayInfo {
    fn path(state_dir: &Path) -> PathBuf {
        state_dir.join("gateway.json")
    }

    /// What the file says; `None` when there is none.
    ///
    /// # Errors
    /// [`FileError`].
    pub fn read(state_dir: &Path) -> Result<Option<Self>, FileError> {
        read_json(&Self::path(state_dir))
    }

    /// Writes it, once the gateway listens.
    ///
    /// # Errors
    /// [`FileError`].
    pub fn write(&self, state_dir: &Path) -> Result<(), FileError> {
        write_json(&Self::path(state_dir), self)
    }

    /// Takes it away at a clean end, unless another gateway has written it meanwhile.
    ///
    /// # Errors
    /// [`FileError`].
    pub fn withdraw(&self, state_dir: &Path) -> Result<(), FileError> {
        match Self::read(state_dir)? {
            Some(written) if written.pid != self.pid => Ok(()),
            _ => remove(&Self::path(state_dir)),
        }
    }
}
