//! What `openclaw node status` and `node identity` show: the stored identity, and what the running host last wrote
//! about itself to `node-state.json`.

use std::{
    fs::{File, OpenOptions, TryLockError},
    io,
    path::{Path, PathBuf},
};

use openclaw_protocol::clock::Clock;
use openclaw_store::files::{self, FileError, NodeJson};
use serde::{Deserialize, Serialize};
use tokio::sync::watch;

use crate::host::NodeIdentity;

const STATE_FILE: &str = "node-state.json";
const LOCK_FILE: &str = "node.lock";
const MAX_STATE_BYTES: u64 = 1 << 20;

/// Where the host stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Link {
    /// Dialling, or pausing before the next dial.
    #[default]
    Connecting,
    /// A person has to approve the node.
    Waiting,
    /// The node can be used.
    Connected,
    /// The host ended by itself.
    Ended,
}

/// `node-state.json`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct HostState {
    pub pid: u32,
    pub link: Link,
    pub url: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gateway_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub instance_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gateway_version: Option<String>,
    pub device_id: String,
    /// Milliseconds since the epoch, as all times here.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub connected_since_ms: Option<u64>,
    /// The pairing request that waits.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
    pub commands: Vec<String>,
    pub waiting_commands: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_error: Option<String>,
    pub updated_at_ms: u64,
}

impl HostState {
    /// What a host last wrote; `None` when none ran here, or what it wrote cannot be read.
    ///
    /// # Errors
    /// [`FileError::Read`].
    pub fn read(state_dir: &Path) -> Result<Option<Self>, FileError> {
        let bytes = files::read_capped(&state_dir.join(STATE_FILE), MAX_STATE_BYTES)?;
        Ok(bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok()))
    }

    /// Where the host stands now; what belonged to where it stood before is over.
    pub(crate) fn enter(&mut self, link: Link) {
        self.link = link;
        self.connected_since_ms = None;
        self.request_id = None;
    }

    fn write(&self, state_dir: &Path) {
        let written = serde_json::to_vec_pretty(self)
            .map_err(io::Error::from)
            .and_then(|bytes| files::write_atomic(&state_dir.join(STATE_FILE), &bytes).map_err(io::Error::other));
        if let Err(error) = written {
            // Only what `node status` shows is lost.
            tracing::warn!(%error, "the state of the node host could not be written");
        }
    }
}

/// Writes every change of the state, the newest one when several came at once. Ends with its sender.
pub(crate) async fn keep_written(mut state: watch::Receiver<HostState>, state_dir: PathBuf) {
    while state.changed().await.is_ok() {
        let (newest, folder) = (state.borrow_and_update().clone(), state_dir.clone());
        if tokio::task::spawn_blocking(move || newest.write(&folder)).await.is_err() {
            return;
        }
    }
}

/// One screen about the node of a state directory.
#[derive(Clone, Debug)]
pub struct NodeStatus {
    /// `node.json`; `None` before the first run.
    pub settings: Option<NodeJson>,
    /// The key; `None` before the first run.
    pub identity: Option<NodeIdentity>,
    /// What the host last said about itself.
    pub last: Option<HostState>,
    /// Whether a host runs at this moment.
    pub is_running: bool,
}

impl NodeStatus {
    /// Looks; makes and changes nothing, except that files which cannot be understood are moved aside.
    ///
    /// # Errors
    /// [`FileError`].
    pub fn read(state_dir: &Path, clock: &Clock) -> Result<Self, FileError> {
        let now_ms = clock.now_ms();
        Ok(Self {
            settings: NodeJson::read(&state_dir.join("node.json"), now_ms)?,
            identity: NodeIdentity::stored(state_dir, now_ms)?,
            last: HostState::read(state_dir)?,
            is_running: HostLock::is_held(state_dir),
        })
    }
}

/// Held while a host runs: one state directory is one node. The system lets go of it when the process ends.
#[derive(Debug)]
pub(crate) struct HostLock {
    _file: File,
}

impl HostLock {
    /// Takes it; `None` when another host has it.
    pub(crate) fn take(state_dir: &Path) -> Result<Option<Self>, FileError> {
        files::create_private_dir(state_dir)?;
        let path = state_dir.join(LOCK_FILE);
        let failed = |source| FileError::Write { path: path.clone(), source };
        let file = OpenOptions::new().create(true).truncate(false).write(true).open(&path).map_err(failed)?;
        match file.try_lock() {
            Ok(()) => Ok(Some(Self { _file: file })),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(source)) => Err(failed(source)),
        }
    }

    fn is_held(state_dir: &Path) -> bool {
        let file = OpenOptions::new().write(true).open(state_dir.join(LOCK_FILE));
        file.is_ok_and(|file| matches!(file.try_lock(), Err(TryLockError::WouldBlock)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn before_the_first_run_there_is_nothing_to_show_and_nothing_is_made() {
        let folder = tempfile::tempdir().unwrap();
        let status = NodeStatus::read(folder.path(), &Clock::manual(1)).unwrap();
        assert!(status.settings.is_none() && status.identity.is_none() && status.last.is_none() && !status.is_running);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[test]
    fn one_state_directory_has_one_running_node() {
        let folder = tempfile::tempdir().unwrap();
        let first = HostLock::take(folder.path()).unwrap().unwrap();
        assert!(HostLock::take(folder.path()).unwrap().is_none());
        assert!(HostLock::is_held(folder.path()));
        drop(first);
        assert!(!HostLock::is_held(folder.path()));
        assert!(HostLock::take(folder.path()).unwrap().is_some());
    }

    #[test]
    fn the_state_survives_the_round_trip_and_damage_is_no_state() {
        let folder = tempfile::tempdir().unwrap();
        let state = HostState { pid: 7, link: Link::Waiting, request_id: Some("r".into()), ..HostState::default() };
        state.write(folder.path());
        assert_eq!(HostState::read(folder.path()).unwrap(), Some(state));
        files::write_atomic(&folder.path().join(STATE_FILE), b"{").unwrap();
        assert_eq!(HostState::read(folder.path()).unwrap(), None);
    }
}
