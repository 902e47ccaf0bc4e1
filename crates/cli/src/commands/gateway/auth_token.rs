//! `openclaw gateway auth-token` (2026.9): the shared token, for programs that cannot prove ownership otherwise.

use clap::Args;
use serde_json::json;

use crate::{
    context::Context,
    exit::Exit,
    problem::{Outcome, Problem},
};

/// The shared token.
#[derive(Args, Debug)]
pub(crate) struct AuthToken {
    /// Print it in full
    #[arg(long)]
    show: bool,
}

pub(super) fn run(ctx: &Context, args: &AuthToken) -> Outcome {
    let snapshot = ctx.inspected()?;
    let resolved = snapshot.config.gateway.auth.resolve(&snapshot.env);
    let Some(token) = resolved.token.filter(|token| !token.is_empty()) else {
        return Err(Problem::new("no gateway token is configured")
            .why(format!("gateway.auth.mode is {}", resolved.mode))
            .fix(format!("{} makes one on its first start", ctx.command("gateway run"))));
    };
    if ctx.ui.is_json() {
        let shown = args.show.then(|| token.expose().to_owned());
        ctx.ui.json(&json!({"configured": true, "mode": resolved.mode, "token": shown}));
    } else if args.show {
        ctx.ui.line(token.expose());
    } else {
        ctx.ui.line(format!("A token is configured ({} characters).", token.expose().chars().count()));
        ctx.ui.line(format!("Print it with: {}", ctx.command("gateway auth-token --show")));
    }
    Ok(Exit::Success)
}
