//! What the JSON files have in common: a small cap, and what happens to one that cannot be read.

use std::path::Path;

use serde::{Serialize, de::DeserializeOwned};

use super::{FileError, read_capped, rename, with_suffix, write_atomic};

/// Larger than any honest file here.
const MAX_BYTES: u64 = 1 << 20;

/// Reads a JSON file; `None` when there is none, [`FileError::Malformed`] when it is no such JSON.
pub(super) fn read_json<T: DeserializeOwned>(path: &Path) -> Result<Option<T>, FileError> {
    let Some(bytes) = read_capped(path, MAX_BYTES)? else { return Ok(None) };
    // Editors on Windows put a byte order mark in front.
    let text = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&bytes);
    serde_json::from_slice(text).map(Some).map_err(|error| FileError::Malformed {
        path: path.to_owned(),
        // Only the place: the text around it may be a secret.
        why: format!("line {}, column {}", error.line(), error.column()),
    })
}

/// Reads a file of text.
pub(super) fn read_text(path: &Path) -> Result<Option<String>, FileError> {
    let Some(bytes) = read_capped(path, MAX_BYTES)? else { return Ok(None) };
    String::from_utf8(bytes)
        .map(Some)
        .map_err(|_not_text| FileError::Malformed { path: path.to_owned(), why: "it is no text".into() })
}

/// Writes pretty JSON, as the original does.
pub(super) fn write_json(path: &Path, value: &impl Serialize) -> Result<(), FileError> {
    let malformed = |error: serde_json::Error| FileError::Malformed { path: path.to_owned(), why: error.to_string() };
    write_atomic(path, &serde_json::to_vec_pretty(value).map_err(malformed)?)
}

/// Moves a file that cannot be understood aside, and says so (REL-008).
pub(super) fn set_aside(path: &Path, why: String, now_ms: u64) -> FileError {
    let kept = with_suffix(path, &format!(".corrupt-{now_ms}"));
    match rename(path, &kept) {
        Ok(()) => FileError::SetAside { path: path.to_owned(), kept, why },
        Err(error) => error,
    }
}
