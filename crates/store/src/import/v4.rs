//! The database of 2026.9 (cli.md §4.4): the table `device_pairing_paired` of `state/openclaw.sqlite`.

use std::path::Path;

use rusqlite::{Connection, OpenFlags, Row};
use serde::de::DeserializeOwned;

use super::{
    ImportReport,
    old::{self, OldDevice, OldGrant, OldNode},
};
use crate::{
    database::{Tx, View, optional_ms},
    error::StoreError,
    files::with_suffix,
};

const NAME: &str = "state/openclaw.sqlite";
/// Without these there is nothing to take over.
const NEEDED: [&str; 6] = ["device_id", "public_key", "roles_json", "tokens_json", "created_at_ms", "approved_at_ms"];
/// These came and went between the releases of 2026.
const KNOWN: [&str; 16] = [
    "display_name",
    "operator_label",
    "platform",
    "device_family",
    "client_id",
    "client_mode",
    "browser_origin",
    "role",
    "scopes_json",
    "approved_scopes_json",
    "remote_ip",
    "approved_via",
    "node_surface_json",
    "pending_node_surface_json",
    "last_seen_at_ms",
    "last_seen_reason",
];

/// Imports the table; false when there is no such database, so that older files may be looked at.
pub(super) fn import(
    tx: &Tx<'_>,
    state_dir: &Path,
    now_ms: u64,
    report: &mut ImportReport,
) -> Result<bool, StoreError> {
    let path = state_dir.join(NAME);
    if !path.is_file() {
        return Ok(false);
    }
    match read(&path) {
        Ok(rows) => {
            report.sources.push(format!("{NAME} (device_pairing_paired)"));
            for row in rows {
                match row {
                    Ok((id, device, node)) => match old::store(tx, &id, device, node, now_ms)? {
                        Ok(()) => report.devices += 1,
                        Err(why) => report.skipped.push(format!("device {id} of {NAME}: {why}")),
                    },
                    Err(id) => report.skipped.push(format!("device {id} of {NAME}: a column cannot be read")),
                }
            }
        }
        Err(why) => report.skipped.push(format!("{NAME}: {why}; its devices have to pair again")),
    }
    Ok(true)
}

type Entry = Result<(String, OldDevice, Option<OldNode>), String>;

fn read(path: &Path) -> Result<Vec<Entry>, String> {
    let connection = open(path).map_err(|error| format!("it cannot be opened ({error})"))?;
    let view = View(&connection);
    let columns = view
        .rows("SELECT name FROM pragma_table_info('device_pairing_paired')", [], |row| row.get::<_, String>(0))
        .map_err(|error| format!("it cannot be read ({error})"))?;
    if columns.is_empty() {
        return Err("it has no table device_pairing_paired".into());
    }
    if let Some(missing) = NEEDED.iter().find(|needed| !columns.iter().any(|column| column == *needed)) {
        return Err(format!("its table device_pairing_paired has no column {missing}"));
    }
    // A column that is not known may take rights away: better to pair again than to overlook it.
    let known = |column: &str| NEEDED.contains(&column) || KNOWN.contains(&column);
    if let Some(unknown) = columns.iter().find(|column| !known(column)) {
        return Err(format!(
            "its table device_pairing_paired has the column {unknown}, which this release does not know"
        ));
    }
    view.rows("SELECT * FROM device_pairing_paired ORDER BY device_id", [], |row| Ok(entry(row)))
        .map_err(|error| format!("it cannot be read ({error})"))
}

/// Read-only. Without a WAL file the database is at rest, and is read without making any file beside it.
fn open(path: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    if with_suffix(path, "-wal").exists() {
        return Connection::open_with_flags(path, flags);
    }
    let mut url = String::from("file:");
    for byte in path.to_string_lossy().bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'.' | b'-' | b'_' | b':' => url.push(char::from(byte)),
            b'\\' => url.push('/'),
            other => {
                use std::fmt::Write;
                // Writing to a String cannot fail.
                write!(url, "%{other:02X}").unwrap_or_default();
            }
        }
    }
    url.push_str("?immutable=1");
    Connection::open_with_flags(url, flags | OpenFlags::SQLITE_OPEN_URI)
}

fn entry(row: &Row<'_>) -> Entry {
    let id: String = row.get("device_id").map_err(|_unreadable| "without an id".to_owned())?;
    device(row).map(|(device, node)| (id.clone(), device, node)).map_err(|_unreadable| id)
}

fn device(row: &Row<'_>) -> rusqlite::Result<(OldDevice, Option<OldNode>)> {
    let number = |name: &str| -> rusqlite::Result<Option<u64>> {
        match row.as_ref().column_index(name) {
            Ok(column) => optional_ms(row, column),
            Err(_absent) => Ok(None),
        }
    };
    let device = OldDevice {
        public_key: row.get("public_key")?,
        display_name: text(row, "display_name")?,
        platform: text(row, "platform")?,
        device_family: text(row, "device_family")?,
        client_id: text(row, "client_id")?,
        client_mode: text(row, "client_mode")?,
        granted: OldGrant {
            role: text(row, "role")?,
            roles: json(row, "roles_json")?.unwrap_or_default(),
            scopes: json(row, "scopes_json")?.unwrap_or_default(),
            approved_scopes: json(row, "approved_scopes_json")?,
        },
        remote_ip: text(row, "remote_ip")?,
        tokens: json(row, "tokens_json")?.unwrap_or_default(),
        created_at_ms: number("created_at_ms")?.unwrap_or_default(),
        approved_at_ms: number("approved_at_ms")?.unwrap_or_default(),
        operator_label: text(row, "operator_label")?,
        last_seen_at_ms: number("last_seen_at_ms")?,
        last_seen_reason: text(row, "last_seen_reason")?,
    };
    Ok((device, json(row, "node_surface_json")?))
}

fn text(row: &Row<'_>, name: &str) -> rusqlite::Result<Option<String>> {
    match row.as_ref().column_index(name) {
        Ok(column) => row.get(column),
        Err(_absent) => Ok(None),
    }
}

fn json<T: DeserializeOwned>(row: &Row<'_>, name: &str) -> rusqlite::Result<Option<T>> {
    let Some(text) = text(row, name)? else { return Ok(None) };
    serde_json::from_str(&text)
        .map_err(|error| rusqlite::Error::FromSqlConversionFailure(0, rusqlite::types::Type::Text, Box::new(error)))
}
