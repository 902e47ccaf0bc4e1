//! Both older releases in turn.

use std::path::Path;

use super::{ImportReport, v3, v4};
use crate::{AuditLine, audit, database::Tx, error::StoreError};

/// Imports what there is; `None` when there is nothing.
pub(crate) fn run(tx: &Tx<'_>, state_dir: &Path, now_ms: u64) -> Result<Option<ImportReport>, StoreError> {
    let mut report = ImportReport::default();
    // The database of 2026.9 replaces the files of 2026.3: a device that was removed since must not come back.
    if !v4::import(tx, state_dir, now_ms, &mut report)? {
        v3::import(tx, state_dir, now_ms, &mut report)?;
    }
    if report == ImportReport::default() {
        return Ok(None);
    }
    let text = format!("{} devices were taken over from the older state", report.devices);
    audit::write(tx, &AuditLine::new(now_ms, "state.imported", "gateway", text))?;
    Ok(Some(report))
}
