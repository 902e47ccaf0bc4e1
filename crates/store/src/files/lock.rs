//! One gateway per state directory (REL-020).
//!
//! The lock is the operating system's, on `gateway.lock`, and ends with the process however it ends. The text in the
//! file is for people only; a program that cannot take the lock shows it.

use std::{
    fmt,
    fs::{self, File, OpenOptions, TryLockError},
    io::{self, Read, Seek, Write},
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use serde::{Deserialize, Serialize};

use super::{FileError, GatewayInfo, mode};

/// How often a waiting start tries again.
const RETRY: Duration = Duration::from_millis(100);
/// Larger than any text that we write.
const MAX_BYTES: u64 = 4_096;

/// Who holds a state directory.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Holder {
    pub pid: u32,
    /// Milliseconds since the epoch.
    pub started_at_ms: u64,
    /// Known after it listens.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub port: Option<u16>,
    /// Known after it listens.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
}

/// Another process holds the state directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    pub path: PathBuf,
    /// `None` in the moment between its start and its first words.
    pub holder: Option<Holder>,
}

impl fmt::Display for Held {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.holder {
            Some(Holder { pid, url: Some(url), .. }) => write!(f, "a gateway runs already (pid {pid}, {url})")?,
            Some(Holder { pid, .. }) => write!(f, "a gateway runs already (pid {pid})")?,
            None => f.write_str("a gateway runs already")?,
        }
        write!(f, " and holds {}", self.path.display())
    }
}

/// Why the state directory cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    #[error("{0}")]
    Held(Held),
    #[error(transparent)]
    File(#[from] FileError),
}

/// The right to be the one gateway of a state directory, as long as this value lives.
#[derive(Debug)]
pub struct StateLock {
    file: File,
    path: PathBuf,
}

impl StateLock {
    /// Takes the lock of the directory, which is made when it is missing. Tries until `wait` has passed. Blocks.
    ///
    /// # Errors
    /// [`LockError::Held`] names the holder.
    pub fn acquire(state_dir: &Path, holder: &Holder, wait: Duration) -> Result<Self, LockError> {
        mode::create_private_dir(state_dir)?;
        // Two names of one directory are one lock.
        let state_dir = fs::canonicalize(state_dir).map_err(FileError::read(state_dir))?;
        let path = state_dir.join("gateway.lock");
        let mut options = OpenOptions::new();
        let file = mode::private(options.read(true).write(true).create(true).truncate(false))
            .open(&path)
            .map_err(FileError::write(&path))?;
        let deadline = Instant::now() + wait;
        loop {
            match file.try_lock() {
                Ok(()) => break,
                Err(TryLockError::Error(error)) => return Err(FileError::write(&path)(error).into()),
                Err(TryLockError::WouldBlock) if Instant::now() >= deadline => {
                    let holder = read_holder(&path, &state_dir);
                    return Err(LockError::Held(Held { path: state_dir, holder }));
                }
                Err(TryLockError::WouldBlock) => std::thread::sleep(RETRY.min(wait)),
            }
        }
        let mut lock = Self { file, path };
        lock.describe(holder)?;
        Ok(lock)
    }

    /// Who holds the directory now; `None` when nobody does.
    ///
    /// # Errors
    /// [`FileError`].
    pub fn holder(state_dir: &Path) -> Result<Option<Held>, FileError> {
        let path = state_dir.join("gateway.lock");
        let file = match File::open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(FileError::read(&path)(error)),
        };
        // A shared lock: two programs that look at the same time do not take each other for a gateway.
        match file.try_lock_shared() {
            Ok(()) => Ok(None),
            Err(TryLockError::WouldBlock) => {
                Ok(Some(Held { path: state_dir.to_owned(), holder: read_holder(&path, state_dir) }))
            }
            Err(TryLockError::Error(error)) => Err(FileError::read(&path)(error)),
        }
    }

    /// Replaces what the file says about the holder, such as the port after it listens.
    ///
    /// # Errors
    /// [`FileError::Write`]; the lock is held nevertheless.
    pub fn describe(&mut self, holder: &Holder) -> Result<(), FileError> {
        let text = serde_json::to_vec(holder).map_err(io::Error::from).map_err(FileError::write(&self.path))?;
        let mut write = || {
            self.file.set_len(0)?;
            self.file.rewind()?;
            self.file.write_all(&text)
        };
        write().map_err(FileError::write(&self.path))
    }
}

/// What the lock file says, else (on Windows nobody else may read a locked file) what the running gateway says.
fn read_holder(path: &Path, state_dir: &Path) -> Option<Holder> {
    let mut text = Vec::new();
    let read = File::open(path).and_then(|file| file.take(MAX_BYTES).read_to_end(&mut text));
    let said = read.ok().and_then(|_| serde_json::from_slice(&text).ok());
    said.or_else(|| {
        let info = GatewayInfo::read(state_dir).ok()??;
        Some(Holder { pid: info.pid, started_at_ms: info.started_at_ms, port: Some(info.port), url: Some(info.url) })
    })
}
