//! The atomic replacement of a file, with its ring of backups.

use std::{
    ffi::OsString,
    io::{self, Write},
    path::{Path, PathBuf},
};

use crate::platform;

/// How many earlier versions are kept: `.bak`, `.bak.1` … `.bak.4`.
pub const BACKUPS: usize = 5;

/// Marks temporary files, so that those of a crash can be found.
const TEMPORARY_END: &str = ".config-tmp";

/// Where a replacement can be interrupted, for tests that interrupt it there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    Created,
    Written,
    Synced,
    BackedUp,
    Renamed,
}

/// Called after each step; an error stops there as a crash would.
pub(super) type Checkpoint<'c> = &'c mut dyn FnMut(Step) -> io::Result<()>;

/// A temporary file that goes away unless it took its place.
struct Temporary(Option<PathBuf>);

impl Drop for Temporary {
    fn drop(&mut self) {
        if let Some(path) = self.0.take() {
            // It may be gone already; what stays is removed at the next start.
            std::fs::remove_file(path).unwrap_or_default();
        }
    }
}

/// Replaces `path` by `bytes`. Returns the backup of what was there.
pub(super) fn replace(path: &Path, bytes: &[u8], checkpoint: Checkpoint<'_>) -> io::Result<Option<PathBuf>> {
    let folder = path.parent().unwrap_or_else(|| Path::new("."));
    let temporary = beside(path, &format!(".{:016x}{TEMPORARY_END}", random()?));
    let mut file = platform::create_private(&temporary)?;
    let mut guard = Temporary(Some(temporary.clone()));
    checkpoint(Step::Created)?;
    file.write_all(bytes)?;
    checkpoint(Step::Written)?;
    file.sync_all()?;
    drop(file);
    checkpoint(Step::Synced)?;
    let backup = back_up(path)?;
    checkpoint(Step::BackedUp)?;
    std::fs::rename(&temporary, path)?;
    guard.0 = None;
    checkpoint(Step::Renamed)?;
    platform::sync_dir(folder)?;
    Ok(backup)
}

/// Removes temporary files of writes that a crash interrupted.
pub(super) fn remove_temporaries(path: &Path) -> io::Result<usize> {
    let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else { return Ok(0) };
    let name = name.to_string_lossy();
    let mut removed = 0;
    let entries = match std::fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(0),
        other => other?,
    };
    for entry in entries {
        let entry = entry?;
        let found = entry.file_name();
        let found = found.to_string_lossy();
        if found.starts_with(&*name) && found.ends_with(TEMPORARY_END) && entry.file_type()?.is_file() {
            std::fs::remove_file(entry.path())?;
            removed += 1;
        }
    }
    Ok(removed)
}

/// Moves every backup one place on and gives the present file a second name, `.bak`.
fn back_up(path: &Path) -> io::Result<Option<PathBuf>> {
    if !path.exists() {
        return Ok(None);
    }
    for number in (0..BACKUPS - 1).rev() {
        match std::fs::rename(backup_name(path, number), backup_name(path, number + 1)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    let backup = backup_name(path, 0);
    if std::fs::hard_link(path, &backup).is_err() {
        // A file system without hard links: a copy under a new name, which replaces nothing.
        let mut copy = platform::create_private(&backup)?;
        copy.write_all(&std::fs::read(path)?)?;
        copy.sync_all()?;
    }
    platform::make_private(&backup)?;
    Ok(Some(backup))
}

fn backup_name(path: &Path, number: usize) -> PathBuf {
    beside(path, &if number == 0 { ".bak".to_owned() } else { format!(".bak.{number}") })
}

/// `openclaw.json` with something after it.
pub(super) fn beside(path: &Path, end: &str) -> PathBuf {
    let mut name = path.file_name().map_or_else(|| OsString::from("openclaw.json"), OsString::from);
    name.push(end);
    path.with_file_name(name)
}

fn random() -> io::Result<u64> {
    getrandom::u64().map_err(io::Error::other)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(path: &Path, text: &str) {
        replace(path, text.as_bytes(), &mut |_| Ok(())).unwrap();
    }

    fn read(path: &Path) -> String {
        std::fs::read_to_string(path).unwrap()
    }

    #[test]
    fn rel_002_a_crash_after_any_step_leaves_the_old_text_or_the_new_one() {
        for crash in [Step::Created, Step::Written, Step::Synced, Step::BackedUp, Step::Renamed] {
            let dir = tempfile::tempdir().unwrap();
            let path = dir.path().join("openclaw.json");
            write(&path, "old");
            let result = replace(&path, b"new", &mut |step| {
                if step == crash { Err(io::Error::other("crash")) } else { Ok(()) }
            });
            assert!(result.is_err());
            assert_eq!(read(&path), if crash == Step::Renamed { "new" } else { "old" }, "{crash:?}");
            write(&path, "after");
            assert_eq!(read(&path), "after");
            assert!(
                !std::fs::read_dir(dir.path())
                    .unwrap()
                    .any(|entry| { entry.unwrap().file_name().to_string_lossy().ends_with(TEMPORARY_END) })
            );
        }
    }

    #[test]
    fn rel_002_the_ring_keeps_the_five_latest_versions() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("openclaw.json");
        for version in 0..8 {
            write(&path, &version.to_string());
        }
        let kept: Vec<String> = (0..BACKUPS).map(|number| read(&backup_name(&path, number))).collect();
        assert_eq!((read(&path).as_str(), kept), ("7", ["6", "5", "4", "3", "2"].map(str::to_owned).to_vec()));
        assert!(!backup_name(&path, BACKUPS).exists());
    }

    #[test]
    fn rel_002_a_stray_temporary_file_is_removed_and_nothing_else() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("openclaw.json");
        write(&path, "x");
        platform::create_private(&beside(&path, &format!(".0{TEMPORARY_END}"))).unwrap();
        platform::create_private(&dir.path().join("openclaw.json.mine")).unwrap();
        assert_eq!(remove_temporaries(&path).unwrap(), 1);
        assert!(path.exists() && dir.path().join("openclaw.json.mine").exists());
    }
}
