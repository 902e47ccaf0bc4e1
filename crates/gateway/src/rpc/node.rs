//! `node.*`: listing, describing and renaming nodes, invoking their commands, their answers, the node view of the inbox.

use openclaw_protocol::{
    events,
    limits::MAX_CHUNK_BYTES,
    method::{Method, NoParams},
    methods::{device::PairDecideParams, node as wire},
    scope::{Role, Scope},
};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use tracing::debug;

use super::{
    ctx::Ctx,
    device::{approve_found, find, guard, may_act_on},
    error::RpcError,
    registry::{Access, Answer, Registry},
};
use crate::{
    nodes::{
        invoke,
        registry::{Handle, Taken},
        view as nodes_view,
    },
    pairing::{inbox, view},
    text::for_log,
};

const READ: Access = Access::Scope(Scope::READ);
const WRITE: Access = Access::Scope(Scope::WRITE);
const PAIRING: Access = Access::Scope(Scope::PAIRING);

pub(super) fn register(r: &mut Registry) {
    r.on::<List>(READ, list);
    r.on::<wire::Describe>(READ, describe);
    r.on::<wire::Rename>(PAIRING, rename);
    r.on::<wire::Invoke>(Access::Dynamic(invoke_scope), invoke);
    r.on::<wire::InvokeInput>(WRITE, input);
    r.on::<wire::InvokeCancel>(WRITE, cancel);
    r.on::<wire::InvokeResult>(Access::Node, result);
    r.on::<wire::InvokeProgress>(Access::Node, progress);
    r.on::<wire::Event>(Access::Node, event);
    r.on::<wire::PairList>(PAIRING, pair_list);
    r.on::<wire::PairApprove>(PAIRING, pair_approve);
    r.on::<wire::PairReject>(PAIRING, pair_reject);
    r.on::<wire::PairRemove>(PAIRING, pair_remove);
}

/// `node.list`, whose nodes are kept serialised between two changes.
enum List {}

impl Method for List {
    const NAME: &'static str = wire::List::NAME;
    type Params = NoParams;
    type Reply = Box<RawValue>;
}

/// [`wire::ListReply`] with prepared nodes.
#[derive(Serialize)]
struct Prepared<'a> {
    ts: u64,
    nodes: &'a RawValue,
}

async fn list(ctx: Ctx, _: NoParams) -> Answer<List> {
    let nodes = nodes_view::prepared(&ctx)?;
    serde_json::value::to_raw_value(&Prepared { ts: ctx.now_ms(), nodes: &nodes }).map_err(|e| RpcError::internal(&e))
}

async fn describe(ctx: Ctx, p: wire::NodeParams) -> Answer<wire::Describe> {
    if p.node_id.as_str().trim().is_empty() {
        return Err(RpcError::invalid("nodeId required"));
    }
    let node = nodes_view::one(&ctx, &p.node_id)?.ok_or_else(|| RpcError::invalid("unknown nodeId"))?;
    Ok(wire::DescribeReply { ts: ctx.now_ms(), node })
}

async fn rename(ctx: Ctx, p: wire::RenameParams) -> Answer<wire::Rename> {
    let name = p.display_name.trim();
    if name.is_empty() {
        return Err(RpcError::invalid(
            "invalid node.rename params: at /displayName: must NOT have fewer than 1 characters",
        ));
    }
    guard(&ctx, &p.node_id, "node rename denied")?;
    let renamed = ctx.hub.store.rename(p.node_id.clone(), name.to_owned(), ctx.now_ms()).await?;
    let device = renamed.filter(|device| device.roles.contains(&Role::Node));
    let device = device.ok_or_else(|| RpcError::invalid("unknown nodeId"))?;
    ctx.hub.nodes.changed();
    ctx.hub.connections.broadcast(&events::device::PAIR_CHANGED, &events::device::PairChanged {}, None);
    Ok(wire::RenameReply { node_id: device.id, display_name: name.to_owned() })
}

/// Writing is enough for ordinary commands; what reaches into the machine's own programs and files needs everything
/// (protocol.md §9.2). Params that cannot be read need the least scope: their decoding fails next.
pub(super) fn invoke_scope(raw: &str) -> &'static str {
    #[derive(Deserialize)]
    struct Command {
        command: String,
    }
    let command = serde_json::from_str::<Command>(raw).map(|found| found.command).unwrap_or_default();
    match command.trim() {
        name if name.starts_with("browser.proxy") => Scope::ADMIN,
        "fs.listDir" | "terminal.upload" => Scope::ADMIN,
        _ => Scope::WRITE,
    }
}

async fn invoke(ctx: Ctx, p: wire::InvokeParams) -> Answer<wire::Invoke> {
    Box::pin(invoke::invoke(&ctx, p)).await
}

async fn input(ctx: Ctx, p: wire::InvokeInputParams) -> Answer<wire::InvokeInput> {
    if p.payload_json.len() > MAX_CHUNK_BYTES {
        return Err(RpcError::invalid("invoke input too large"));
    }
    let Some((id, node)) = ctx.hub.nodes.find(&handle(&ctx, &p.node_id, &p.idempotency_key)) else {
        return Ok(ack(Taken::Ignored));
    };
    let event =
        events::node::InvokeInput { id: id.to_string(), node_id: p.node_id, seq: p.seq, payload_json: p.payload_json };
    node.send_event(&events::node::INVOKE_INPUT, &event);
    Ok(ack(Taken::Yes))
}

