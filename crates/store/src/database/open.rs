//! Opening the file: where it lies, its mode, its pragmas (REL-003), what happens when it is damaged (REL-008).

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use rusqlite::{Connection, OpenFlags, config::DbConfig};

use super::{schema, view::View};
use crate::{
    error::StoreError,
    files::{self, FileError},
};

/// How long a connection waits for another process, such as a backup.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// Prepared statements that each connection keeps.
const STATEMENTS: usize = 64;

/// What [`prepare`] found and did.
pub(crate) struct Opening {
    pub connection: Connection,
    /// A damaged file of an earlier run lies beside it: nothing is imported then, for a device that was removed since
    /// would come back.
    pub after_damage: bool,
}

/// Opens the file for the writer, makes it when there is none, brings its schema up to date.
pub(crate) fn prepare(path: &Path, now_ms: u64) -> Result<Opening, StoreError> {
    files::create_private(path)?;
    let unclean = wal_of(path).metadata().is_ok_and(|wal| wal.len() > 0);
    match examine(path, unclean, now_ms) {
        Ok(connection) => {
            let after_damage = files::has_sibling(path, ".corrupt-");
            Ok(Opening { connection, after_damage })
        }
        Err(StoreError::Corrupt { source, .. }) => {
            let kept = keep_damaged(path, now_ms)?;
            Err(StoreError::Corrupt { kept: Some(kept), source })
        }
        Err(error) => Err(error),
    }
}

fn examine(path: &Path, unclean: bool, now_ms: u64) -> Result<Connection, StoreError> {
    let mut connection = open(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    schema::check_owner(&connection, path)?;
    configure(&connection, path)?;
    if unclean {
        // After a clean end there is no WAL file, and nothing to fear; checking reads the whole file.
        quick_check(&connection)?;
    }
    schema::migrate(&mut connection, path, now_ms)?;
    Ok(connection)
}

/// Opens the file again for the writer, after a failure.
pub(super) fn open_writer(path: &Path) -> Result<Connection, StoreError> {
    let connection = open(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    configure(&connection, path)?;
    Ok(connection)
}

/// Opens the file for reading only.
pub(crate) fn open_reader(path: &Path) -> Result<Connection, StoreError> {
    // Read-write by its flags, for a reader of a WAL file takes part in its shared memory; `query_only` forbids changes.
    let connection = open(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    common_pragmas(&connection)?;
    connection.pragma_update(None, "query_only", true)?;
    Ok(connection)
}

fn open(path: &Path, mode: OpenFlags) -> Result<Connection, StoreError> {
    let flags = mode | OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_EXRESCODE;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    // Without it the bundled library prepares a statement again whenever a parameter changes, to look the new value up
    // in its statistics: ten times the cost of a look-up by id.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    Ok(connection)
}

fn common_pragmas(connection: &Connection) -> Result<(), StoreError> {
    // cache_size is in KiB when negative. Point look-ups need little; the file stays in the system's cache anyway.
    connection.execute_batch(
        "PRAGMA foreign_keys=ON; PRAGMA trusted_schema=OFF; PRAGMA temp_store=MEMORY; PRAGMA cell_size_check=ON;
         PRAGMA cache_size=-2048;",
    )?;
    Ok(())
}

fn configure(connection: &Connection, path: &Path) -> Result<(), StoreError> {
    common_pragmas(connection)?;
    let journal = if files::is_network_path(path) { "DELETE" } else { "WAL" };
    connection.pragma_update_and_check(None, "journal_mode", journal, |row| row.get::<_, String>(0))?;
    connection.execute_batch(
        "PRAGMA synchronous=FULL; PRAGMA fullfsync=ON; PRAGMA checkpoint_fullfsync=ON;
         PRAGMA wal_autocheckpoint=1000; PRAGMA journal_size_limit=67108864;",
    )?;
    Ok(())
}

fn quick_check(connection: &Connection) -> Result<(), StoreError> {
    let verdict = View(connection).row("PRAGMA quick_check(1)", [], |row| row.get::<_, String>(0))?;
    if verdict.as_deref() == Some("ok") {
        return Ok(());
    }
    let code = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_CORRUPT);
    Err(rusqlite::Error::SqliteFailure(code, verdict).into())
}

fn wal_of(path: &Path) -> PathBuf {
    files::with_suffix(path, "-wal")
}

/// Moves the damaged file and its companions aside; nothing is deleted.
fn keep_damaged(path: &Path, now_ms: u64) -> Result<PathBuf, FileError> {
    let kept = files::with_suffix(path, &format!(".corrupt-{now_ms}"));
    for companion in ["", "-wal", "-shm"] {
        let from = files::with_suffix(path, companion);
        if from.exists() {
            files::rename(&from, &files::with_suffix(&kept, companion))?;
        }
    }
    Ok(kept)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pragma(connection: &Connection, name: &str) -> i64 {
        connection.pragma_query_value(None, name, |row| row.get(0)).unwrap()
    }

    #[test]
    fn rel_003_every_connection_has_the_settings_that_keep_what_is_acknowledged() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.sqlite");
        let first = prepare(&path, 1).unwrap().connection;
        let again = open_writer(&path).unwrap();
        for writer in [&first, &again] {
            let expected = [
                ("synchronous", 2),
                ("foreign_keys", 1),
                ("trusted_schema", 0),
                ("busy_timeout", 5_000),
                ("wal_autocheckpoint", 1_000),
                ("journal_size_limit", 67_108_864),
                ("fullfsync", 1),
                ("checkpoint_fullfsync", 1),
                ("temp_store", 2),
                ("cell_size_check", 1),
                ("query_only", 0),
            ];
            for (name, value) in expected {
                assert_eq!(pragma(writer, name), value, "{name}");
            }
        }
        let reader = open_reader(&path).unwrap();
        assert_eq!((pragma(&reader, "query_only"), pragma(&reader, "foreign_keys")), (1, 1));
        assert!(reader.execute("INSERT INTO meta VALUES ('a', 'b')", []).is_err());
    }

    #[test]
    fn rel_008_a_file_that_was_not_closed_is_checked() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.sqlite");
        let connection = prepare(&path, 1).unwrap().connection;
        connection.execute_batch("INSERT INTO meta VALUES ('a', hex(zeroblob(20000)))").unwrap();
        connection.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)").unwrap();
        drop(connection);
        let mut bytes = std::fs::read(&path).unwrap();
        let last = bytes.len() - 4_096;
        bytes[last..].fill(0xff);
        files::write_atomic(&path, &bytes).unwrap();
        // Only what a crash leaves behind: a log that is not empty.
        files::write_atomic(&wal_of(&path), b"torn").unwrap();
        assert!(matches!(prepare(&path, 9), Err(StoreError::Corrupt { kept: Some(_), .. })));
        assert!(files::has_sibling(&path, ".corrupt-9"));
    }
}
