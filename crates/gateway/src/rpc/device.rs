//! `device.*`: the device view of the pairing inbox, paired devices and their tokens, invitations.
//!
//! Whoever is not an administrator sees and changes only its own device's record (SEC-058); what it approves never
//! exceeds what it holds (SEC-050, kept inside the store's transaction).

use openclaw_protocol::{
    id::{DeviceId, RequestId},
    method::NoParams,
    methods::device as wire,
    scope::{Role, Scope},
    version::Dialect,
};
use openclaw_store::pairing::{ApproveError, PairingRequest, TokenError, Wish};
use serde_json::json;

use super::{
    ctx::Ctx,
    error::RpcError,
    registry::{Access, Answer, Registry},
};
use crate::pairing::{
    inbox::{self, Named},
    shape, view,
};

const PAIRING: Access = Access::Scope(Scope::PAIRING);
const ADMIN: Access = Access::Scope(Scope::ADMIN);
/// Longest label, in characters (protocol.md §5.3).
const MAX_LABEL: usize = 64;

pub(super) fn register(r: &mut Registry) {
    r.on::<wire::PairList>(PAIRING, list);
    r.on::<wire::PairApprove>(PAIRING, approve);
    r.on::<wire::PairReject>(PAIRING, reject);
    r.on::<wire::PairRemove>(PAIRING, remove);
    r.on::<wire::PairRename>(PAIRING, rename);
    r.on::<wire::PairSetupCode>(ADMIN, crate::invite::setup_code);
    r.on::<wire::PairSetupStatus>(ADMIN, crate::invite::setup_status);
    r.on::<wire::TokenRotate>(PAIRING, rotate);
    r.on::<wire::TokenRevoke>(PAIRING, revoke);
}

async fn list(ctx: Ctx, _: NoParams) -> Answer<wire::PairList> {
    let requests = ctx.hub.store.requests(ctx.now_ms())?;
    let ids: Vec<RequestId> =
        requests.iter().filter(|request| !request.shown).map(|request| request.id.clone()).collect();
    if !ids.is_empty() {
        ctx.hub.store.mark_shown(ids).await?;
    }
    let pending = requests.iter().map(|request| view::pending(&ctx.hub, request)).collect();
    let mut devices = ctx.hub.store.devices()?;
    devices.retain(|device| may_act_on(&ctx, &device.id));
    devices.sort_by_key(|device| std::cmp::Reverse(device.approved_at_ms));
    let connected = |id: &DeviceId| !ctx.hub.connections.of_device(id).is_empty();
    let paired = devices.iter().map(|device| shape::paired(device, connected(&device.id))).collect();
    Ok(wire::PairListReply { pending, paired })
}

async fn approve(ctx: Ctx, p: wire::PairDecideParams) -> Answer<wire::PairApprove> {
    let request = find(&ctx, &p.request_id)?;
    let approval = approve_found(&ctx, &request).await?;
    let connected = !ctx.hub.connections.of_device(&approval.device.id).is_empty();
    Ok(wire::PairApproveReply { request_id: request.id, device: shape::paired(&approval.device, connected) })
}

/// Approves in the caller's name; shared with `node.pair.approve`.
pub(super) async fn approve_found(
    ctx: &Ctx,
    request: &PairingRequest,
) -> Result<openclaw_store::pairing::Approval, RpcError> {
    inbox::approve(&ctx.hub, &request.id, ctx.approver(), &ctx.principal()).await.map_err(approve_error)
}

async fn reject(ctx: Ctx, p: wire::PairDecideParams) -> Answer<wire::PairReject> {
    let request = find(&ctx, &p.request_id)?;
    let rejected = inbox::reject(&ctx.hub, &request.id, &ctx.principal()).await?;
    let request = rejected.ok_or_else(|| RpcError::invalid("unknown requestId"))?;
    Ok(wire::PairRejectReply { request_id: request.id, device_id: request.device_id })
}

async fn remove(ctx: Ctx, p: wire::DeviceParams) -> Answer<wire::PairRemove> {
    guard(&ctx, &p.device_id, "device pairing removal denied")?;
    let removed = ctx.hub.store.remove(p.device_id.clone(), ctx.now_ms()).await?;
    let device = removed.ok_or_else(|| RpcError::invalid("unknown deviceId"))?;
    inbox::dismissed(&ctx, &device.id, None, "device removed");
    Ok(wire::DeviceReply { device_id: device.id })
}

async fn rename(ctx: Ctx, p: wire::PairRenameParams) -> Answer<wire::PairRename> {
    guard(&ctx, &p.device_id, "device rename denied")?;
    let label = p.label.trim().to_owned();
    if label.is_empty() || label.chars().count() > MAX_LABEL {
        return Err(RpcError::invalid("invalid device.pair.rename params: at /label: must have 1 to 64 characters"));
    }
    let found = ctx.hub.store.label(p.device_id.clone(), Some(label.clone()), ctx.now_ms()).await?;
    let device = found.ok_or_else(|| RpcError::invalid("unknown deviceId"))?;
    ctx.hub.nodes.changed();
    Ok(wire::PairRenameReply { device_id: device.id, label })
}

