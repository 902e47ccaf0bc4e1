//! `openclaw nodes list`: what waits and what is paired, joined with what is connected.

use clap::Args;
use openclaw_protocol::{
    method::NoParams,
    methods::node::{List as NodeList, NodeSummary, PairList, PairListReply},
};
use serde_json::json;

use super::command::Filter;
use crate::{
    connect::connect,
    context::Context,
    exit::Exit,
    human::{ago, clean},
    node_choice::label,
    pairing_text::show_pending,
    problem::Outcome,
    target::GatewayArgs,
    ui::Tone,
};

/// Nodes that wait and nodes that are paired.
#[derive(Args, Debug)]
pub(crate) struct List {
    #[command(flatten)]
    filter: Filter,
    #[command(flatten)]
    gateway: GatewayArgs,
}

pub(super) fn run(ctx: &Context, args: &List) -> Outcome {
    let (pairs, mut nodes) = crate::context::block_on(async {
        let link = connect(ctx, &args.gateway).await?;
        let pairs = link.call::<PairList>(ctx, NoParams {}).await?;
        let nodes = link.call::<NodeList>(ctx, NoParams {}).await?.nodes;
        link.close().await;
        Ok((pairs, nodes))
    })?;
    let total = nodes.len();
    let now = ctx.now_ms();
    nodes.retain(|node| {
        let last = node.approval.last_connected_at_ms.or(node.connected_at_ms);
        node.paired && args.filter.keeps(node.connected, last, now)
    });
    if ctx.ui.is_json() {
        ctx.ui.json(&json!({"pending": pairs.pending, "paired": nodes}));
    } else {
        show(ctx, &pairs, &nodes, total, args.filter.is_set());
    }
    Ok(Exit::Success)
}

fn show(ctx: &Context, pairs: &PairListReply, nodes: &[NodeSummary], total: usize, filtered: bool) {
    let (ui, now) = (&ctx.ui, ctx.now_ms());
    let of = if filtered { format!(" (of {total})") } else { String::new() };
    ui.line(format!("Pending: {} · Paired: {}{of}", pairs.pending.len(), nodes.len()));
    if !nodes.is_empty() {
        ui.line(ui.paint(Tone::Strong, "Paired"));
        let rows = nodes.iter().map(|node| {
            let last = match (node.connected, node.approval.last_connected_at_ms) {
                (true, _) => "connected".to_owned(),
                (false, Some(at)) => ago(now, at),
                (false, None) => "never".to_owned(),
            };
            [clean(label(node)), node.node_id.clone(), node.remote_ip.clone().unwrap_or_default(), last]
        });
        ui.table(["Node", "ID", "IP", "Last Connect"], rows);
    }
    if !pairs.pending.is_empty() {
        let requests: Vec<_> = pairs.pending.iter().map(|pending| pending.request.clone()).collect();
        show_pending(ui, &requests, now, &ctx.command("nodes approve"));
    } else if nodes.is_empty() {
        ui.line(format!("Make this machine a node with: {}", ctx.command("node run")));
    }
}
