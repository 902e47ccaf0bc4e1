//! Filing, listing and dropping requests (promise P4; SEC-055, SEC-056).

use openclaw_protocol::{
    id::{DeviceId, RequestId},
    limits::PAIRING_TTL_MS,
};
use rusqlite::params;

use super::{
    invitation,
    model::{Ask, PairingRequest},
    rows,
    wish::Wish,
};
use crate::{
    AuditLine, audit,
    database::{Tx, View, json, milliseconds, to_json},
    error::StoreError,
};

/// A request younger than this is not evicted for somebody at another address.
const PROTECTED_MS: u64 = 60_000;
/// Old ids that are remembered per request; older ones answer as unknown.
const SUPERSEDED_PER_REQUEST: i64 = 8;
/// Names that one wish may hold: the largest node of either release declares about 100.
const MAX_WISH: usize = 512;

/// How many requests may wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quota {
    /// In all.
    pub total: usize,
    /// From one address; requests of this machine count as one address.
    pub per_ip: usize,
}

impl Default for Quota {
    /// The numbers of SEC-056.
    fn default() -> Self {
        Self { total: 256, per_ip: 8 }
    }
}

/// Why a request could not be filed. Nothing was changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum QuotaExceeded {
    #[error("{limit} pairing requests wait already, and none of them may be dropped")]
    Total { limit: usize },
    #[error("{limit} pairing requests from this address wait already, and all were shown to the owner")]
    PerIp { limit: usize },
    #[error("the request names more than {limit} scopes, capabilities and commands")]
    Wish { limit: usize },
}

/// What became of an ask.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Filed {
    /// A new request.
    Created(PairingRequest),
    /// The request that waits covers it: same id, same wish, longer life.
    Refreshed(PairingRequest),
    /// It asks for more than what waits: a new id, under which the union stands.
    Superseded {
        old: RequestId,
        new: PairingRequest,
    },
    Refused(QuotaExceeded),
}

/// Requests refreshed at or before this have expired.
pub(super) fn alive_since(now_ms: u64) -> i64 {
    // A clock near zero must not make everything expire: -1 is before any request.
    now_ms.checked_sub(PAIRING_TTL_MS).map_or(-1, milliseconds)
}

pub(super) fn is_alive(request: &PairingRequest, now_ms: u64) -> bool {
    request.expires_at_ms() > now_ms
}

/// The requests that have not expired, newest first.
pub(crate) fn alive(view: &View<'_>, now_ms: u64) -> Result<Vec<PairingRequest>, StoreError> {
    rows::requests(view, alive_since(now_ms))
}

/// The request of that id, if it has not expired.
pub(crate) fn alive_one(view: &View<'_>, id: &RequestId, now_ms: u64) -> Result<Option<PairingRequest>, StoreError> {
    Ok(rows::request(view, id)?.filter(|request| is_alive(request, now_ms)))
}

/// The request of that device, if it has not expired.
pub(crate) fn alive_of(view: &View<'_>, id: &DeviceId, now_ms: u64) -> Result<Option<PairingRequest>, StoreError> {
    Ok(rows::request_of(view, id)?.filter(|request| is_alive(request, now_ms)))
}

pub(crate) fn file(tx: &Tx<'_>, ask: &Ask, quota: Quota, now_ms: u64) -> Result<Filed, StoreError> {
    tx.change("DELETE FROM requests WHERE refreshed_at_ms <= ?1", [alive_since(now_ms)])?;
    let Some(pending) = rows::request_of(tx, &ask.device_id)? else {
        return create(tx, ask, quota, now_ms);
    };
    let profile = pending.profile.merged(&ask.profile);
    if pending.wish.covers(&ask.wish) {
        let is_repair = pending.is_repair || ask.is_repair;
        let request = PairingRequest { profile, is_repair, refreshed_at_ms: now_ms, ..pending };
        tx.change(
            "UPDATE requests SET profile = ?2, is_repair = ?3, refreshed_at_ms = ?4 WHERE id = ?1",
            params![request.id.as_str(), to_json(&request.profile)?, request.is_repair, milliseconds(now_ms)],
        )?;
        return Ok(Filed::Refreshed(request));
    }
    let wish = pending.wish.union(&ask.wish);
    if wish.size() > MAX_WISH {
        return Ok(Filed::Refused(QuotaExceeded::Wish { limit: MAX_WISH }));
    }
    supersede(tx, pending, PairingRequest { profile, wish, ..new_request(ask, now_ms) }, now_ms)
}

fn new_request(ask: &Ask, now_ms: u64) -> PairingRequest {
    PairingRequest {
        id: RequestId::new(uuid::Uuid::new_v4().to_string()),
        device_id: ask.device_id.clone(),
        public_key: ask.public_key.clone(),
        profile: ask.profile.clone(),
        wish: ask.wish.clone(),
        reason: ask.reason,
        is_repair: ask.is_repair,
        created_at_ms: now_ms,
        refreshed_at_ms: now_ms,
        shown: false,
    }
}

