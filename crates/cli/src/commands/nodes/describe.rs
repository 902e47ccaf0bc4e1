//! `openclaw nodes describe`.

use clap::Args;
use openclaw_protocol::{
    id::DeviceId,
    methods::node::{Describe as NodeDescribe, NodeParams, NodeSummary},
};

use super::{command::known, status::detail};
use crate::{
    connect::connect,
    context::Context,
    exit::Exit,
    human::{ago, clean},
    node_choice::{choose, label},
    problem::Outcome,
    target::GatewayArgs,
    ui::Tone,
};

/// One node in detail.
#[derive(Args, Debug)]
pub(crate) struct Describe {
    /// Node id, name, address, or the start of the id
    #[arg(long, value_name = "NODE")]
    node: String,
    #[command(flatten)]
    gateway: GatewayArgs,
}

pub(super) fn run(ctx: &Context, args: &Describe) -> Outcome {
    let reply = crate::context::block_on(async {
        let link = connect(ctx, &args.gateway).await?;
        let nodes = known(ctx, &link).await?;
        let node = choose(&nodes, Some(&args.node))?;
        let reply = link.call::<NodeDescribe>(ctx, NodeParams { node_id: DeviceId::new(node.node_id.clone()) }).await?;
        link.close().await;
        Ok(reply)
    })?;
    if ctx.ui.is_json() {
        ctx.ui.json(&reply);
    } else {
        show(ctx, &reply.node);
    }
    Ok(Exit::Success)
}

fn show(ctx: &Context, node: &NodeSummary) {
    let (ui, now) = (&ctx.ui, ctx.now_ms());
    ui.line(ui.paint(Tone::Strong, "Node"));
    let text = |value: &Option<String>| value.as_deref().map(clean).unwrap_or_default();
    let status = match (node.connected, node.connected_at_ms) {
        (true, Some(at)) => format!("connected {}", ago(now, at)),
        (true, None) => "connected".to_owned(),
        (false, _) => "paired · not connected".to_owned(),
    };
    let rows = [
        ("ID", node.node_id.clone()),
        ("Name", clean(label(node))),
        ("Client", text(&node.client_id)),
        ("IP", text(&node.remote_ip)),
        ("Device", detail(node)),
        ("Version", text(&node.version)),
        ("PATH", text(&node.path_env)),
        ("Status", status),
        ("Caps", node.caps.join(", ")),
    ];
    ui.table(
        ["Field", "Value"],
        rows.into_iter().filter(|(_, value)| !value.is_empty()).map(|(name, value)| [name.to_owned(), value]),
    );
    ui.line("");
    ui.line(ui.paint(Tone::Strong, "Commands"));
    if node.commands.is_empty() {
        ui.line("- (none reported)");
    }
    for command in &node.commands {
        ui.line(format!("- {}", clean(command)));
    }
    if let Some(id) = &node.approval.pending_request_id {
        ui.line("");
        ui.line(ui.paint(Tone::Strong, "Pending commands"));
        for command in &node.approval.pending_declared_commands {
            ui.line(format!("- {}", clean(command)));
        }
        ui.line(format!("Approve with: {}", ctx.command(&format!("nodes approve {}", clean(id)))));
    }
}
