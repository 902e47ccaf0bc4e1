//! `openclaw devices reject`.

use clap::Args;
use openclaw_protocol::methods::device::{PairDecideParams, PairReject, PairRejectReply};

use super::offline::Way;
use crate::{context::Context, exit::Exit, problem::Outcome, target::GatewayArgs};

/// Refuse a waiting device.
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
        match Way::find(ctx, &args.gateway).await? {
            Way::Gateway(link) => {
                link.call::<PairReject>(ctx, PairDecideParams { request_id: args.request.clone() }).await
            }
            Way::Store(state) => {
                let (request_id, device_id) = state.reject(ctx, &args.request).await?;
                Ok(PairRejectReply { request_id, device_id })
            }
        }
    })?;
    if ctx.ui.is_json() {
        ctx.ui.json(&reply);
    } else {
        ctx.ui.line(format!("Rejected {}", reply.device_id));
    }
    Ok(Exit::Success)
}