async fn rotate(ctx: Ctx, p: wire::TokenRotateParams) -> Answer<wire::TokenRotate> {
    let role = role_of(&p.role)?;
    guard(&ctx, &p.device_id, "device token rotation denied")?;
    let rotated = ctx.hub.store.rotate(p.device_id.clone(), role, p.scopes, ctx.approver(), ctx.now_ms()).await;
    let token = rotated.map_err(token_error)?;
    let own = ctx.session.device_id.as_ref() == Some(&p.device_id);
    inbox::dismissed(&ctx, &p.device_id, Some(role), "device token rotated");
    let v4 = ctx.session.dialect == Dialect::V4;
    let delivery = if own { "in-band" } else { "withheld-cross-device" };
    Ok(wire::TokenRotateReply {
        device_id: p.device_id,
        role,
        token: (own || !v4).then(|| token.token.expose().to_owned()),
        scopes: token.scopes,
        rotated_at_ms: token.rotated_at_ms.unwrap_or(token.created_at_ms),
        token_delivery: v4.then(|| delivery.to_owned()),
    })
}

async fn revoke(ctx: Ctx, p: wire::TokenRevokeParams) -> Answer<wire::TokenRevoke> {
    let role = role_of(&p.role)?;
    guard(&ctx, &p.device_id, "device token revocation denied")?;
    let revoked = ctx.hub.store.revoke(p.device_id.clone(), role, ctx.approver(), ctx.now_ms()).await;
    let token = revoked.map_err(token_error)?;
    inbox::dismissed(&ctx, &p.device_id, Some(role), "device token revoked");
    let revoked_at_ms = token.revoked_at_ms.unwrap_or_else(|| ctx.now_ms());
    Ok(wire::TokenRevokeReply { device_id: p.device_id, role, revoked_at_ms })
}

fn role_of(text: &str) -> Result<Role, RpcError> {
    Role::parse(text.trim()).ok_or_else(|| RpcError::invalid("unknown deviceId/role"))
}

/// Its own record, or anybody's for an administrator (SEC-058).
pub(super) fn may_act_on(ctx: &Ctx, device: &DeviceId) -> bool {
    ctx.session.owner || ctx.is_admin() || ctx.session.device_id.as_ref().is_none_or(|own| own == device)
}

pub(super) fn guard(ctx: &Ctx, device: &DeviceId, denial: &str) -> Result<(), RpcError> {
    if may_act_on(ctx, device) {
        return Ok(());
    }
    let details = json!({"code": "DEVICE_NOT_OWN", "fix": "ask with a connection that holds operator.admin"});
    Err(RpcError::invalid(denial).with_details(details))
}

/// The request that somebody named; shared with `node.pair.*`.
pub(super) fn find(ctx: &Ctx, selector: &str) -> Result<PairingRequest, RpcError> {
    match inbox::named(&ctx.hub, selector)? {
        Named::One(request) => Ok(request),
        Named::Widened { now, added } => Err(widened(&now, &added)),
        Named::Several(requests) => Err(several(selector, &requests)),
        Named::None => {
            let waiting = ctx.hub.store.requests(ctx.now_ms())?;
            let ids: Vec<&str> = waiting.iter().map(|request| request.id.as_str()).collect();
            let fix = if ids.is_empty() {
                "nothing waits; start the device's program again and it asks anew".to_owned()
            } else {
                format!("openclaw devices approve {}", ids.join(" | "))
            };
            let details = json!({"code": "UNKNOWN_REQUEST", "pending": ids, "fix": fix});
            Err(RpcError::invalid("unknown requestId").with_details(details))
        }
    }
}

fn widened(now: &PairingRequest, added: &Wish) -> RpcError {
    let message = format!(
        "the device asks for more since this request was shown: {}. The request is {} now",
        view::wish_text(added),
        now.id
    );
    RpcError::invalid(message).with_details(json!({
        "code": "PAIRING_CHANGED",
        "requestId": now.id,
        "addedRoles": added.roles,
        "addedScopes": added.scopes,
        "addedCommands": added.surface.as_ref().map(|surface| &surface.commands),
        "fix": format!("openclaw devices approve {}", now.id),
    }))
}

fn several(selector: &str, requests: &[PairingRequest]) -> RpcError {
    let ids: Vec<&str> = requests.iter().map(|request| request.id.as_str()).collect();
    let message = format!("ambiguous request: {} (matches: {})", crate::text::for_log(selector), ids.join(", "));
    RpcError::invalid(message).with_details(json!({"code": "AMBIGUOUS_REQUEST", "matches": ids}))
}

fn approve_error(error: ApproveError) -> RpcError {
    match error {
        ApproveError::MissingScope(scope) => RpcError::missing_scope(&scope),
        ApproveError::Store(error) => error.into(),
        other => RpcError::invalid(other.to_string()),
    }
}

fn token_error(error: TokenError) -> RpcError {
    match error {
        TokenError::MissingScope(scope) => RpcError::missing_scope(&scope),
        TokenError::Store(error) => error.into(),
        // The reference has one text for everything that is not there to be rotated (protocol.md §5.3).
        _ => RpcError::invalid("unknown deviceId/role"),
    }
}
