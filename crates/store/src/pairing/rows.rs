//! Records to rows and back.

use std::collections::BTreeSet;

use openclaw_identity::Secret;
use openclaw_protocol::{
    id::{DeviceId, RequestId},
    scope::Role,
};
use rusqlite::{Row, params, types::Type};

use super::model::{ApprovedVia, Device, DeviceToken, PairingRequest, Reason, Seen};
use crate::{
    database::{Tx, View, json, milliseconds, optional_ms, to_json, unsigned},
    error::StoreError,
};

const DEVICE: &str = "SELECT d.id, d.public_key, d.profile, d.label, d.is_operator, d.is_node, d.scopes, d.surface,
    d.created_at_ms, d.approved_at_ms, d.approved_via,
    d.last_seen_at_ms, d.last_seen_reason, d.last_connected_at_ms, d.last_disconnected_at_ms,
    t.role, t.token, t.scopes, t.created_at_ms, t.rotated_at_ms, t.revoked_at_ms, t.last_used_at_ms
    FROM devices d LEFT JOIN tokens t ON t.device_id = d.id";
/// Where the token's columns begin in [`DEVICE`].
const TOKEN_AT: usize = 15;

const REQUEST: &str = "SELECT id, device_id, public_key, profile, wish, reason, is_repair, created_at_ms,
    refreshed_at_ms, shown FROM requests";

/// Which devices.
#[derive(Clone, Copy)]
pub(crate) enum Which<'a> {
    One(&'a DeviceId),
    All,
    Nodes,
}

/// Reads devices with their tokens in one statement, sorted by id.
pub(crate) fn devices(view: &View<'_>, which: Which<'_>) -> Result<Vec<Device>, StoreError> {
    // Each text is a constant, so that the statement is prepared once per connection.
    static ONE: std::sync::LazyLock<String> = std::sync::LazyLock::new(|| format!("{DEVICE} WHERE d.id = ?1"));
    static ALL: std::sync::LazyLock<String> = std::sync::LazyLock::new(|| format!("{DEVICE} ORDER BY d.id"));
    static NODES: std::sync::LazyLock<String> =
        std::sync::LazyLock::new(|| format!("{DEVICE} WHERE d.is_node = 1 ORDER BY d.id"));
    let mut devices: Vec<Device> = Vec::new();
    let mut read = |row: &Row<'_>| {
        let same = devices
            .last()
            .is_some_and(|last| row.get_ref(0).and_then(|id| Ok(id.as_str()? == last.id.as_str())).unwrap_or(false));
        if !same {
            devices.push(device_from(row)?);
        }
        if let (Some(token), Some(device)) = (token_from(row)?, devices.last_mut()) {
            device.tokens.push(token);
            // At most two. Sorting them in the statement would cost more than all the rest of it.
            device.tokens.sort_unstable_by_key(|token| token.role);
        }
        Ok(())
    };
    match which {
        Which::One(id) => view.rows(&ONE, [id.as_str()], &mut read)?,
        Which::All => view.rows(&ALL, [], &mut read)?,
        Which::Nodes => view.rows(&NODES, [], &mut read)?,
    };
    Ok(devices)
}

/// Reads one device.
pub(crate) fn device(view: &View<'_>, id: &DeviceId) -> Result<Option<Device>, StoreError> {
    Ok(devices(view, Which::One(id))?.pop())
}

fn device_from(row: &Row<'_>) -> rusqlite::Result<Device> {
    let mut roles = BTreeSet::new();
    if row.get(4)? {
        roles.insert(Role::Operator);
    }
    if row.get(5)? {
        roles.insert(Role::Node);
    }
    let surface = if row.get_ref(7)? == rusqlite::types::ValueRef::Null { None } else { Some(json(row, 7)?) };
    Ok(Device {
        id: DeviceId::new(row.get::<_, String>(0)?),
        public_key: row.get(1)?,
        profile: json(row, 2)?,
        operator_label: row.get(3)?,
        roles,
        scopes: json(row, 6)?,
        surface,
        tokens: Vec::new(),
        created_at_ms: unsigned(row.get(8)?),
        approved_at_ms: unsigned(row.get(9)?),
        approved_via: name(row, 10, ApprovedVia::parse)?,
        seen: Seen {
            last_seen_at_ms: optional_ms(row, 11)?,
            last_seen_reason: row.get(12)?,
            last_connected_at_ms: optional_ms(row, 13)?,
            last_disconnected_at_ms: optional_ms(row, 14)?,
        },
    })
}

