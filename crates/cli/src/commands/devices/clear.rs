//! `openclaw devices clear`.

use clap::Args;
use openclaw_protocol::{
    id::DeviceId,
    method::NoParams,
    methods::device::{DeviceParams, PairDecideParams, PairList, PairReject, PairRemove},
};
use serde_json::json;

use crate::{
    connect::connect,
    context::Context,
    exit::Exit,
    problem::{Outcome, Problem},
    target::GatewayArgs,
};

/// Remove every paired device.
#[derive(Args, Debug)]
pub(crate) struct Clear {
    /// Yes, remove all of them
    #[arg(long)]
    yes: bool,
    /// Reject everything that waits, too
    #[arg(long)]
    pending: bool,
    #[command(flatten)]
    gateway: GatewayArgs,
}

pub(super) fn run(ctx: &Context, args: &Clear) -> Outcome {
    if !args.yes {
        let pending = if args.pending { " --pending" } else { "" };
        return Err(Problem::new("Refusing to clear pairing table without --yes")
            .why("every device has to be approved anew afterwards")
            .fix(ctx.command(&format!("devices clear --yes{pending}"))));
    }
    let (removed, rejected) = crate::context::block_on(async {
        let link = connect(ctx, &args.gateway).await?;
        let list = link.call::<PairList>(ctx, NoParams {}).await?;
        let mut removed = Vec::new();
        let mut rejected = Vec::new();
        if args.pending {
            for request in list.pending {
                let params = PairDecideParams { request_id: request.request_id.clone() };
                link.call::<PairReject>(ctx, params).await?;
                rejected.push(request.request_id);
            }
        }
        for device in list.paired {
            let params = DeviceParams { device_id: DeviceId::new(device.device_id.clone()) };
            link.call::<PairRemove>(ctx, params).await?;
            removed.push(device.device_id);
        }
        link.close().await;
        Ok((removed, rejected))
    })?;
    if ctx.ui.is_json() {
        ctx.ui.json(&json!({"removedDevices": removed, "rejectedPending": rejected}));
        return Ok(Exit::Success);
    }
    ctx.ui.line(format!("Cleared {} paired device(s)", removed.len()));
    if args.pending {
        ctx.ui.line(format!("Rejected {} pending request(s)", rejected.len()));
    }
    Ok(Exit::Success)
}
