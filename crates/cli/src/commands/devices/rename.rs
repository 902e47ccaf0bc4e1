//! `openclaw devices rename` (2026.9).

use clap::Args;
use openclaw_protocol::{
    method::NoParams,
    methods::device::{PairList, PairRename, PairRenameParams},
};

use super::remove::find;
use crate::{connect::connect, context::Context, exit::Exit, human::clean, problem::Outcome, target::GatewayArgs};

/// Give a device a label.
#[derive(Args, Debug)]
pub(crate) struct Rename {
    /// Device id, the start of one, or the device's name
    #[arg(long, value_name = "DEVICE")]
    device: String,
    /// The label, 1 to 64 characters
    #[arg(long, value_name = "NAME")]
    name: String,
    #[command(flatten)]
    gateway: GatewayArgs,
}

pub(super) fn run(ctx: &Context, args: &Rename) -> Outcome {
    let reply = crate::context::block_on(async {
        let link = connect(ctx, &args.gateway).await?;
        let paired = link.call::<PairList>(ctx, NoParams {}).await?.paired;
        let params = PairRenameParams { device_id: find(ctx, &paired, &args.device)?, label: args.name.clone() };
        link.call::<PairRename>(ctx, params).await
    })?;
    if ctx.ui.is_json() {
        ctx.ui.json(&reply);
    } else {
        ctx.ui.line(format!("Renamed {} to {}", reply.device_id, clean(&reply.label)));
    }
    Ok(Exit::Success)
}