async fn cancel(ctx: Ctx, p: wire::InvokeCancelParams) -> Answer<wire::InvokeCancel> {
    let Some((id, node)) = ctx.hub.nodes.find(&handle(&ctx, &p.node_id, &p.idempotency_key)) else {
        return Ok(ack(Taken::Ignored));
    };
    let event = events::node::InvokeCancel { invoke_id: id.to_string(), node_id: p.node_id };
    node.send_event(&events::node::INVOKE_CANCEL, &event);
    Ok(ack(Taken::Yes))
}

fn handle(ctx: &Ctx, node_id: &str, key: &str) -> Handle {
    Handle { principal: ctx.principal(), node_id: node_id.to_owned(), idempotency_key: key.to_owned() }
}

async fn result(ctx: Ctx, p: wire::InvokeResultParams) -> Answer<wire::InvokeResult> {
    match ctx.hub.nodes.finish(&ctx.session, p) {
        Taken::WrongNode => Err(RpcError::invalid("nodeId mismatch")),
        taken => Ok(ack(taken)),
    }
}

async fn progress(ctx: Ctx, p: wire::InvokeProgressParams) -> Answer<wire::InvokeProgress> {
    if p.chunk.len() > MAX_CHUNK_BYTES {
        return Err(RpcError::invalid("progress chunk too large"));
    }
    match ctx.hub.nodes.progress(&ctx.session, p) {
        Taken::WrongNode => Err(RpcError::invalid("nodeId mismatch")),
        taken => Ok(ack(taken)),
    }
}

fn ack(taken: Taken) -> wire::InvokeAck {
    wire::InvokeAck { ok: true, ignored: (taken == Taken::Ignored).then_some(true) }
}

/// Events of nodes carry reduced trust (SEC-084): exec events are noted in the log, nothing is started by any of them.
async fn event(ctx: Ctx, p: wire::EventParams) -> Answer<wire::Event> {
    let known = matches!(p.event.as_str(), "exec.started" | "exec.finished" | "exec.denied" | "node.presence.alive");
    debug!(conn.id = %ctx.session.conn_id, "node event {}", for_log(&p.event));
    let reason = (!known).then(|| "unsupported_event".to_owned());
    Ok(wire::EventReply { ok: true, event: p.event, handled: known, reason })
}

async fn pair_list(ctx: Ctx, _: NoParams) -> Answer<wire::PairList> {
    let requests = ctx.hub.store.requests(ctx.now_ms())?;
    let of_nodes: Vec<_> = requests.iter().filter(|request| request.wish.roles.contains(&Role::Node)).collect();
    let ids: Vec<_> = of_nodes.iter().filter(|request| !request.shown).map(|request| request.id.clone()).collect();
    if !ids.is_empty() {
        ctx.hub.store.mark_shown(ids).await?;
    }
    let pending = of_nodes.into_iter().map(|request| view::node_pending(&ctx.hub, request)).collect();
    let mut devices = ctx.hub.store.node_devices()?;
    devices.retain(|device| may_act_on(&ctx, &device.id));
    devices.sort_by_key(|device| std::cmp::Reverse(device.approved_at_ms));
    Ok(wire::PairListReply { pending, paired: devices.iter().map(view::paired_node).collect() })
}

async fn pair_approve(ctx: Ctx, p: PairDecideParams) -> Answer<wire::PairApprove> {
    let request = find(&ctx, &p.request_id)?;
    let approval = approve_found(&ctx, &request).await?;
    Ok(wire::PairApproveReply { request_id: request.id, node: view::paired_node(&approval.device) })
}

async fn pair_reject(ctx: Ctx, p: PairDecideParams) -> Answer<wire::PairReject> {
    let request = find(&ctx, &p.request_id)?;
    let rejected = inbox::reject(&ctx.hub, &request.id, &ctx.principal()).await?;
    let request = rejected.ok_or_else(|| RpcError::invalid("unknown requestId"))?;
    Ok(wire::PairRejectReply { request_id: request.id, node_id: request.device_id })
}

async fn pair_remove(ctx: Ctx, p: wire::NodeParams) -> Answer<wire::PairRemove> {
    if !(ctx.session.owner || ctx.is_admin()) {
        return Err(RpcError::invalid("node pairing removal denied"));
    }
    let removed = ctx.hub.store.remove_role(p.node_id.clone(), Role::Node, ctx.now_ms()).await?;
    if removed.is_none() {
        return Err(RpcError::invalid("unknown nodeId"));
    }
    inbox::dismissed(&ctx, &p.node_id, Some(Role::Node), "device removed");
    let event = events::node::PairResolved {
        request_id: String::new(),
        node_id: p.node_id.to_string(),
        decision: "removed".into(),
        ts: ctx.now_ms(),
    };
    ctx.hub.connections.broadcast(&events::node::PAIR_RESOLVED, &event, None);
    Ok(wire::NodeReply { node_id: p.node_id })
}
