//! `openclaw nodes remove` (2026.9).

use clap::Args;
use openclaw_protocol::{
    id::DeviceId,
    methods::node::{NodeParams, PairRemove},
};

use super::command::known;
use crate::{
    connect::connect, context::Context, exit::Exit, node_choice::choose, problem::Outcome, target::GatewayArgs,
};

/// Forget a node.
#[derive(Args, Debug)]
pub(crate) struct Remove {
    /// Node id, name, address, or the start of the id
    #[arg(long, value_name = "NODE")]
    node: String,
    #[command(flatten)]
    gateway: GatewayArgs,
}

pub(super) fn run(ctx: &Context, args: &Remove) -> Outcome {
    let reply = crate::context::block_on(async {
        let link = connect(ctx, &args.gateway).await?;
        let nodes = known(ctx, &link).await?;
        let node_id = DeviceId::new(choose(&nodes, Some(&args.node))?.node_id.clone());
        link.call::<PairRemove>(ctx, NodeParams { node_id }).await
    })?;
    if ctx.ui.is_json() {
        ctx.ui.json(&reply);
    } else {
        ctx.ui.line(format!("Removed paired node {}", reply.node_id));
    }
    Ok(Exit::Success)
}
