//! The tables, and how an older file becomes a newer one (REL-043).

use std::path::Path;

use rusqlite::{Connection, TransactionBehavior};

use super::view::View;
use crate::{error::StoreError, files};

/// Says in the file's header whose database it is: the letters `ocrs`.
const APPLICATION_ID: i64 = 0x6f63_7273;

/// Step `n` brings schema `n` to `n + 1`. A step that was released is never edited.
const MIGRATIONS: &[&str] = &[PAIRING];

// WITHOUT ROWID only where rows are short: such a table keeps whole rows in its inner pages, and long ones make it deep.
const PAIRING: &str = "
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;

CREATE TABLE devices (
    id TEXT NOT NULL PRIMARY KEY,
    public_key TEXT NOT NULL,
    profile TEXT NOT NULL,
    renamed INTEGER NOT NULL DEFAULT 0,
    label TEXT,
    is_operator INTEGER NOT NULL,
    is_node INTEGER NOT NULL,
    scopes TEXT NOT NULL,
    surface TEXT,
    created_at_ms INTEGER NOT NULL,
    approved_at_ms INTEGER NOT NULL,
    approved_via TEXT NOT NULL,
    last_seen_at_ms INTEGER,
    last_seen_reason TEXT,
    last_connected_at_ms INTEGER,
    last_disconnected_at_ms INTEGER
) STRICT;

CREATE TABLE tokens (
    device_id TEXT NOT NULL REFERENCES devices (id) ON DELETE CASCADE,
    role TEXT NOT NULL,
    token TEXT NOT NULL,
    scopes TEXT NOT NULL,
    created_at_ms INTEGER NOT NULL,
    rotated_at_ms INTEGER,
    revoked_at_ms INTEGER,
    last_used_at_ms INTEGER,
    PRIMARY KEY (device_id, role)
) STRICT, WITHOUT ROWID;

CREATE TABLE requests (
    id TEXT NOT NULL PRIMARY KEY,
    device_id TEXT NOT NULL UNIQUE,
    public_key TEXT NOT NULL,
    profile TEXT NOT NULL,
    wish TEXT NOT NULL,
    reason TEXT NOT NULL,
    is_repair INTEGER NOT NULL,
    source_ip TEXT NOT NULL,
    created_at_ms INTEGER NOT NULL,
    refreshed_at_ms INTEGER NOT NULL,
    shown INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX requests_by_ip ON requests (source_ip);
CREATE INDEX requests_by_age ON requests (refreshed_at_ms);

CREATE TABLE superseded (
    id TEXT NOT NULL PRIMARY KEY,
    request_id TEXT NOT NULL REFERENCES requests (id) ON DELETE CASCADE ON UPDATE CASCADE,
    wish TEXT NOT NULL,
    superseded_at_ms INTEGER NOT NULL
) STRICT;
CREATE INDEX superseded_by_request ON superseded (request_id);

CREATE TABLE invitations (
    setup_id TEXT NOT NULL PRIMARY KEY,
    token_hash TEXT NOT NULL UNIQUE,
    roles TEXT NOT NULL,
    scopes TEXT NOT NULL,
    commands TEXT,
    access TEXT NOT NULL,
    label TEXT,
    created_at_ms INTEGER NOT NULL,
    expires_at_ms INTEGER NOT NULL,
    uses_left INTEGER NOT NULL,
    used_by TEXT,
    used_at_ms INTEGER
) STRICT;
CREATE INDEX invitations_by_expiry ON invitations (expires_at_ms);

CREATE TABLE audit (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    at_ms INTEGER NOT NULL,
    action TEXT NOT NULL,
    actor TEXT NOT NULL,
    device_id TEXT,
    request_id TEXT,
    text TEXT NOT NULL
) STRICT;
";

/// The schema that this release writes.
fn current() -> i64 {
    i64::try_from(MIGRATIONS.len()).unwrap_or(i64::MAX)
}

/// Refuses the file of another program, and of a newer release, before anything is changed in it.
pub(super) fn check_owner(connection: &Connection, path: &Path) -> Result<(), StoreError> {
    let found = pragma(connection, "PRAGMA application_id")?;
    let version = pragma(connection, "PRAGMA user_version")?;
    let is_empty = version == 0 && pragma(connection, "PRAGMA page_count")? == 0;
    if found != APPLICATION_ID && !is_empty {
        return Err(StoreError::Foreign { path: path.to_owned(), found });
    }
    if version > current() {
        return Err(StoreError::Newer { path: path.to_owned(), found: version, known: current() });
    }
    Ok(())
}

/// Runs the steps that the file lacks in one transaction, after a backup when there is something to lose.
pub(super) fn migrate(connection: &mut Connection, path: &Path, now_ms: u64) -> Result<(), StoreError> {
    let from = pragma(connection, "PRAGMA user_version")?;
    if from == current() {
        return Ok(());
    }
    if from > 0 {
        back_up(connection, path, from, now_ms)?;
    }
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    // Read again inside the transaction: another process may have been faster.
    let from = usize::try_from(pragma(&transaction, "PRAGMA user_version")?).unwrap_or_default();
    for step in MIGRATIONS.iter().skip(from) {
        transaction.execute_batch(step)?;
    }
    transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
    transaction.pragma_update(None, "user_version", current())?;
    transaction.commit()?;
    Ok(())
}

/// Writes a consistent copy beside the file (REL-004). A backup that a killed start left half-done is made again.
fn back_up(connection: &Connection, path: &Path, version: i64, now_ms: u64) -> Result<(), StoreError> {
    let backup = files::with_suffix(path, &format!(".schema-{version}-{now_ms}.bak"));
    files::create_private(&backup)?;
    // VACUUM INTO takes an empty file that exists, so its mode is ours from the first byte (SEC-200).
    connection.execute("VACUUM INTO ?1", [backup.to_string_lossy()])?;
    Ok(())
}

fn pragma(connection: &Connection, sql: &str) -> Result<i64, StoreError> {
    Ok(View(connection).row(sql, [], |row| row.get(0))?.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::database::prepare;

    #[test]
    fn rel_043_the_backup_before_a_migration_holds_everything_and_is_private() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.sqlite");
        let connection = prepare(&path, 1).unwrap().connection;
        connection.execute_batch("INSERT INTO meta VALUES ('a', 'kept')").unwrap();
        back_up(&connection, &path, 1, 77).unwrap();
        let backup = files::with_suffix(&path, ".schema-1-77.bak");
        let copy = Connection::open(&backup).unwrap();
        check_owner(&copy, &backup).unwrap();
        assert_eq!(pragma(&copy, "PRAGMA user_version").unwrap(), current());
        assert_eq!(
            copy.query_row("SELECT value FROM meta WHERE key = 'a'", [], |row| row.get::<_, String>(0)).unwrap(),
            "kept"
        );
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            assert_eq!(backup.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        }
    }
}
