//! `openclaw nodes reject`.

use clap::Args;
use openclaw_protocol::methods::{device::PairDecideParams, node::PairReject};

use crate::{connect::connect, context::Context, exit::Exit, problem::Outcome, target::GatewayArgs};

/// Refuse a node or its new commands.
#[derive(Args, Debug)]
pub(crate) struct Reject {
    /// Request id, the start of one, the device's name or id, or the matching code
    #[arg(value_name = "REQUEST")]
    request: String,
    #[command(flatten)]
    gateway: GatewayArgs,
}

pub(super) fn run(ctx: &Context, args: &Reject) -> Outcome {
    let reply = crate::context::block_on(async {
        let link = connect(ctx, &args.gateway).await?;
        link.call::<PairReject>(ctx, PairDecideParams { request_id: args.request.clone() }).await
    })?;
    // Always JSON, as in the reference.
    ctx.ui.json(&reply);
    Ok(Exit::Success)
}
