//! `openclaw nodes pending`.

use clap::Args;
use openclaw_protocol::{method::NoParams, methods::node::PairList};

use crate::{
    connect::connect, context::Context, exit::Exit, pairing_text::show_pending, problem::Outcome, target::GatewayArgs,
};

/// What waits for an approval.
#[derive(Args, Debug)]
pub(crate) struct Pending {
    #[command(flatten)]
    gateway: GatewayArgs,
}

pub(super) fn run(ctx: &Context, args: &Pending) -> Outcome {
    let pending = crate::context::block_on(async {
        let link = connect(ctx, &args.gateway).await?;
        let pending = link.call::<PairList>(ctx, NoParams {}).await?.pending;
        link.close().await;
        Ok(pending)
    })?;
    if ctx.ui.is_json() {
        ctx.ui.json(&pending);
    } else if pending.is_empty() {
        ctx.ui.line("No pending pairing requests.");
    } else {
        let requests: Vec<_> = pending.into_iter().map(|pending| pending.request).collect();
        show_pending(&ctx.ui, &requests, ctx.now_ms(), &ctx.command("nodes approve"));
    }
    Ok(Exit::Success)
}
