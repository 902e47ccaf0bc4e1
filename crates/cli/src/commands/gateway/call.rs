//! `openclaw gateway call`.

use clap::Args;
use serde_json::Value;

use crate::{
    connect::connect,
    context::Context,
    exit::Exit,
    human::clean,
    problem::{Outcome, Problem},
    target::GatewayArgs,
};

/// Call a method of the gateway.
#[derive(Args, Clone, Debug)]
pub(crate) struct Call {
    /// The method, such as health or node.list
    #[arg(value_name = "METHOD")]
    method: String,
    /// Its params as JSON
    #[arg(long, value_name = "JSON", default_value = "{}")]
    params: String,
    #[command(flatten)]
    pub(super) gateway: GatewayArgs,
}

pub(super) fn run(ctx: &Context, args: &Call, gateway: &GatewayArgs) -> Outcome {
    let params: Value = serde_json::from_str(&args.params)
        .map_err(|error| Problem::new(format!("Gateway call failed: SyntaxError: --params is not JSON: {error}")))?;
    let reply = crate::context::block_on(async {
        let link = connect(ctx, gateway).await?;
        let reply = link.call_raw(ctx, &args.method, params, gateway).await?;
        link.close().await;
        Ok(reply)
    })?;
    if !ctx.ui.is_json() {
        ctx.ui.line(format!("Gateway call: {}", clean(&args.method)));
    }
    ctx.ui.json(&reply);
    Ok(Exit::Success)
}
