//! Who may read: 0600 for files, 0700 for folders. On Windows a user's profile is private by its access list already.

use std::{
    fs::{self, OpenOptions},
    io,
    path::Path,
};

use super::FileError;

/// Makes the folder and its parents, each new one with mode 0700. What exists is left as it is.
///
/// # Errors
/// [`FileError::Write`].
pub fn create_private_dir(path: &Path) -> Result<(), FileError> {
    if path.is_dir() {
        return Ok(());
    }
    builder().recursive(true).create(path).map_err(FileError::write(path))
}

/// As [`create_private_dir`], for a folder that is ours alone: one that exists is tightened (SEC-200).
pub(crate) fn claim_dir(path: &Path) -> Result<(), FileError> {
    create_private_dir(path)?;
    tighten(path).map_err(FileError::write(path))
}

#[cfg(unix)]
fn builder() -> fs::DirBuilder {
    use std::os::unix::fs::DirBuilderExt;
    let mut builder = fs::DirBuilder::new();
    builder.mode(0o700);
    builder
}

#[cfg(not(unix))]
fn builder() -> fs::DirBuilder {
    fs::DirBuilder::new()
}

/// The file is made with mode 0600.
#[cfg(unix)]
pub(super) fn private(options: &mut OpenOptions) -> &mut OpenOptions {
    use std::os::unix::fs::OpenOptionsExt;
    options.mode(0o600)
}

#[cfg(not(unix))]
pub(super) fn private(options: &mut OpenOptions) -> &mut OpenOptions {
    options
}

/// Takes group and others off an existing file or folder, with a warning when there was something to take.
#[cfg(unix)]
pub(super) fn tighten(path: &Path) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    let metadata = fs::metadata(path)?;
    let mode = metadata.permissions().mode();
    if mode & 0o077 != 0 {
        tracing::warn!(path = %path.display(), "{} was readable by others (mode {:o}); tightened", path.display(), mode & 0o777);
        fs::set_permissions(path, fs::Permissions::from_mode(mode & !0o077))?;
    }
    Ok(())
}

#[cfg(not(unix))]
pub(super) fn tighten(path: &Path) -> io::Result<()> {
    fs::metadata(path).map(drop)
}

/// Makes a rename in the folder survive a power failure.
#[cfg(unix)]
pub(super) fn sync_dir(path: &Path) -> io::Result<()> {
    fs::File::open(path)?.sync_all()
}

/// Windows has no such call; a rename there is in the file system's own journal.
#[cfg(not(unix))]
pub(super) fn sync_dir(_path: &Path) -> io::Result<()> {
    Ok(())
}
