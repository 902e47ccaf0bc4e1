//! Device tokens: checking, minting, rotating, revoking (SEC-050 … SEC-052, SEC-060).

use openclaw_identity::random_token;
use openclaw_protocol::{
    id::DeviceId,
    scope::{Role, Scope, ScopeSet},
};
use rusqlite::params;

use super::{
    model::{Approver, Device, DeviceToken},
    rows,
};
use crate::{
    AuditLine, audit,
    database::{Tx, View, milliseconds, to_json},
    error::StoreError,
};

/// What a presented token is worth.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TokenCheck {
    /// It is the right one, and gives these scopes.
    Valid { scopes: ScopeSet },
    /// Not the right one, but the role is alive: a device that signs well gets a fresh one (promise P5).
    Stale,
    /// The role was revoked: nothing is given, whatever was presented.
    Revoked,
    /// The device has no such role, or no token for it.
    NoToken,
}

/// Why no token was given, or none was changed.
#[derive(Clone, Debug, thiserror::Error)]
pub enum TokenError {
    #[error("unknown deviceId/role")]
    UnknownDeviceOrRole,
    /// Only an approval, or a rotation by somebody with the right to, brings it back.
    #[error("the device's {role} token was revoked")]
    Revoked { role: Role },
    #[error("missing scope: {0}")]
    MissingScope(String),
    /// More than was ever approved for the device and role.
    #[error("scope {0} was not approved for this device")]
    BeyondBaseline(String),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Compares a presented token with the one of that role, in constant time. Scopes beyond the baseline are cut, also
/// when the record holds them (SEC-051); a token of another role counts for nothing (SEC-052).
pub fn verify_token(device: &Device, role: Role, presented: &str) -> TokenCheck {
    let Some(token) = device.token(role).filter(|_| device.roles.contains(&role)) else { return TokenCheck::NoToken };
    if token.revoked_at_ms.is_some() {
        return TokenCheck::Revoked;
    }
    if token.token.is_empty() || !token.token.is(presented) {
        return TokenCheck::Stale;
    }
    TokenCheck::Valid { scopes: within(device, role, &token.scopes) }
}

/// The scopes of a role that lie within its baseline: a node has none.
fn within(device: &Device, role: Role, scopes: &ScopeSet) -> ScopeSet {
    match role {
        Role::Operator => scopes.limited_to(&device.scopes),
        Role::Node => ScopeSet::none(),
    }
}

fn check_baseline(device: &Device, role: Role, scopes: &ScopeSet) -> Result<(), TokenError> {
    let none = ScopeSet::none();
    let baseline = if role == Role::Operator { &device.scopes } else { &none };
    match baseline.first_missing(scopes) {
        Some(scope) => Err(TokenError::BeyondBaseline(scope.to_string())),
        None => Ok(()),
    }
}

/// The token that there is, when it is alive and good for `scopes`; `None` when one has to be minted.
pub(crate) fn current(
    view: &View<'_>,
    id: &DeviceId,
    role: Role,
    scopes: &ScopeSet,
) -> Result<Option<DeviceToken>, TokenError> {
    let device = rows::device(view, id)?.filter(|device| device.roles.contains(&role));
    let device = device.ok_or(TokenError::UnknownDeviceOrRole)?;
    let current = device.token(role);
    if current.is_some_and(|token| token.revoked_at_ms.is_some()) {
        return Err(TokenError::Revoked { role });
    }
    check_baseline(&device, role, scopes)?;
    let good = |token: &&DeviceToken| {
        !token.token.is_empty()
            && token.scopes.covers_all(scopes)
            && check_baseline(&device, role, &token.scopes).is_ok()
    };
    Ok(current.filter(good).cloned())
}

pub(crate) fn ensure(
    tx: &Tx<'_>,
    id: &DeviceId,
    role: Role,
    scopes: &ScopeSet,
    now_ms: u64,
) -> Result<DeviceToken, TokenError> {
    if let Some(token) = current(tx, id, role, scopes)? {
        return Ok(token);
    }
    let device = rows::device(tx, id)?.ok_or(TokenError::UnknownDeviceOrRole)?;
    let token = mint(tx, &device, role, scopes.clone(), now_ms)?;
    let text = format!("{} was given a fresh {role} token", device.name());
    audit::write(tx, &AuditLine::new(now_ms, "token.minted", "device", text).about(id))?;
    Ok(token)
}

fn mint(tx: &Tx<'_>, device: &Device, role: Role, scopes: ScopeSet, now_ms: u64) -> Result<DeviceToken, StoreError> {
    let old = device.token(role);
    let token = DeviceToken {
        role,
        token: random_token()?,
        scopes,
        created_at_ms: old.map_or(now_ms, |token| token.created_at_ms),
        rotated_at_ms: old.map(|_| now_ms),
        revoked_at_ms: None,
        last_used_at_ms: old.and_then(|token| token.last_used_at_ms),
    };
    rows::put_token(tx, &device.id, &token)?;
    Ok(token)
}

/// The device, its token of that role, and the check that `approver` may act on it at all.
fn target(tx: &Tx<'_>, id: &DeviceId, role: Role, approver: &Approver) -> Result<(Device, DeviceToken), TokenError> {
    let device = rows::device(tx, id)?.filter(|device| device.roles.contains(&role));
    let device = device.ok_or(TokenError::UnknownDeviceOrRole)?;
    let token = device.token(role).cloned().ok_or(TokenError::UnknownDeviceOrRole)?;
    let admin = device.is_admin().then_some(Scope::ADMIN);
    match approver.missing([Scope::PAIRING].into_iter().chain(admin)) {
        Some(scope) => Err(TokenError::MissingScope(scope)),
        None => Ok((device, token)),
    }
}

pub(crate) fn rotate(
    tx: &Tx<'_>,
    id: &DeviceId,
    role: Role,
    scopes: Option<&ScopeSet>,
    approver: &Approver,
    now_ms: u64,
) -> Result<DeviceToken, TokenError> {
    let (mut device, old) = target(tx, id, role, approver)?;
    // Resolved first, then checked: no list means what the token had, an empty one means the baseline (SEC-050).
    let scopes = match scopes {
        Some(scopes) if !scopes.is_empty() => scopes.clone(),
        None if !old.scopes.is_empty() => within(&device, role, &old.scopes),
        _ => within(&device, role, &device.scopes),
    };
    check_baseline(&device, role, &scopes)?;
    if let Some(scope) = approver.missing(scopes.iter().map(Scope::as_str)) {
        return Err(TokenError::MissingScope(scope));
    }
    if old.revoked_at_ms.is_some() && role == Role::Operator {
        // A revoked role comes back with what was granted now, not with all that it once had.
        device.scopes = scopes.clone();
        tx.change("UPDATE devices SET scopes = ?2 WHERE id = ?1", [id.as_str(), &to_json(&device.scopes)?])?;
    }
    let token = mint(tx, &device, role, scopes, now_ms)?;
    let text = format!("the {role} token of {} was rotated", device.name());
    audit::write(tx, &AuditLine::new(now_ms, "token.rotated", approver.as_str(), text).about(id))?;
    Ok(token)
}

pub(crate) fn revoke(
    tx: &Tx<'_>,
    id: &DeviceId,
    role: Role,
    approver: &Approver,
    now_ms: u64,
) -> Result<DeviceToken, TokenError> {
    let (device, mut token) = target(tx, id, role, approver)?;
    if token.revoked_at_ms.is_none() {
        token.revoked_at_ms = Some(now_ms);
        tx.change(
            "UPDATE tokens SET revoked_at_ms = ?3 WHERE device_id = ?1 AND role = ?2",
            params![id.as_str(), role.as_str(), milliseconds(now_ms)],
        )?;
        super::invitation::void(tx, id)?;
        let text = format!("the {role} token of {} was revoked", device.name());
        audit::write(tx, &AuditLine::new(now_ms, "token.revoked", approver.as_str(), text).about(id))?;
    }
    Ok(token)
}
