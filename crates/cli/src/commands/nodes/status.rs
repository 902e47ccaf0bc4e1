//! `openclaw nodes status`.

use clap::Args;
use openclaw_protocol::{
    method::NoParams,
    methods::node::{ApprovalState, List, NodePending, NodeSummary, PairList},
};
use serde_json::json;

use super::command::Filter;
use crate::{
    connect::connect,
    context::Context,
    exit::Exit,
    human::{ago, clean},
    node_choice::label,
    problem::Outcome,
    target::GatewayArgs,
    ui::Tone,
};

/// Every node, what it can do, since when.
#[derive(Args, Debug)]
pub(crate) struct Status {
    #[command(flatten)]
    filter: Filter,
    #[command(flatten)]
    gateway: GatewayArgs,
}

pub(super) fn run(ctx: &Context, args: &Status) -> Outcome {
    let (mut reply, waiting) = crate::context::block_on(async {
        let link = connect(ctx, &args.gateway).await?;
        let reply = link.call::<List>(ctx, NoParams {}).await?;
        // What waits stands in every place where one would look (promise P3); who may not decide it is not told of it.
        let waiting = if ctx.ui.is_json() {
            Vec::new()
        } else {
            link.call::<PairList>(ctx, NoParams {}).await.map(|list| list.pending).unwrap_or_default()
        };
        link.close().await;
        Ok((reply, waiting))
    })?;
    let total = reply.nodes.len();
    let now = ctx.now_ms();
    reply.nodes.retain(|node| {
        let last = node.approval.last_connected_at_ms.or(node.connected_at_ms);
        args.filter.keeps(node.connected, last, now)
    });
    if ctx.ui.is_json() {
        ctx.ui.json(&json!({"ts": reply.ts, "nodes": reply.nodes}));
    } else {
        show(ctx, &reply.nodes, total, &args.filter);
        show_waiting(ctx, &reply.nodes, &waiting);
    }
    Ok(Exit::Success)
}

fn show(ctx: &Context, nodes: &[NodeSummary], total: usize, filter: &Filter) {
    let ui = &ctx.ui;
    let of = if filter.is_set() { format!(" (of {total})") } else { String::new() };
    let paired = nodes.iter().filter(|node| node.paired).count();
    let connected = nodes.iter().filter(|node| node.connected).count();
    ui.line(format!("Known: {}{of} · Paired: {paired} · Connected: {connected}", nodes.len()));
    if nodes.is_empty() {
        ui.line(format!("Make this machine a node with: {}", ctx.command("node run")));
        ui.line(format!("Let another one in with: {}", ctx.command("devices invite")));
        return;
    }
    let now = ctx.now_ms();
    ui.table(["Node", "ID", "IP", "Detail", "Status", "Commands"], nodes.iter().map(|node| row(node, now)));
    for node in nodes {
        let word = match node.approval.approval_state {
            ApprovalState::PendingApproval => "Approval",
            ApprovalState::PendingReapproval => "Reapproval",
            _ => continue,
        };
        if let Some(id) = &node.approval.pending_request_id {
            let command = ctx.command(&format!("nodes approve {}", clean(id)));
            ui.line(ui.paint(Tone::Warn, format!("{word} pending for {}. Run {command}", clean(label(node)))));
        }
    }
}

/// Requests of devices that are no nodes yet; those of known nodes stand behind the table already.
fn show_waiting(ctx: &Context, nodes: &[NodeSummary], waiting: &[NodePending]) {
    let known = |pending: &&NodePending| nodes.iter().any(|node| node.node_id == pending.node_id);
    for pending in waiting.iter().filter(|pending| !known(pending)) {
        let name = pending.request.display_name.as_deref().unwrap_or(&pending.node_id);
        let command = ctx.command(&format!("nodes approve {}", clean(&pending.request.request_id)));
        ctx.ui.line(ctx.ui.paint(Tone::Warn, format!("{} asks to be a node. Run {command}", clean(name))));
    }
}

fn row(node: &NodeSummary, now: u64) -> [String; 6] {
    let status = match (node.connected, node.connected_at_ms) {
        (true, Some(at)) => format!("connected {}", ago(now, at)),
        (true, None) => "connected".to_owned(),
        (false, _) => match node.approval.last_connected_at_ms {
            Some(at) => format!("last seen {}", ago(now, at)),
            None => "not connected".to_owned(),
        },
    };
    let commands = if node.connected && node.commands.is_empty() { "none".into() } else { node.commands.join("\n") };
    [clean(label(node)), short_id(node), node.remote_ip.clone().unwrap_or_default(), detail(node), status, commands]
}

fn short_id(node: &NodeSummary) -> String {
    node.node_id.get(..12).map_or_else(|| node.node_id.clone(), |head| format!("{head}…"))
}

/// Platform, program, permissions, PATH: what tells nodes apart.
pub(super) fn detail(node: &NodeSummary) -> String {
    let mut parts = Vec::new();
    parts.extend(node.platform.as_deref().map(clean));
    parts.extend(node.model_identifier.as_deref().map(|model| format!("hw: {}", clean(model))));
    if let Some(permissions) = &node.permissions {
        let listed: Vec<String> = permissions
            .iter()
            .map(|(name, on)| format!("{}={}", clean(name), if *on { "yes" } else { "no" }))
            .collect();
        parts.push(format!("perms: [{}]", listed.join(", ")));
    }
    parts.extend(node.version.as_deref().map(|version| format!("core v{}", clean(version))));
    parts.join(" · ")
}
