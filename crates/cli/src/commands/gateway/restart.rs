//! `openclaw gateway restart`: of a gateway that runs by hand; services come with a later release.

use std::time::{Duration, Instant};

use clap::Args;
use openclaw_protocol::methods::gateway::{RestartRequest, RestartRequestParams};
use serde_json::json;

use crate::{
    connect::connect,
    context::Context,
    exit::Exit,
    here::{self, Here},
    problem::{Outcome, Problem},
    target::GatewayArgs,
};

/// Restart the running gateway.
#[derive(Args, Clone, Debug)]
pub(crate) struct Restart {
    #[command(flatten)]
    pub(super) gateway: GatewayArgs,
}

/// How long a restart may take.
const BACK_WITHIN: Duration = Duration::from_secs(20);
/// How often it is looked for it.
const POLL: Duration = Duration::from_millis(20);

pub(super) fn run(ctx: &Context, _args: &Restart, gateway: &GatewayArgs) -> Outcome {
    let before = here::look(ctx)?.gateway().map(|info| info.started_at_ms);
    if before.is_none() && gateway.url.is_none() {
        return Err(not_running(ctx));
    }
    crate::context::block_on(async {
        let link = connect(ctx, gateway).await?;
        let params = RestartRequestParams { reason: Some("openclaw gateway restart".into()), delay_ms: Some(0) };
        link.call::<RestartRequest>(ctx, params).await?;
        Ok(())
    })?;
    let asked = Instant::now();
    while let Some(started) = before {
        if let Here::Gateway(info) = here::look(ctx)?
            && info.started_at_ms > started
        {
            break;
        }
        if asked.elapsed() > BACK_WITHIN {
            return Err(Problem::new("the gateway did not come back")
                .why(format!("it was asked to restart {} s ago", BACK_WITHIN.as_secs()))
                .fix(ctx.command("gateway status")));
        }
        std::thread::sleep(POLL);
    }
    said(ctx, "restart", "restarted");
    Ok(Exit::Success)
}

/// The result in the reference's shape (cli.md §2.8).
pub(super) fn said(ctx: &Context, action: &str, result: &str) {
    if ctx.ui.is_json() {
        ctx.ui.json(&json!({
            "ok": true,
            "action": action,
            "result": result,
            "service": {"label": "none", "loaded": false, "loadedText": "enabled", "notLoadedText": "disabled"},
        }));
    } else {
        ctx.ui.line(format!("Gateway {result}."));
    }
}

/// There is nothing to act on.
pub(super) fn not_running(ctx: &Context) -> Problem {
    Problem::new("no gateway runs here")
        .why(format!("nobody holds {}", ctx.paths.display(&ctx.paths.state_dir)))
        .why("system services are not part of this release; run it in the foreground or under your own supervisor")
        .fix(ctx.command("gateway run"))
}
