//! Invitations: a token that pairs whoever brings it, once and for a short time (promise P10, SEC-057).

use std::collections::BTreeSet;

use openclaw_identity::{Secret, random_token};
use openclaw_protocol::{
    id::DeviceId,
    limits::BOOTSTRAP_TTL_MS,
    scope::{Role, Scope, ScopeSet},
};
use rusqlite::{Row, params, types::ValueRef};
use sha2::{Digest, Sha256};

use super::{
    approve::required_approve_scopes,
    model::Approver,
    wish::{Surface, Wish},
};
use crate::{
    AuditLine, audit,
    database::{Tx, View, json, milliseconds, optional_ms, to_json, unsigned},
    error::StoreError,
};

/// Invitations that may be open at the same time.
const MAX_OPEN: usize = 64;
/// An invitation is remembered so long after its end, for those who ask what became of it.
const REMEMBERED_MS: u64 = 24 * 60 * 60_000;

/// What whoever uses an invitation will get.
#[derive(Clone, Debug)]
pub struct InviteAsk {
    pub roles: BTreeSet<Role>,
    pub scopes: ScopeSet,
    /// Commands that the node may offer; `None` for all that it declares.
    pub commands: Option<BTreeSet<String>>,
    /// The name of the profile that was asked for: `full`, `limited`, `node`.
    pub access: String,
    /// What people call the device that is invited.
    pub label: Option<String>,
    /// Its life; at most, and when absent, [`BOOTSTRAP_TTL_MS`].
    pub ttl_ms: Option<u64>,
}

/// An invitation, without its token, which only its hash is kept of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invitation {
    pub setup_id: String,
    pub roles: BTreeSet<Role>,
    pub scopes: ScopeSet,
    pub commands: Option<BTreeSet<String>>,
    pub access: String,
    pub label: Option<String>,
    pub created_at_ms: u64,
    pub expires_at_ms: u64,
    /// The device that used it first, and alone may use it again for its other role.
    pub used_by: Option<DeviceId>,
    pub used_at_ms: Option<u64>,
}

