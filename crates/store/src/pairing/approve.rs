//! Granting what a request asks for (SEC-050, SEC-055, SEC-059).

use std::collections::BTreeSet;

use openclaw_identity::random_token;
use openclaw_protocol::{
    id::RequestId,
    scope::{Role, Scope, ScopeSet},
};

use super::{
    model::{ApprovedVia, Approver, Ask, Device, DeviceToken, PairingRequest, Profile, Seen},
    request, rows,
    wish::{Surface, Wish},
};
use crate::{AuditLine, audit, database::Tx, error::StoreError};

/// Commands that run programs or read the disk of a node: only an admin approves them.
const ADMIN_COMMANDS: [&str; 6] = [
    "system.run",
    "system.run.prepare",
    "system.which",
    "system.execApprovals.get",
    "system.execApprovals.set",
    "fs.listDir",
];
/// The same for every command that begins so.
const ADMIN_PREFIXES: [&str; 2] = ["browser.proxy", "terminal."];

/// What was granted.
#[derive(Clone, Debug)]
pub struct Approval {
    /// As it was approved, with the commands that were left out taken out of its wish.
    pub request: PairingRequest,
    /// The record after the approval.
    pub device: Device,
}

/// Why nothing was granted.
#[derive(Clone, Debug, thiserror::Error)]
pub enum ApproveError {
    #[error("unknown requestId")]
    Unknown,
    #[error("the pairing request has expired; the device makes a new one when it tries again")]
    Expired,
    #[error("missing scope: {0}")]
    MissingScope(String),
    /// The device asked for more after this id was shown (SEC-055). Approve `now` instead.
    #[error("the device asks for more since request {asked} was shown")]
    Superseded { asked: RequestId, now: Box<PairingRequest>, added: Box<Wish> },
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The scopes that an approver of this wish needs besides those that it grants (protocol.md §6.2), published as
/// `requiredApproveScopes`.
pub fn required_approve_scopes(wish: &Wish) -> Vec<&'static str> {
    let needs_admin = |command: &String| {
        ADMIN_COMMANDS.contains(&command.as_str()) || ADMIN_PREFIXES.iter().any(|prefix| command.starts_with(prefix))
    };
    match wish.surface.as_ref().map(|surface| &surface.commands) {
        Some(commands) if commands.iter().any(needs_admin) => vec![Scope::PAIRING, Scope::ADMIN],
        Some(commands) if !commands.is_empty() => vec![Scope::PAIRING, Scope::WRITE],
        _ => vec![Scope::PAIRING],
    }
}

pub(crate) fn approve(
    tx: &Tx<'_>,
    id: &RequestId,
    approver: &Approver,
    via: ApprovedVia,
    limit_commands: Option<&BTreeSet<String>>,
    now_ms: u64,
) -> Result<Approval, ApproveError> {
    let Some(mut request) = rows::request(tx, id)? else {
        return Err(match request::superseding(tx, id, now_ms)? {
            Some((now, shown)) => ApproveError::Superseded {
                asked: id.clone(),
                added: Box::new(now.wish.minus(&shown)),
                now: Box::new(now),
            },
            None => ApproveError::Unknown,
        });
    };
    if !request::is_alive(&request, now_ms) {
        return Err(ApproveError::Expired);
    }
    if let (Some(limit), Some(surface)) = (limit_commands, &mut request.wish.surface) {
        surface.commands.retain(|command| limit.contains(command));
    }
    let stored = rows::device(tx, &request.device_id)?;
    let grant = Grant::of(stored.as_ref(), &request.wish);
    grant.check(approver, stored.as_ref(), &request.wish)?;
    let ask = Ask {
        device_id: request.device_id.clone(),
        public_key: request.public_key.clone(),
        profile: request.profile.clone(),
        wish: request.wish.clone(),
        reason: request.reason,
        is_repair: request.is_repair,
    };
    let device = write(tx, stored, grant, &ask, via, now_ms)?;
    request::drop_of(tx, &device.id)?;
    let text = format!("{} was approved as {}", device.name(), listed(&request.wish.roles));
    let line = AuditLine {
        request_id: Some(request.id.clone()),
        ..AuditLine::new(now_ms, "pairing.approved", approver.as_str(), text).about(&device.id)
    };
    audit::write(tx, &line)?;
    Ok(Approval { request, device })
}

