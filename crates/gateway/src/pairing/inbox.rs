//! Filing and deciding requests, and telling everybody who has to know: approvers by events, the device in the waiting
//! room, the log. Both views of the inbox, `device.pair.*` and `node.pair.*`, come through here (promise P3).

use std::sync::Arc;

use openclaw_protocol::{
    events,
    id::{DeviceId, RequestId},
    scope::Role,
};
use openclaw_store::{
    StoreError,
    pairing::{
        Approval, ApproveError, ApprovedVia, Approver, Ask, Device, Filed, Found, PairingRequest, Quota, QuotaExceeded,
        Wish,
    },
};
use tracing::{info, warn};

use super::{view, waiters::Decision};
use crate::{conn::close::Close, hub::Hub, rpc::ctx::Ctx, text::for_log};

/// Why a request could not be put before the owner.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FileError {
    #[error(transparent)]
    Quota(QuotaExceeded),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Files a device's wish, or refreshes the request that it has.
pub(crate) async fn file(hub: &Arc<Hub>, ask: Ask) -> Result<PairingRequest, FileError> {
    let filed = hub.store.file_request(ask, Quota::default(), hub.clock.now_ms()).await?;
    match filed {
        Filed::Refused(quota) => {
            warn!("a pairing request was turned away: {quota}");
            Err(FileError::Quota(quota))
        }
        Filed::Refreshed(request) => Ok(request),
        Filed::Created(request) => {
            announce(hub, &request);
            Ok(request)
        }
        Filed::Superseded { old, new } => {
            announce_resolved(hub, &old, &new.device_id, "rejected", new.wish.roles.contains(&Role::Node));
            announce(hub, &new);
            Ok(new)
        }
    }
}

/// Pairs without asking anybody: the owner's own machine, an invitation, a trusted network.
pub(crate) async fn pair_silently(hub: &Arc<Hub>, ask: Ask, via: ApprovedVia) -> Result<Device, StoreError> {
    let (reason, roles) = (ask.reason, ask.wish.roles.clone());
    let device = hub.store.pair_silently(ask, via, hub.clock.now_ms()).await?;
    let roles: Vec<&str> = roles.iter().map(|role| role.as_str()).collect();
    info!(
        device.id = %device.id, via = via.as_str(), reason = reason.as_str(),
        "security audit: device pairing auto-approved device={} role={} reason={reason} via={via}",
        device.id, roles.join(",")
    );
    hub.nodes.changed();
    hub.connections.broadcast(&events::device::PAIR_CHANGED, &events::device::PairChanged {}, None);
    Ok(device)
}

/// A request that somebody named, or why there is none.
pub(crate) enum Named {
    One(PairingRequest),
    /// The id was shown once; the device asks for more now (SEC-055).
    Widened {
        now: PairingRequest,
        added: Wish,
    },
    None,
    Several(Vec<PairingRequest>),
}

/// Finds a request by id, prefix, device name or id, or matching code.
pub(crate) fn named(hub: &Hub, selector: &str) -> Result<Named, StoreError> {
    let found = hub.store.find_request(selector.trim(), &hub.identity.key.public(), hub.clock.now_ms())?;
    Ok(match found {
        Found::One(request) => Named::One(request),
        Found::Superseded { now, added, .. } => Named::Widened { now, added },
        Found::None => Named::None,
        Found::Ambiguous(requests) => Named::Several(requests),
    })
}

/// Approves exactly what was shown under that id, and lets the device in at once.
pub(crate) async fn approve(
    hub: &Arc<Hub>,
    id: &RequestId,
    approver: Approver,
    by: &str,
) -> Result<Approval, ApproveError> {
    let approval = hub.store.approve(id.clone(), approver, ApprovedVia::Owner, None, hub.clock.now_ms()).await?;
    let Approval { request, device } = &approval;
    info!(
        request.id = %request.id, device.id = %device.id,
        "security audit: {} approved by {}: {}", for_log(device.name()), for_log(by), view::wish_text(&request.wish)
    );
    put_into_effect(hub, device);
    announce_resolved(hub, &request.id, &device.id, "approved", request.wish.roles.contains(&Role::Node));
    hub.waiters.tell(&device.id, Decision::LookAgain);
    Ok(approval)
}

