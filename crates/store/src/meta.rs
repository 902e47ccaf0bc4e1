//! What the store knows about its gateway.

use crate::{
    database::{Tx, View},
    error::StoreError,
};

/// By which people and programs tell one gateway from another (promise P7).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GatewayMeta {
    /// A `UUIDv4`, chosen when the state was made; it survives everything but deleting the state.
    pub instance_id: String,
    /// Milliseconds since the epoch.
    pub created_at_ms: u64,
}

const INSTANCE: &str = "instance_id";
const CREATED: &str = "created_at_ms";

pub(crate) fn read(view: &View<'_>) -> Result<Option<GatewayMeta>, StoreError> {
    let (Some(instance_id), Some(created)) = (get(view, INSTANCE)?, get(view, CREATED)?) else { return Ok(None) };
    Ok(Some(GatewayMeta { instance_id, created_at_ms: created.parse().unwrap_or_default() }))
}

/// Chooses the instance id when there is none.
pub(crate) fn ensure(tx: &Tx<'_>, now_ms: u64) -> Result<(), StoreError> {
    set_once(tx, INSTANCE, &uuid::Uuid::new_v4().to_string())?;
    set_once(tx, CREATED, &now_ms.to_string())
}

pub(crate) fn get(view: &View<'_>, key: &str) -> Result<Option<String>, StoreError> {
    view.row("SELECT value FROM meta WHERE key = ?1", [key], |row| row.get(0))
}

pub(crate) fn set_once(tx: &Tx<'_>, key: &str, value: &str) -> Result<(), StoreError> {
    tx.change("INSERT OR IGNORE INTO meta (key, value) VALUES (?1, ?2)", [key, value])?;
    Ok(())
}
