//! The JSON files of 2026.3 (cli.md §4.2): `devices/paired.json` and `nodes/paired.json`.

use std::{collections::BTreeMap, path::Path};

use serde::de::DeserializeOwned;

use super::{
    ImportReport,
    old::{self, OldDevice, OldNode},
};
use crate::{database::Tx, error::StoreError, files::read_capped};

/// Larger than any honest file: 10,000 devices are about 10 MB.
const MAX_BYTES: u64 = 64 << 20;

pub(super) fn import(tx: &Tx<'_>, state_dir: &Path, now_ms: u64, report: &mut ImportReport) -> Result<(), StoreError> {
    let devices: BTreeMap<String, OldDevice> = entries(state_dir, "devices/paired.json", report);
    let mut nodes: BTreeMap<String, OldNode> = entries(state_dir, "nodes/paired.json", report);
    for (id, old) in devices {
        match old::store(tx, &id, old, nodes.remove(&id), now_ms)? {
            Ok(()) => report.devices += 1,
            Err(why) => report.skipped.push(format!("device {id} of devices/paired.json: {why}")),
        }
    }
    for id in nodes.keys() {
        report.skipped.push(format!("node {id} of nodes/paired.json: it has no device key; it pairs when it connects"));
    }
    Ok(())
}

/// The entries of a JSON object; each that cannot be read is reported, and so is a file that cannot.
fn entries<T: DeserializeOwned>(state_dir: &Path, name: &str, report: &mut ImportReport) -> BTreeMap<String, T> {
    let text = match read_capped(&state_dir.join(name), MAX_BYTES) {
        Ok(None) => return BTreeMap::new(),
        Ok(Some(text)) => text,
        Err(error) => {
            report.skipped.push(format!("{name}: {error}"));
            return BTreeMap::new();
        }
    };
    let values: BTreeMap<String, serde_json::Value> = match serde_json::from_slice(&text) {
        Ok(values) => values,
        Err(error) => {
            // Only the place: the text around it may be a token.
            report.skipped.push(format!("{name}: not JSON (line {}, column {})", error.line(), error.column()));
            return BTreeMap::new();
        }
    };
    report.sources.push(name.to_owned());
    let mut entries = BTreeMap::new();
    for (id, value) in values {
        match serde_json::from_value(value) {
            Ok(entry) => {
                entries.insert(id, entry);
            }
            Err(_wrong_type) => report.skipped.push(format!("{id} of {name}: a member has the wrong type")),
        }
    }
    entries
}