/// Refuses a request; a device in the waiting room is told and ends.
pub(crate) async fn reject(hub: &Arc<Hub>, id: &RequestId, by: &str) -> Result<Option<PairingRequest>, StoreError> {
    let Some(request) = hub.store.reject(id.clone(), hub.clock.now_ms()).await? else { return Ok(None) };
    let name = request.profile.display_name.as_deref().unwrap_or_else(|| request.device_id.short());
    info!(request.id = %request.id, device.id = %request.device_id, "security audit: {} rejected by {}", for_log(name), for_log(by));
    hub.nodes.changed();
    announce_resolved(hub, &request.id, &request.device_id, "rejected", request.wish.roles.contains(&Role::Node));
    hub.waiters.tell(&request.device_id, Decision::Rejected);
    Ok(Some(request))
}

/// Ends a device's connections and whatever it waits for, after its record, its role or its token went (SEC-060).
pub(crate) fn dismissed(ctx: &Ctx, device: &DeviceId, role: Option<Role>, why: &'static str) {
    let hub = &ctx.hub;
    info!(device.id = %device, "security audit: {why} ({}) by {}", device.short(), for_log(&ctx.principal()));
    hub.nodes.changed();
    hub.connections.close_device(device, role, &Close::Removed(why), &ctx.session.conn_id);
    hub.waiters.tell(device, Decision::LookAgain);
    hub.connections.broadcast(&events::device::PAIR_CHANGED, &events::device::PairChanged {}, None);
}

/// A live node gets the commands of its new approval in place, without a reconnect.
fn put_into_effect(hub: &Hub, device: &Device) {
    hub.nodes.changed();
    let Some(session) = hub.nodes.get(device.id.as_str()) else { return };
    let approved = device.surface.clone().unwrap_or_default();
    session.set_effective(session.declared_surface().intersection(&approved));
}

fn announce(hub: &Hub, request: &PairingRequest) {
    let name = request.profile.display_name.as_deref().unwrap_or_else(|| request.device_id.short());
    info!(
        request.id = %request.id, device.id = %request.device_id, reason = request.reason.as_str(),
        "pairing request {} from {} ({}{}): {}. Approve with: openclaw devices approve {}",
        request.id,
        for_log(name),
        request.device_id.short(),
        request.profile.remote_ip.as_deref().map(|ip| format!(", {ip}")).unwrap_or_default(),
        view::wish_text(&request.wish),
        request.id
    );
    hub.nodes.changed();
    hub.connections.broadcast(&events::device::PAIR_REQUESTED, &view::requested_event(request), None);
    if request.wish.roles.contains(&Role::Node) {
        hub.connections.broadcast(&events::node::PAIR_REQUESTED, &view::node_pending(hub, request), None);
    }
}

fn announce_resolved(hub: &Hub, id: &RequestId, device: &DeviceId, decision: &str, is_node: bool) {
    let ts = hub.clock.now_ms();
    let (request_id, device_id) = (id.to_string(), device.to_string());
    let decision = decision.to_owned();
    if is_node {
        let event = events::node::PairResolved {
            request_id: request_id.clone(),
            node_id: device_id.clone(),
            decision: decision.clone(),
            ts,
        };
        hub.connections.broadcast(&events::node::PAIR_RESOLVED, &event, None);
        if let Some(session) = hub.nodes.get(device.as_str()) {
            session.send_event(&events::node::PAIR_RESOLVED, &event);
        }
    }
    let event = events::device::PairResolved { request_id, device_id, decision, ts };
    hub.connections.broadcast(&events::device::PAIR_RESOLVED, &event, None);
}
