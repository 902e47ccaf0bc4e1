//! `openclaw nodes rename`.

use clap::Args;
use openclaw_protocol::{
    id::DeviceId,
    methods::node::{Rename as NodeRename, RenameParams},
};

use super::command::known;
use crate::{
    connect::connect, context::Context, exit::Exit, human::clean, node_choice::choose, problem::Outcome,
    target::GatewayArgs,
};

/// Give a node a name.
#[derive(Args, Debug)]
pub(crate) struct Rename {
    /// Node id, name, address, or the start of the id
    #[arg(long, value_name = "NODE")]
    node: String,
    /// The new name
    #[arg(long, value_name = "NAME")]
    name: String,
    #[command(flatten)]
    gateway: GatewayArgs,
}

pub(super) fn run(ctx: &Context, args: &Rename) -> Outcome {
    let reply = crate::context::block_on(async {
        let link = connect(ctx, &args.gateway).await?;
        let nodes = known(ctx, &link).await?;
        let node_id = DeviceId::new(choose(&nodes, Some(&args.node))?.node_id.clone());
        link.call::<NodeRename>(ctx, RenameParams { node_id, display_name: args.name.clone() }).await
    })?;
    if ctx.ui.is_json() {
        ctx.ui.json(&reply);
    } else {
        ctx.ui.line(format!("node rename ok: {} -> {}", reply.node_id, clean(&reply.display_name)));
    }
    Ok(Exit::Success)
}
