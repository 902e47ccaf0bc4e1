//! Reading with a cap, and writing so that a reader sees the old text or the new one, never a part.

use std::{
    ffi::OsString,
    fs::{self, File, OpenOptions},
    io::{self, ErrorKind, Read, Write},
    path::{Path, PathBuf},
};

use super::mode;

/// A file could not be read or written. It says which one.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    #[error("cannot read {}", .path.display())]
    Read {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("cannot write {}", .path.display())]
    Write {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    /// Larger than any honest file of its kind.
    #[error("{} is larger than {max_bytes} bytes", .path.display())]
    TooLarge { path: PathBuf, max_bytes: u64 },
    /// There is something, and it is not what belongs there. It was not changed.
    #[error("{} cannot be understood: {why}", .path.display())]
    Malformed { path: PathBuf, why: String },
    /// As `Malformed`, and it was moved aside so that the next start can make a new one. Nothing was deleted.
    #[error("{} cannot be understood: {why}; it is kept as {}", .path.display(), .kept.display())]
    SetAside { path: PathBuf, kept: PathBuf, why: String },
    #[error(transparent)]
    Random(#[from] openclaw_identity::RandomError),
}

impl FileError {
    pub(crate) fn read(path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Read { path, source }
    }

    pub(crate) fn write(path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Write { path, source }
    }
}

/// Replaces the file by `bytes`: temp file in the same folder (0600, exclusive), sync, rename, sync of the folder. The
/// folder is made (0700) when it is missing. A symbolic link is followed, so that it stays one.
///
/// # Errors
/// [`FileError::Write`]; the old text is untouched then.
pub fn write_atomic(path: &Path, bytes: &[u8]) -> Result<(), FileError> {
    let target = fs::canonicalize(path).unwrap_or_else(|_missing| path.to_owned());
    let (folder, temporary) = beside(&target)?;
    let written = fill(&temporary, bytes).and_then(|()| fs::rename(&temporary, &target));
    if let Err(error) = written {
        discard(&temporary);
        return Err(FileError::write(path)(error));
    }
    mode::sync_dir(folder).map_err(FileError::write(folder))
}

/// Writes a file that must not exist yet; false, and nothing written, when it does. Of two processes one wins, and a
/// reader sees the whole text.
pub(super) fn write_new(path: &Path, bytes: &[u8]) -> Result<bool, FileError> {
    let (folder, temporary) = beside(path)?;
    let written = fill(&temporary, bytes).and_then(|()| fs::hard_link(&temporary, path));
    discard(&temporary);
    match written {
        Ok(()) => mode::sync_dir(folder).map_err(FileError::write(folder)).map(|()| true),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(false),
        // A file system without hard links: exclusive creation, which a killed process may leave torn.
        Err(error) if matches!(error.kind(), ErrorKind::Unsupported | ErrorKind::PermissionDenied) => {
            match fill(path, bytes) {
                Ok(()) => Ok(true),
                Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(false),
                Err(error) => Err(FileError::write(path)(error)),
            }
        }
        Err(error) => Err(FileError::write(path)(error)),
    }
}

/// The folder of the file, which is made when it is missing, and a name in it that nobody uses.
fn beside(path: &Path) -> Result<(&Path, PathBuf), FileError> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    mode::create_private_dir(folder)?;
    let random = openclaw_identity::random_hex::<6>()?;
    Ok((folder, with_suffix(path, &format!(".{}.tmp", random.expose()))))
}

fn discard(temporary: &Path) {
    // Gone already, or as unwritable as the rest: the first error is the one that explains.
    fs::remove_file(temporary).unwrap_or_default();
}

fn fill(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = mode::private(OpenOptions::new().write(true).create_new(true)).open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

/// Reads the whole file; `None` when there is none.
///
/// # Errors
/// [`FileError::TooLarge`] past `max_bytes`, [`FileError::Read`].
pub fn read_capped(path: &Path, max_bytes: u64) -> Result<Option<Vec<u8>>, FileError> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(FileError::read(path)(error)),
    };
    let mut bytes = Vec::new();
    file.take(max_bytes.saturating_add(1)).read_to_end(&mut bytes).map_err(FileError::read(path))?;
    if bytes.len() as u64 > max_bytes {
        return Err(FileError::TooLarge { path: path.to_owned(), max_bytes });
    }
    Ok(Some(bytes))
}

/// Deletes the file; nothing happens when there is none.
///
/// # Errors
/// [`FileError::Write`].
pub fn remove(path: &Path) -> Result<(), FileError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(FileError::write(path)(error)),
        _ => Ok(()),
    }
}

/// Makes an empty file of mode 0600 in a folder of mode 0700; false when it exists, whose mode is tightened then.
pub(crate) fn create_private(path: &Path) -> Result<bool, FileError> {
    if let Some(folder) = path.parent() {
        mode::create_private_dir(folder)?;
    }
    match mode::private(OpenOptions::new().write(true).create_new(true)).open(path) {
        Ok(_empty) => Ok(true),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            mode::tighten(path).map_err(FileError::write(path))?;
            Ok(false)
        }
        Err(error) => Err(FileError::write(path)(error)),
    }
}

pub(crate) fn rename(from: &Path, to: &Path) -> Result<(), FileError> {
    fs::rename(from, to).map_err(FileError::write(from))
}

/// The path with `suffix` after its last name.
pub(crate) fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(suffix);
    PathBuf::from(name)
}

/// Whether the folder holds a file whose name is that of `path` followed by `infix` and anything.
pub(crate) fn has_sibling(path: &Path, infix: &str) -> bool {
    let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else { return false };
    let start = format!("{}{infix}", name.to_string_lossy());
    fs::read_dir(folder)
        .is_ok_and(|entries| entries.flatten().any(|entry| entry.file_name().to_string_lossy().starts_with(&start)))
}
