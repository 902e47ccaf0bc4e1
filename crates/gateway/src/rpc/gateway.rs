//! `gateway.*`: identity, restart, suspension (protocol.md §§8.2, 9.2).

use std::{sync::Arc, time::Duration};

use openclaw_protocol::{events, method::NoParams, methods::gateway as wire, scope::Scope};

use super::{
    ctx::Ctx,
    error::RpcError,
    registry::{Access, Answer, Registry},
};
use crate::{hub::Hub, restart, suspension::blockers};

const READ: Access = Access::Scope(Scope::READ);
const ADMIN: Access = Access::Scope(Scope::ADMIN);
/// A suspension is looked at so often while it lasts.
const FOLLOW_INTERVAL: Duration = Duration::from_millis(250);
/// The answer is out before the restart begins.
const MIN_RESTART_DELAY: Duration = Duration::from_millis(100);
/// Longest id that a caller may choose.
const MAX_REQUEST_ID: usize = 256;

pub(super) fn register(r: &mut Registry) {
    r.on::<wire::IdentityGet>(READ, identity);
    r.on::<wire::RestartPreflight>(READ, preflight);
    r.on::<wire::RestartRequest>(ADMIN, restart);
    r.on::<wire::SuspendPrepare>(ADMIN, prepare);
    r.on::<wire::SuspendStatus>(READ, suspend_status);
    r.on::<wire::SuspendResume>(ADMIN, resume);
}

async fn identity(ctx: Ctx, _: NoParams) -> Answer<wire::IdentityGet> {
    let identity = &ctx.hub.identity;
    Ok(wire::IdentityReply {
        device_id: identity.key.device_id(),
        public_key: identity.key.public().to_wire(),
        name: identity.name.clone(),
        instance_id: identity.instance_id.clone(),
    })
}

async fn preflight(ctx: Ctx, _: NoParams) -> Answer<wire::RestartPreflight> {
    let active_count = active(&ctx.hub);
    Ok(wire::RestartPreflightReply { safe: active_count == 0, active_count, blockers: blockers(active_count) })
}

async fn restart(ctx: Ctx, p: wire::RestartRequestParams) -> Answer<wire::RestartRequest> {
    let wanted = Duration::from_millis(p.delay_ms.unwrap_or_default());
    if wanted > restart::MAX_DELAY {
        let max = restart::MAX_DELAY.as_millis();
        return Err(RpcError::invalid(format!(
            "invalid gateway.restart.request params: at /delayMs: must be <= {max}"
        )));
    }
    let delay = wanted.max(MIN_RESTART_DELAY);
    let reason = p.reason.as_deref().unwrap_or("restart requested");
    restart::request(&ctx.hub, &format!("{reason} (by {})", ctx.principal()), delay);
    let delay_ms = u64::try_from(delay.as_millis()).unwrap_or(u64::MAX);
    Ok(wire::RestartReply { ok: true, pid: std::process::id(), delay_ms })
}

async fn prepare(ctx: Ctx, p: wire::SuspendPrepareParams) -> Answer<wire::SuspendPrepare> {
    let id = p.request_id.trim();
    if id.is_empty() || id.len() > MAX_REQUEST_ID {
        let problem = "must have 1 to 256 characters";
        return Err(RpcError::invalid(format!("invalid gateway.suspend.prepare params: at /requestId: {problem}")));
    }
    if p.terminal_policy.as_deref().is_some_and(|policy| !matches!(policy, "preserve" | "terminate")) {
        let problem = "must be equal to one of the allowed values";
        return Err(RpcError::invalid(format!(
            "invalid gateway.suspend.prepare params: at /terminalPolicy: {problem}"
        )));
    }
    let before = ctx.hub.suspension.phase();
    let reply = ctx.hub.suspension.prepare(id, p.drain == Some(true), active(&ctx.hub), ctx.now_ms());
    if ctx.hub.suspension.phase() != before {
        announce(&ctx.hub);
        if before == "accepting" {
            ctx.hub.life.tasks.spawn(follow(Arc::clone(&ctx.hub)));
        }
    }
    Ok(reply)
}

async fn suspend_status(ctx: Ctx, p: wire::SuspensionParams) -> Answer<wire::SuspendStatus> {
    let before = ctx.hub.suspension.phase();
    let reply = ctx.hub.suspension.status(&p.suspension_id, active(&ctx.hub), ctx.now_ms());
    if ctx.hub.suspension.phase() != before {
        announce(&ctx.hub);
    }
    Ok(reply)
}

async fn resume(ctx: Ctx, p: wire::SuspensionParams) -> Answer<wire::SuspendResume> {
    let resumed = ctx.hub.suspension.resume(&p.suspension_id);
    if resumed {
        announce(&ctx.hub);
    }
    Ok(wire::SuspendResumeReply { ok: true, status: "running".to_owned(), resumed })
}

/// Commands that run on nodes now.
fn active(hub: &Hub) -> u64 {
    hub.nodes.active_invokes() as u64
}

fn announce(hub: &Hub) {
    let payload = events::gateway::Suspension { phase: hub.suspension.phase().to_owned() };
    hub.connections.broadcast(&events::gateway::SUSPENSION, &payload, None);
}

/// Notes that the work of a suspension is done, and that its time is up, until there is none any more.
async fn follow(hub: Arc<Hub>) {
    while hub.suspension.phase() != "accepting" {
        tokio::select! {
            () = hub.life.stop.cancelled() => return,
            () = tokio::time::sleep(FOLLOW_INTERVAL) => {}
        }
        if hub.suspension.advance(active(&hub), hub.clock.now_ms()) {
            announce(&hub);
        }
    }
}