fn token_from(row: &Row<'_>) -> rusqlite::Result<Option<DeviceToken>> {
    if row.get_ref(TOKEN_AT)? == rusqlite::types::ValueRef::Null {
        return Ok(None);
    }
    Ok(Some(DeviceToken {
        role: name(row, TOKEN_AT, Role::parse)?,
        token: Secret::new(row.get::<_, String>(TOKEN_AT + 1)?),
        scopes: json(row, TOKEN_AT + 2)?,
        created_at_ms: unsigned(row.get(TOKEN_AT + 3)?),
        rotated_at_ms: optional_ms(row, TOKEN_AT + 4)?,
        revoked_at_ms: optional_ms(row, TOKEN_AT + 5)?,
        last_used_at_ms: optional_ms(row, TOKEN_AT + 6)?,
    }))
}

/// Writes everything but tokens, the operator's label and the seen times of an existing row.
pub(crate) fn insert_device(tx: &Tx<'_>, device: &Device) -> Result<(), StoreError> {
    let surface = device.surface.as_ref().map(to_json).transpose()?;
    tx.change(
        "INSERT INTO devices (id, public_key, profile, label, is_operator, is_node, scopes, surface, created_at_ms,
             approved_at_ms, approved_via, last_seen_at_ms, last_seen_reason, last_connected_at_ms)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)
         ON CONFLICT (id) DO UPDATE SET public_key = ?2, profile = ?3, is_operator = ?5, is_node = ?6, scopes = ?7,
             surface = ?8, approved_at_ms = ?10, approved_via = ?11",
        params![
            device.id.as_str(),
            device.public_key,
            to_json(&device.profile)?,
            device.operator_label,
            device.roles.contains(&Role::Operator),
            device.roles.contains(&Role::Node),
            to_json(&device.scopes)?,
            surface,
            milliseconds(device.created_at_ms),
            milliseconds(device.approved_at_ms),
            device.approved_via.as_str(),
            device.seen.last_seen_at_ms.map(milliseconds),
            device.seen.last_seen_reason,
            device.seen.last_connected_at_ms.map(milliseconds),
        ],
    )?;
    Ok(())
}

/// Writes the token of a role over the one that is there.
pub(crate) fn put_token(tx: &Tx<'_>, device: &DeviceId, token: &DeviceToken) -> Result<(), StoreError> {
    tx.change(
        "INSERT OR REPLACE INTO tokens
             (device_id, role, token, scopes, created_at_ms, rotated_at_ms, revoked_at_ms, last_used_at_ms)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        params![
            device.as_str(),
            token.role.as_str(),
            token.token.expose(),
            to_json(&token.scopes)?,
            milliseconds(token.created_at_ms),
            token.rotated_at_ms.map(milliseconds),
            token.revoked_at_ms.map(milliseconds),
            token.last_used_at_ms.map(milliseconds),
        ],
    )?;
    Ok(())
}

/// Reads requests that were refreshed after `alive_since`, newest first.
pub(crate) fn requests(view: &View<'_>, alive_since: i64) -> Result<Vec<PairingRequest>, StoreError> {
    static ALL: std::sync::LazyLock<String> =
        std::sync::LazyLock::new(|| format!("{REQUEST} WHERE refreshed_at_ms > ?1 ORDER BY created_at_ms DESC, id"));
    view.rows(&ALL, [alive_since], request_from)
}

/// Reads the request of that id, expired or not.
pub(crate) fn request(view: &View<'_>, id: &RequestId) -> Result<Option<PairingRequest>, StoreError> {
    static ONE: std::sync::LazyLock<String> = std::sync::LazyLock::new(|| format!("{REQUEST} WHERE id = ?1"));
    view.row(&ONE, [id.as_str()], request_from)
}

/// Reads the request of that device, expired or not.
pub(crate) fn request_of(view: &View<'_>, device: &DeviceId) -> Result<Option<PairingRequest>, StoreError> {
    static ONE: std::sync::LazyLock<String> = std::sync::LazyLock::new(|| format!("{REQUEST} WHERE device_id = ?1"));
    view.row(&ONE, [device.as_str()], request_from)
}

fn request_from(row: &Row<'_>) -> rusqlite::Result<PairingRequest> {
    Ok(PairingRequest {
        id: RequestId::new(row.get::<_, String>(0)?),
        device_id: DeviceId::new(row.get::<_, String>(1)?),
        public_key: row.get(2)?,
        profile: json(row, 3)?,
        wish: json(row, 4)?,
        reason: name(row, 5, Reason::parse)?,
        is_repair: row.get(6)?,
        created_at_ms: unsigned(row.get(7)?),
        refreshed_at_ms: unsigned(row.get(8)?),
        shown: row.get(9)?,
    })
}

/// Reads one of our enumerations; an unknown name is an error (SEC-001).
pub(crate) fn name<T>(row: &Row<'_>, column: usize, parse: impl Fn(&str) -> Option<T>) -> rusqlite::Result<T> {
    let text = row.get_ref(column)?.as_str().map_err(rusqlite::Error::from)?;
    parse(text).ok_or_else(|| {
        rusqlite::Error::FromSqlConversionFailure(column, Type::Text, format!("unknown name {text:?}").into())
    })
}
