//! Who granted, refused or repaired what: the trail that a person reads afterwards.

use openclaw_protocol::id::{DeviceId, RequestId};
use rusqlite::params;

use crate::{
    database::{Tx, View, milliseconds, unsigned},
    error::StoreError,
};

/// Lines that are kept; older ones go.
const KEPT: i64 = 10_000;

/// One line. No secret belongs into it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditLine {
    pub at_ms: u64,
    /// A dotted name, such as `pairing.approved`.
    pub action: String,
    /// In whose name: `owner`, `operator`, a device's name.
    pub actor: String,
    pub device_id: Option<DeviceId>,
    pub request_id: Option<RequestId>,
    /// A sentence for people.
    pub text: String,
}

impl AuditLine {
    /// A line about no device in particular.
    pub fn new(at_ms: u64, action: &str, actor: &str, text: impl Into<String>) -> Self {
        let (action, actor, text) = (action.to_owned(), actor.to_owned(), text.into());
        Self { at_ms, action, actor, device_id: None, request_id: None, text }
    }

    /// A line about this device.
    #[must_use]
    pub fn about(mut self, device: &DeviceId) -> Self {
        self.device_id = Some(device.clone());
        self
    }
}

pub(crate) fn write(tx: &Tx<'_>, line: &AuditLine) -> Result<(), StoreError> {
    tx.change(
        "INSERT INTO audit (at_ms, action, actor, device_id, request_id, text) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        params![
            milliseconds(line.at_ms),
            line.action,
            line.actor,
            line.device_id.as_ref().map(DeviceId::as_str),
            line.request_id.as_ref().map(RequestId::as_str),
            line.text,
        ],
    )?;
    tx.change("DELETE FROM audit WHERE id <= (SELECT max(id) FROM audit) - ?1", [KEPT])?;
    Ok(())
}

/// The newest `limit` lines, newest first.
pub(crate) fn lines(view: &View<'_>, limit: usize) -> Result<Vec<AuditLine>, StoreError> {
    view.rows(
        "SELECT at_ms, action, actor, device_id, request_id, text FROM audit ORDER BY id DESC LIMIT ?1",
        [i64::try_from(limit).unwrap_or(i64::MAX)],
        |row| {
            Ok(AuditLine {
                at_ms: unsigned(row.get(0)?),
                action: row.get(1)?,
                actor: row.get(2)?,
                device_id: row.get::<_, Option<String>>(3)?.map(DeviceId::new),
                request_id: row.get::<_, Option<String>>(4)?.map(RequestId::new),
                text: row.get(5)?,
            })
        },
    )
}
