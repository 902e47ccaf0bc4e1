//! The owner's secret: whoever can read it is on this machine under this user (promise P1).

use std::path::Path;

use openclaw_identity::{Secret, random_token};

use super::{
    FileError,
    atomic::write_new,
    text::{read_text, set_aside},
};

/// Characters of the secret: 32 random bytes in base64url.
const LENGTH: usize = 43;

/// The secret of that state directory (`owner.key`, mode 0600); it is made when there is none.
///
/// The gateway compares it, and our CLI and node on the same machine present it. It is never sent anywhere but over a
/// loopback connection.
///
/// # Errors
/// [`FileError::SetAside`] when the file holds something else; the next call makes a new one.
pub fn owner_secret(state_dir: &Path, now_ms: u64) -> Result<Secret, FileError> {
    let path = state_dir.join("owner.key");
    if let Some(secret) = read(&path, now_ms)? {
        return Ok(secret);
    }
    let made = random_token()?;
    if write_new(&path, made.expose().as_bytes())? {
        return Ok(made);
    }
    // Another process was faster, and its secret is the one.
    read(&path, now_ms)?.ok_or_else(|| FileError::Malformed { path, why: "it was deleted while it was read".into() })
}

fn read(path: &Path, now_ms: u64) -> Result<Option<Secret>, FileError> {
    let Some(text) = read_text(path)? else { return Ok(None) };
    let secret = text.trim();
    let is_token =
        secret.len() == LENGTH && secret.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'));
    if is_token { Ok(Some(Secret::new(secret))) } else { Err(set_aside(path, "it is no token".into(), now_ms)) }
}
