//! Saving: may we, is the file still the one we read, replace it, write the audit line.

use std::{
    fs::File,
    io,
    path::{Path, PathBuf},
};

use super::{
    audit::{self, AuditContext, Written},
    replace,
};
use crate::{change::Prepared, env::Env, load, load::Snapshot, paths::Paths, platform};

/// Variables that make the configuration read-only.
const READ_ONLY: [&str; 2] = ["OPENCLAW_NIX_MODE", "OPENCLAW_CONFIG_READONLY"];

/// Why nothing was written.
#[derive(Debug, thiserror::Error)]
pub enum SaveError {
    #[error("the config file is read-only here, because {variable} is set; change it where it is managed")]
    ReadOnly { variable: &'static str },
    #[error("config base hash required; re-run config.get and retry")]
    BaseHashRequired,
    #[error("config changed since last load; re-run config.get and retry")]
    Changed,
    #[error("cannot write the config file {shown}: {source}")]
    Io {
        shown: String,
        #[source]
        source: io::Error,
    },
}

/// What was written.
#[derive(Debug)]
pub struct Saved {
    pub path: PathBuf,
    pub previous_hash: String,
    pub hash: String,
    /// The earlier version, if there was one.
    pub backup: Option<PathBuf>,
    /// False if the file already said so, and nothing was written.
    pub written: bool,
    /// Why the audit line could not be written; the configuration itself is safe.
    pub audit_problem: Option<String>,
}

/// Checks the `baseHash` of a `config.*` request (protocol.md §8.4).
///
/// # Errors
/// A hash that is missing although a file exists, or that belongs to an earlier version.
pub fn check_base_hash(current: &Snapshot, base_hash: Option<&str>) -> Result<(), SaveError> {
    if !current.exists {
        return Ok(());
    }
    match base_hash.map(str::trim).filter(|hash| !hash.is_empty()) {
        None => Err(SaveError::BaseHashRequired),
        Some(hash) if hash.eq_ignore_ascii_case(&current.hash) => Ok(()),
        Some(_) => Err(SaveError::Changed),
    }
}

/// Writes a prepared change, durably, unless the file is no longer the one that `current` was read from.
///
/// # Errors
/// A read-only configuration, a file that changed meanwhile, or the file system; the old file stands then.
pub fn save(
    paths: &Paths,
    env: &Env,
    current: &Snapshot,
    prepared: &Prepared,
    context: AuditContext<'_>,
) -> Result<Saved, SaveError> {
    if let Some(variable) = READ_ONLY.into_iter().find(|name| env.flag(name)) {
        return Err(SaveError::ReadOnly { variable });
    }
    let failed = |source| SaveError::Io { shown: paths.display(&paths.config_path), source };
    let path = real_path(&paths.config_path).map_err(failed)?;
    let next_hash = load::hash(prepared.text.as_bytes());
    let mut saved = Saved {
        path: path.clone(),
        previous_hash: current.hash.clone(),
        hash: next_hash,
        backup: None,
        written: false,
        audit_problem: None,
    };
    if current.exists && prepared.text == current.raw {
        return Ok(saved);
    }
    if let Some(folder) = path.parent() {
        platform::create_private_dir(folder).map_err(failed)?;
        if folder.starts_with(&paths.state_dir) && paths.state_dir.exists() {
            platform::restrict_dir(&paths.state_dir).map_err(failed)?;
        }
    }
    let lock = lock(&path).map_err(failed)?;
    if !is_unchanged(&path, current).map_err(failed)? {
        return Err(SaveError::Changed);
    }
    saved.backup = replace::replace(&path, prepared.text.as_bytes(), &mut |_| Ok(())).map_err(failed)?;
    saved.written = true;
    drop(lock);
    let written = Written {
        path: &path,
        existed: current.exists,
        previous_hash: &saved.previous_hash,
        next_hash: &saved.hash,
        previous_text: &current.raw,
        next_text: &prepared.text,
        changed: prepared.plan.changed.len(),
        previous: &current.parsed,
        next: &prepared.next.parsed,
    };
    saved.audit_problem = audit::append(paths, context, &written).err().map(|error| error.to_string());
    Ok(saved)
}

/// Removes what a crash during a write left behind (REL-002). Call it once at start. Returns how many files went.
///
/// # Errors
/// A folder that cannot be read.
pub fn remove_stray_files(paths: &Paths) -> io::Result<usize> {
    replace::remove_temporaries(&real_path(&paths.config_path)?)
}

/// The file behind a symbolic link, which is what gets replaced: the link is the person's.
fn real_path(path: &Path) -> io::Result<PathBuf> {
    match path.symlink_metadata() {
        Ok(metadata) if metadata.is_symlink() => path.canonicalize(),
        _ => Ok(path.to_owned()),
    }
}

/// Held while the file is compared and replaced, so that two writers do not both find it unchanged. Freed when dropped,
/// also by a crash.
fn lock(path: &Path) -> io::Result<File> {
    let file = platform::append_private(&replace::beside(path, ".lock"))?;
    file.lock()?;
    Ok(file)
}

fn is_unchanged(path: &Path, current: &Snapshot) -> io::Result<bool> {
    match std::fs::read(path) {
        Ok(bytes) => Ok(current.exists && load::hash(&bytes) == current.hash),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(!current.exists),
        Err(error) => Err(error),
    }
}
