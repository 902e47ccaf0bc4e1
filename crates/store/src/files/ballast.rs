//! Space that is kept for taking rights away when the disk is full (REL-007).

use std::path::PathBuf;

use super::{remove, write_atomic};

/// How much is kept.
const BYTES: usize = 1 << 20;

/// A file of no meaning that is deleted when a revocation needs its space.
pub(crate) struct Ballast {
    path: PathBuf,
    freed: bool,
}

impl Ballast {
    /// The file at `path`. When it is missing, [`restore`](Ballast::restore) makes it: a start does not wait for that,
    /// and a disk that is full already is no reason not to start.
    pub(crate) fn at(path: PathBuf) -> Self {
        Self { freed: !path.exists(), path }
    }

    /// Gives the space back to the disk; false when it is gone already.
    pub(crate) fn free(&mut self) -> bool {
        if self.freed {
            return false;
        }
        self.freed = true;
        match remove(&self.path) {
            Ok(()) => true,
            Err(error) => {
                tracing::error!(%error, "the space kept for revocations cannot be freed");
                false
            }
        }
    }

    /// Keeps the space, at first or again after it was freed.
    pub(crate) fn restore(&mut self) {
        if self.freed {
            match write_atomic(&self.path, &vec![0; BYTES]) {
                Ok(()) => self.freed = false,
                Err(error) => tracing::warn!(%error, "no space can be kept for revocations"),
            }
        }
    }
}
