//! What differs between systems about files: modes, links, making a rename durable.

use std::{
    fs::{DirBuilder, File, Metadata, OpenOptions},
    io,
    path::Path,
};

/// Opens a new file that only its owner can read (mode 0600). Fails if the name is taken, also by a symbolic link.
pub(crate) fn create_private(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    private_mode(&mut options);
    options.open(path)
}

/// Opens a file for appending, and makes it (mode 0600) if it is not there.
pub(crate) fn append_private(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.append(true).create(true);
    private_mode(&mut options);
    options.open(path)
}

/// Makes a folder and its parents, readable by the owner only (mode 0700). Existing folders stay as they are.
pub(crate) fn create_private_dir(path: &Path) -> io::Result<()> {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    private_dir_mode(&mut builder);
    builder.create(path)
}

#[cfg(unix)]
mod unix {
    use std::{
        fs::{DirBuilder, File, Metadata, OpenOptions, Permissions},
        io,
        os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt},
        path::Path,
    };

    pub(super) fn private_mode(options: &mut OpenOptions) {
        options.mode(0o600);
    }

    pub(super) fn private_dir_mode(builder: &mut DirBuilder) {
        builder.mode(0o700);
    }

    pub(super) fn restrict_dir(path: &Path) -> io::Result<()> {
        let mode = std::fs::metadata(path)?.permissions().mode() & 0o777;
        let private = mode & 0o700;
        if mode == private { Ok(()) } else { std::fs::set_permissions(path, Permissions::from_mode(private)) }
    }

    pub(super) fn make_private(path: &Path) -> io::Result<()> {
        std::fs::set_permissions(path, Permissions::from_mode(0o600))
    }

    #[expect(clippy::unnecessary_wraps, reason = "other systems do not tell")]
    pub(super) fn parent_id() -> Option<u32> {
        Some(std::os::unix::process::parent_id())
    }

    pub(super) fn sync_dir(path: &Path) -> io::Result<()> {
        File::open(path)?.sync_all()
    }

    pub(super) fn link_count(metadata: &Metadata) -> u64 {
        metadata.nlink()
    }

    pub(super) fn others_can_write(metadata: &Metadata) -> bool {
        metadata.mode() & 0o022 != 0
    }
}

#[cfg(not(unix))]
mod other {
    use std::{
        fs::{DirBuilder, Metadata, OpenOptions},
        io,
        path::Path,
    };

    pub(super) fn private_mode(_: &mut OpenOptions) {}

    pub(super) fn private_dir_mode(_: &mut DirBuilder) {}

    /// The profile folder's access list already keeps other users out.
    pub(super) fn restrict_dir(_: &Path) -> io::Result<()> {
        Ok(())
    }

    pub(super) fn make_private(_: &Path) -> io::Result<()> {
        Ok(())
    }

    pub(super) fn parent_id() -> Option<u32> {
        None
    }

    /// A folder cannot be opened for syncing here; the file system journals the rename.
    pub(super) fn sync_dir(_: &Path) -> io::Result<()> {
        Ok(())
    }

    pub(super) fn link_count(_: &Metadata) -> u64 {
        1
    }

    pub(super) fn others_can_write(_: &Metadata) -> bool {
        false
    }
}

#[cfg(not(unix))]
use other as system;
#[cfg(unix)]
use unix as system;

fn private_mode(options: &mut OpenOptions) {
    system::private_mode(options);
}

fn private_dir_mode(builder: &mut DirBuilder) {
    system::private_dir_mode(builder);
}

/// Takes a folder's permissions from everyone but its owner, if they have any.
pub(crate) fn restrict_dir(path: &Path) -> io::Result<()> {
    system::restrict_dir(path)
}

/// Takes a file's permissions from everyone but its owner.
pub(crate) fn make_private(path: &Path) -> io::Result<()> {
    system::make_private(path)
}

/// The process that started this one, where the system tells.
pub(crate) fn parent_id() -> Option<u32> {
    system::parent_id()
}

/// Makes renames in a folder survive a power cut.
pub(crate) fn sync_dir(path: &Path) -> io::Result<()> {
    system::sync_dir(path)
}

/// How many names a file has; 1 where the system does not tell.
pub(crate) fn link_count(metadata: &Metadata) -> u64 {
    system::link_count(metadata)
}

/// True if users other than the owner may change the file; false where the system does not tell.
pub(crate) fn others_can_write(metadata: &Metadata) -> bool {
    system::others_can_write(metadata)
}
