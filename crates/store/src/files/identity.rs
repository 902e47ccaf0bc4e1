//! The keys by which this machine's parts are known: `identity/*.json` (cli.md §4.2).

use std::path::Path;

use openclaw_identity::{DeviceKey, IdentityFile};

use super::{
    FileError,
    text::{read_text, set_aside},
};

/// The operator's key, which the official programs share: under the state directory.
pub const DEVICE_IDENTITY: &str = "identity/device.json";
/// The node host's own key (promise P8).
pub const NODE_IDENTITY: &str = "identity/node.json";
/// The gateway's key, for matching codes and for being told apart.
pub const GATEWAY_IDENTITY: &str = "identity/gateway.json";

/// Reads the key at `path`; `None` when there is none.
///
/// # Errors
/// [`FileError::SetAside`] when the file cannot be understood: it was renamed to `….corrupt-<now>`, so a new identity is
/// made only after somebody was told.
pub fn load_identity(path: &Path, now_ms: u64) -> Result<Option<IdentityFile>, FileError> {
    let text = match read_text(path) {
        Err(FileError::Malformed { why, .. }) => return Err(set_aside(path, why, now_ms)),
        other => other?,
    };
    let Some(text) = text else { return Ok(None) };
    IdentityFile::parse(&text).map(Some).map_err(|error| set_aside(path, error.to_string(), now_ms))
}

/// Reads the key at `path`, or makes one.
///
/// # Errors
/// As [`load_identity`], and [`FileError::Write`].
pub fn identity(path: &Path, now_ms: u64) -> Result<IdentityFile, FileError> {
    if let Some(identity) = load_identity(path, now_ms)? {
        return Ok(identity);
    }
    let made = IdentityFile { key: DeviceKey::generate()?, created_at_ms: now_ms };
    let text =
        made.to_text().map_err(|error| FileError::Malformed { path: path.to_owned(), why: error.to_string() })?;
    if super::atomic::write_new(path, text.as_bytes())? {
        return Ok(made);
    }
    // Another process was faster, and its key is the one.
    load_identity(path, now_ms)?
        .ok_or_else(|| FileError::Malformed { path: path.to_owned(), why: "it was deleted while it was read".into() })
}