/// Gives the request a new id and a wider wish; the old id stays known, with what was shown under it.
fn supersede(tx: &Tx<'_>, old: PairingRequest, new: PairingRequest, now_ms: u64) -> Result<Filed, StoreError> {
    // Ids that were superseded before follow by the foreign key's ON UPDATE CASCADE.
    tx.change(
        "UPDATE requests SET id = ?2, profile = ?3, wish = ?4, reason = ?5, is_repair = ?6, created_at_ms = ?7,
             refreshed_at_ms = ?7, shown = 0 WHERE id = ?1",
        params![
            old.id.as_str(),
            new.id.as_str(),
            to_json(&new.profile)?,
            to_json(&new.wish)?,
            new.reason.as_str(),
            new.is_repair,
            milliseconds(now_ms),
        ],
    )?;
    tx.change(
        "INSERT INTO superseded (id, request_id, wish, superseded_at_ms) VALUES (?1, ?2, ?3, ?4)",
        params![old.id.as_str(), new.id.as_str(), to_json(&old.wish)?, milliseconds(now_ms)],
    )?;
    tx.change(
        "DELETE FROM superseded WHERE request_id = ?1 AND id NOT IN
             (SELECT id FROM superseded WHERE request_id = ?1 ORDER BY superseded_at_ms DESC, id = ?2 DESC LIMIT ?3)",
        params![new.id.as_str(), old.id.as_str(), SUPERSEDED_PER_REQUEST],
    )?;
    Ok(Filed::Superseded { old: old.id, new })
}

fn create(tx: &Tx<'_>, ask: &Ask, quota: Quota, now_ms: u64) -> Result<Filed, StoreError> {
    if ask.wish.size() > MAX_WISH {
        return Ok(Filed::Refused(QuotaExceeded::Wish { limit: MAX_WISH }));
    }
    let source_ip = ask.profile.remote_ip.as_deref().unwrap_or_default();
    if tx.count("SELECT count(*) FROM requests WHERE source_ip = ?1", [source_ip])? >= quota.per_ip {
        let evicted = tx.change(
            "DELETE FROM requests WHERE id = (SELECT id FROM requests WHERE source_ip = ?1 AND shown = 0
                 ORDER BY refreshed_at_ms, id LIMIT 1)",
            [source_ip],
        )?;
        if evicted == 0 {
            return Ok(Filed::Refused(QuotaExceeded::PerIp { limit: quota.per_ip }));
        }
    }
    if tx.count("SELECT count(*) FROM requests", [])? >= quota.total {
        let evicted = tx.change(
            "DELETE FROM requests WHERE id = (SELECT id FROM requests
                 WHERE shown = 0 AND (source_ip = ?1 OR created_at_ms <= ?2) ORDER BY refreshed_at_ms, id LIMIT 1)",
            params![source_ip, now_ms.checked_sub(PROTECTED_MS).map_or(-1, milliseconds)],
        )?;
        if evicted == 0 {
            return Ok(Filed::Refused(QuotaExceeded::Total { limit: quota.total }));
        }
    }
    let request = new_request(ask, now_ms);
    // The address counts as it was at filing: a retry from elsewhere does not free the place for another request.
    tx.change(
        "INSERT INTO requests (id, device_id, public_key, profile, wish, reason, is_repair, source_ip, created_at_ms,
             refreshed_at_ms) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?9)",
        params![
            request.id.as_str(),
            request.device_id.as_str(),
            request.public_key,
            to_json(&request.profile)?,
            to_json(&request.wish)?,
            request.reason.as_str(),
            request.is_repair,
            source_ip,
            milliseconds(now_ms),
        ],
    )?;
    Ok(Filed::Created(request))
}

pub(crate) fn mark_shown(tx: &Tx<'_>, ids: &[RequestId]) -> Result<(), StoreError> {
    for id in ids {
        tx.change("UPDATE requests SET shown = 1 WHERE id = ?1 AND shown = 0", [id.as_str()])?;
    }
    Ok(())
}

pub(crate) fn reject(tx: &Tx<'_>, id: &RequestId, now_ms: u64) -> Result<Option<PairingRequest>, StoreError> {
    let Some(request) = rows::request(tx, id)?.filter(|request| is_alive(request, now_ms)) else { return Ok(None) };
    drop_of(tx, &request.device_id)?;
    invitation::void(tx, &request.device_id)?;
    let line = AuditLine {
        device_id: Some(request.device_id.clone()),
        request_id: Some(request.id.clone()),
        ..AuditLine::new(now_ms, "pairing.rejected", "approver", "the pairing request was rejected")
    };
    audit::write(tx, &line)?;
    Ok(Some(request))
}

/// Deletes the request of that device.
pub(super) fn drop_of(tx: &Tx<'_>, device: &DeviceId) -> Result<bool, StoreError> {
    Ok(tx.change("DELETE FROM requests WHERE device_id = ?1", [device.as_str()])? > 0)
}

/// The request that took that id's place, and what was shown under the old id.
pub(super) fn superseding(
    view: &View<'_>,
    old: &RequestId,
    now_ms: u64,
) -> Result<Option<(PairingRequest, Wish)>, StoreError> {
    let found = view.row("SELECT request_id, wish FROM superseded WHERE id = ?1", [old.as_str()], |row| {
        Ok((RequestId::new(row.get::<_, String>(0)?), json::<Wish>(row, 1)?))
    })?;
    let Some((id, shown)) = found else { return Ok(None) };
    Ok(rows::request(view, &id)?.filter(|request| is_alive(request, now_ms)).map(|request| (request, shown)))
}