/// Pairs without a request: the caller has proof that no person needs to be asked.
pub(crate) fn pair_silently(tx: &Tx<'_>, ask: &Ask, via: ApprovedVia, now_ms: u64) -> Result<Device, StoreError> {
    let stored = rows::device(tx, &ask.device_id)?;
    let grant = Grant::of(stored.as_ref(), &ask.wish);
    let device = write(tx, stored, grant, ask, via, now_ms)?;
    if rows::request_of(tx, &ask.device_id)?.is_some_and(|pending| ask.wish.covers(&pending.wish)) {
        request::drop_of(tx, &ask.device_id)?;
    }
    let text = format!("{} was paired without asking as {}", device.name(), listed(&ask.wish.roles));
    audit::write(tx, &AuditLine::new(now_ms, "pairing.silent", via.as_str(), text).about(&device.id))?;
    Ok(device)
}

/// What the record holds after a grant, worked out before anything is checked, so that what is checked is what is
/// granted: an empty scope list means the baseline (SEC-050).
struct Grant {
    roles: BTreeSet<Role>,
    baseline: ScopeSet,
    surface: Option<Surface>,
    /// What the token of the role operator gives, when one is made.
    operator_scopes: ScopeSet,
}

impl Grant {
    fn of(stored: Option<&Device>, wish: &Wish) -> Self {
        // What a revoked role once had does not come back with it: it would be granted without having been shown.
        let live = |role| stored.filter(|device| device.has_live_role(role));
        let keeps = |role| stored.filter(|device| device.has_live_role(role) || !wish.roles.contains(&role));
        let old = keeps(Role::Operator).map(|device| device.scopes.clone()).unwrap_or_default();
        let operator_scopes = match live(Role::Operator) {
            Some(device) if wish.scopes.is_empty() => device.scopes.clone(),
            _ => wish.scopes.clone(),
        };
        let approved = keeps(Role::Node).and_then(|device| device.surface.clone());
        let surface = match (approved, wish.surface.clone()) {
            (Some(approved), Some(wished)) => Some(approved.union(&wished)),
            (approved, wished) => approved.or(wished),
        };
        let roles = stored.map(|device| device.roles.clone()).unwrap_or_default();
        Self { roles: &roles | &wish.roles, baseline: old.union(&wish.scopes), surface, operator_scopes }
    }

    fn check(&self, approver: &Approver, stored: Option<&Device>, wish: &Wish) -> Result<(), ApproveError> {
        let of_operator = wish.roles.contains(&Role::Operator).then_some(&self.operator_scopes);
        let granted = of_operator.into_iter().chain([&wish.scopes]).flat_map(ScopeSet::iter).map(Scope::as_str);
        let admin_device = stored.is_some_and(Device::is_admin).then_some(Scope::ADMIN);
        let wanted = required_approve_scopes(wish).into_iter().chain(granted).chain(admin_device);
        approver.missing(wanted).map_or(Ok(()), |scope| Err(ApproveError::MissingScope(scope)))
    }
}

fn write(
    tx: &Tx<'_>,
    stored: Option<Device>,
    grant: Grant,
    ask: &Ask,
    via: ApprovedVia,
    now_ms: u64,
) -> Result<Device, StoreError> {
    let is_new = stored.is_none();
    let stored = stored.unwrap_or_else(|| Device {
        id: ask.device_id.clone(),
        public_key: String::new(),
        profile: Profile::default(),
        roles: BTreeSet::new(),
        scopes: ScopeSet::none(),
        surface: None,
        tokens: Vec::new(),
        operator_label: None,
        created_at_ms: now_ms,
        approved_at_ms: now_ms,
        approved_via: via,
        seen: Seen::default(),
    });
    let mut device = Device {
        public_key: ask.public_key.clone(),
        profile: super::device::keep_given_name(tx, &stored, &ask.profile)?,
        roles: grant.roles,
        scopes: grant.baseline,
        surface: grant.surface,
        approved_at_ms: now_ms,
        // An owner's word is not replaced by a later silent upgrade.
        approved_via: if is_new || via == ApprovedVia::Owner { via } else { stored.approved_via },
        ..stored
    };
    rows::insert_device(tx, &device)?;
    for role in &ask.wish.roles {
        let old = device.token(*role);
        if old.is_some_and(|token| token.revoked_at_ms.is_none()) {
            continue;
        }
        let scopes = if *role == Role::Operator { grant.operator_scopes.clone() } else { ScopeSet::none() };
        let token = DeviceToken {
            role: *role,
            token: random_token()?,
            scopes,
            created_at_ms: old.map_or(now_ms, |token| token.created_at_ms),
            rotated_at_ms: old.map(|_| now_ms),
            revoked_at_ms: None,
            last_used_at_ms: None,
        };
        rows::put_token(tx, &device.id, &token)?;
        device.tokens.retain(|token| token.role != *role);
        device.tokens.push(token);
    }
    device.tokens.sort_by_key(|token| token.role);
    Ok(device)
}

fn listed(roles: &BTreeSet<Role>) -> String {
    roles.iter().map(|role| role.as_str()).collect::<Vec<_>>().join(" and ")
}
