//! Why the store could not answer.

use std::{path::PathBuf, sync::Arc};

use openclaw_identity::RandomError;
use rusqlite::ErrorCode;

use crate::files::FileError;

/// Why something could not be read or stored. Nothing of the change happened when a change ends so.
///
/// Cheap to clone, because one failed commit fails every change that was grouped into it.
#[derive(Clone, Debug, thiserror::Error)]
pub enum StoreError {
    /// The store was closed, or its writer died. Nothing more can be written by this process.
    #[error("the state store is closed")]
    Closed,
    /// More changes wait than the queue holds. Retry shortly.
    #[error("the state store has too many changes waiting")]
    Busy,
    /// The disk is full. What is stored is intact; the next change tries again.
    #[error("the disk with the state store is full")]
    Full(#[source] Arc<rusqlite::Error>),
    /// The disk failed to read or write. What is stored is intact; the next change reopens the file.
    #[error("the disk with the state store failed")]
    Io(#[source] Arc<rusqlite::Error>),
    /// The file cannot be written: its mode, its folder's mode, or a read-only file system.
    #[error("the state store cannot be written")]
    ReadOnly(#[source] Arc<rusqlite::Error>),
    /// The file is damaged. When it was found at opening, it was moved aside and kept.
    #[error("the state store is damaged{}", .kept.as_ref().map(|path| format!("; it is kept as {}", path.display())).unwrap_or_default())]
    Corrupt {
        /// Where the damaged file lies now.
        kept: Option<PathBuf>,
        #[source]
        source: Arc<rusqlite::Error>,
    },
    /// The file was written by a newer release, or by another program. It was not touched.
    #[error("{} has schema version {found}, this release knows {known}: start the newer release, or restore its backup", .path.display())]
    Newer { path: PathBuf, found: i64, known: i64 },
    /// The file belongs to another program. It was not touched.
    #[error("{} is a database of another program (application id {found:#x})", .path.display())]
    Foreign { path: PathBuf, found: i64 },
    /// A file beside the database could not be read or written.
    #[error(transparent)]
    File(#[from] Arc<FileError>),
    /// There were no random bytes for a token.
    #[error(transparent)]
    Random(#[from] RandomError),
    /// Anything else that the database engine reports: a mistake of ours.
    #[error("the state store refused a statement")]
    Statement(#[source] Arc<rusqlite::Error>),
}

impl StoreError {
    /// Whether a later attempt may succeed without anybody doing anything but freeing the disk.
    pub fn is_retryable(&self) -> bool {
        matches!(self, Self::Busy | Self::Full(_) | Self::Io(_))
    }

    /// Whether the connection must not be used any more: a failed sync says nothing about what reached the disk.
    pub(crate) fn spoils_connection(&self) -> bool {
        matches!(self, Self::Full(_) | Self::Io(_) | Self::Corrupt { .. })
    }
}

impl From<FileError> for StoreError {
    fn from(error: FileError) -> Self {
        Self::File(Arc::new(error))
    }
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        let code = error.sqlite_error_code();
        let error = Arc::new(error);
        match code {
            Some(ErrorCode::DiskFull) => Self::Full(error),
            Some(ErrorCode::SystemIoFailure | ErrorCode::CannotOpen) => Self::Io(error),
            Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied) => Self::ReadOnly(error),
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => Self::Corrupt { kept: None, source: error },
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Self::Busy,
            _ => Self::Statement(error),
        }
    }
}