/// Why no invitation was made.
#[derive(Clone, Debug, thiserror::Error)]
pub enum InviteError {
    #[error("missing scope: {0}")]
    MissingScope(String),
    #[error("an invitation needs a role")]
    NoRole,
    #[error("{limit} invitations are open already; wait until one is used or has expired")]
    TooMany { limit: usize },
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Why a bootstrap token lets nobody in.
#[derive(Clone, Debug, thiserror::Error)]
pub enum RedeemError {
    #[error("the invitation is not known to this gateway")]
    Unknown,
    #[error("the invitation has expired")]
    Expired,
    #[error("the invitation was used already")]
    Used,
    #[error(transparent)]
    Store(#[from] StoreError),
}

const INVITATION: &str = "SELECT setup_id, roles, scopes, commands, access, label, created_at_ms, expires_at_ms,
    used_by, used_at_ms FROM invitations";

fn invitation_from(row: &Row<'_>) -> rusqlite::Result<Invitation> {
    Ok(Invitation {
        setup_id: row.get(0)?,
        roles: json(row, 1)?,
        scopes: json(row, 2)?,
        commands: if row.get_ref(3)? == ValueRef::Null { None } else { Some(json(row, 3)?) },
        access: row.get(4)?,
        label: row.get(5)?,
        created_at_ms: unsigned(row.get(6)?),
        expires_at_ms: unsigned(row.get(7)?),
        used_by: row.get::<_, Option<String>>(8)?.map(DeviceId::new),
        used_at_ms: optional_ms(row, 9)?,
    })
}

fn hash(token: &str) -> String {
    Sha256::digest(token.as_bytes()).iter().fold(String::with_capacity(64), |mut text, byte| {
        use std::fmt::Write;
        // Writing to a String cannot fail.
        write!(text, "{byte:02x}").unwrap_or_default();
        text
    })
}

pub(crate) fn invite(
    tx: &Tx<'_>,
    ask: &InviteAsk,
    approver: &Approver,
    now_ms: u64,
) -> Result<(Invitation, Secret), InviteError> {
    if ask.roles.is_empty() {
        return Err(InviteError::NoRole);
    }
    let commands = match (&ask.commands, ask.roles.contains(&Role::Node)) {
        (Some(commands), true) => commands.clone(),
        // No list means everything that a node may declare, programs included.
        (None, true) => ["system.run".to_owned()].into(),
        (_, false) => BTreeSet::new(),
    };
    let wish = Wish { surface: Some(Surface { commands, ..Surface::default() }), ..Wish::default() };
    let wanted = required_approve_scopes(&wish).into_iter().chain(ask.scopes.iter().map(Scope::as_str));
    if let Some(scope) = approver.missing(wanted) {
        return Err(InviteError::MissingScope(scope));
    }
    tx.change(
        "DELETE FROM invitations WHERE expires_at_ms < ?1",
        [milliseconds(now_ms.saturating_sub(REMEMBERED_MS))],
    )?;
    let open = "SELECT count(*) FROM invitations WHERE uses_left > 0 AND expires_at_ms > ?1";
    if tx.count(open, [milliseconds(now_ms)])? >= MAX_OPEN {
        return Err(InviteError::TooMany { limit: MAX_OPEN });
    }
    let token = random_token().map_err(StoreError::from)?;
    let invitation = Invitation {
        setup_id: uuid::Uuid::new_v4().to_string(),
        roles: ask.roles.clone(),
        scopes: ask.scopes.clone(),
        commands: ask.commands.clone(),
        access: ask.access.clone(),
        label: ask.label.clone(),
        created_at_ms: now_ms,
        expires_at_ms: now_ms.saturating_add(ask.ttl_ms.unwrap_or(BOOTSTRAP_TTL_MS).min(BOOTSTRAP_TTL_MS)),
        used_by: None,
        used_at_ms: None,
    };
    insert(tx, &invitation, &token)?;
    let text = format!("a device was invited ({})", invitation.access);
    audit::write(tx, &AuditLine::new(now_ms, "invitation.made", approver.as_str(), text))?;
    Ok((invitation, token))
}

fn insert(tx: &Tx<'_>, invitation: &Invitation, token: &Secret) -> Result<(), StoreError> {
    tx.change(
        "INSERT INTO invitations (setup_id, token_hash, roles, scopes, commands, access, label, created_at_ms,
             expires_at_ms, uses_left) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
        params![
            invitation.setup_id,
            hash(token.expose()),
            to_json(&invitation.roles)?,
            to_json(&invitation.scopes)?,
            invitation.commands.as_ref().map(to_json).transpose()?,
            invitation.access,
            invitation.label,
            milliseconds(invitation.created_at_ms),
            milliseconds(invitation.expires_at_ms),
            // One use for each role: a phone connects once as a node and once as an operator.
            i64::try_from(invitation.roles.len()).unwrap_or(1),
        ],
    )?;
    Ok(())
}

pub(crate) fn redeem(tx: &Tx<'_>, token: &str, device: &DeviceId, now_ms: u64) -> Result<Invitation, RedeemError> {
    // Found by its hash, so the time that the look-up takes says nothing about the token.
    let found = tx.row(
        "SELECT setup_id, expires_at_ms, uses_left, used_by FROM invitations WHERE token_hash = ?1",
        [hash(token)],
        |row| {
            let used_by: Option<String> = row.get(3)?;
            Ok((row.get::<_, String>(0)?, unsigned(row.get(1)?), row.get::<_, i64>(2)?, used_by))
        },
    )?;
    let (setup_id, expires_at_ms, uses_left, used_by) = found.ok_or(RedeemError::Unknown)?;
    if uses_left <= 0 || used_by.is_some_and(|first| first != device.as_str()) {
        return Err(RedeemError::Used);
    }
    if expires_at_ms <= now_ms {
        return Err(RedeemError::Expired);
    }
    tx.change(
        "UPDATE invitations SET uses_left = uses_left - 1, used_by = ?2, used_at_ms = coalesce(used_at_ms, ?3)
             WHERE setup_id = ?1",
        params![setup_id, device.as_str(), milliseconds(now_ms)],
    )?;
    let line = AuditLine::new(now_ms, "invitation.used", "device", "an invitation was used");
    audit::write(tx, &line.about(device))?;
    one(tx, &setup_id)?.ok_or(RedeemError::Unknown)
}

/// A device that was rejected, removed or revoked cannot come back by the invitation that it used.
pub(super) fn void(tx: &Tx<'_>, device: &DeviceId) -> Result<(), StoreError> {
    tx.change("UPDATE invitations SET uses_left = 0 WHERE used_by = ?1", [device.as_str()])?;
    Ok(())
}

pub(crate) fn one(view: &View<'_>, setup_id: &str) -> Result<Option<Invitation>, StoreError> {
    static ONE: std::sync::LazyLock<String> = std::sync::LazyLock::new(|| format!("{INVITATION} WHERE setup_id = ?1"));
    view.row(&ONE, [setup_id], invitation_from)
}

pub(crate) fn all(view: &View<'_>) -> Result<Vec<Invitation>, StoreError> {
    static ALL: std::sync::LazyLock<String> =
        std::sync::LazyLock::new(|| format!("{INVITATION} ORDER BY created_at_ms DESC, setup_id"));
    view.rows(&ALL, [], invitation_from)
}
