//! `openclaw devices revoke`.

use clap::Args;
use openclaw_protocol::{
    id::DeviceId,
    methods::device::{TokenRevoke, TokenRevokeParams},
};

use crate::{connect::connect, context::Context, exit::Exit, problem::Outcome, target::GatewayArgs};

/// Withdraw a device's token for a role.
#[derive(Args, Debug)]
pub(crate) struct Revoke {
    /// Device id
    #[arg(long, value_name = "ID")]
    device: String,
    /// operator or node
    #[arg(long, value_name = "ROLE")]
    role: String,
    #[command(flatten)]
    gateway: GatewayArgs,
}

pub(super) fn run(ctx: &Context, args: &Revoke) -> Outcome {
    let reply = crate::context::block_on(async {
        let link = connect(ctx, &args.gateway).await?;
        let params = TokenRevokeParams { device_id: DeviceId::new(args.device.trim()), role: args.role.clone() };
        link.call::<TokenRevoke>(ctx, params).await
    })?;
    // Always JSON, as in the reference.
    ctx.ui.json(&reply);
    Ok(Exit::Success)
}
