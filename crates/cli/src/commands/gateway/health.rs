//! `openclaw gateway health`.

use std::time::Instant;

use clap::Args;
use openclaw_protocol::methods::core::{Health as HealthMethod, HealthParams};

use crate::{connect::connect, context::Context, exit::Exit, problem::Outcome, target::GatewayArgs, ui::Tone};

/// Is it well?
#[derive(Args, Clone, Debug)]
pub(crate) struct Health {
    #[command(flatten)]
    pub(super) gateway: GatewayArgs,
}

pub(super) fn run(ctx: &Context, gateway: &GatewayArgs) -> Outcome {
    let (health, took) = crate::context::block_on(async {
        let link = connect(ctx, gateway).await?;
        let asked = Instant::now();
        let health = link.call::<HealthMethod>(ctx, HealthParams::default()).await?;
        let took = asked.elapsed();
        link.close().await;
        Ok((health, took))
    })?;
    if ctx.ui.is_json() {
        ctx.ui.json(&health);
        return Ok(Exit::Success);
    }
    ctx.ui.line(ctx.ui.paint(Tone::Strong, "Gateway Health"));
    ctx.ui.line(format!("OK ({}ms)", took.as_millis()));
    Ok(Exit::Success)
}
