//! `openclaw devices rotate`.

use clap::Args;
use openclaw_protocol::{
    id::DeviceId,
    methods::device::{TokenRotate, TokenRotateParams},
};

use crate::{connect::connect, context::Context, exit::Exit, problem::Outcome, target::GatewayArgs};

/// Replace a device's token.
#[derive(Args, Debug)]
pub(crate) struct Rotate {
    /// Device id
    #[arg(long, value_name = "ID")]
    device: String,
    /// operator or node
    #[arg(long, value_name = "ROLE")]
    role: String,
    /// Scope of the new token; never more than was approved. Repeatable
    #[arg(long = "scope", value_name = "SCOPE")]
    scopes: Vec<String>,
    #[command(flatten)]
    gateway: GatewayArgs,
}

pub(super) fn run(ctx: &Context, args: &Rotate) -> Outcome {
    let reply = crate::context::block_on(async {
        let link = connect(ctx, &args.gateway).await?;
        let params = TokenRotateParams {
            device_id: DeviceId::new(args.device.trim()),
            role: args.role.clone(),
            scopes: (!args.scopes.is_empty()).then(|| args.scopes.iter().cloned().collect()),
        };
        link.call::<TokenRotate>(ctx, params).await
    })?;
    // Always JSON, as in the reference.
    ctx.ui.json(&reply);
    Ok(Exit::Success)
}
