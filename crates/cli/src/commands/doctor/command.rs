//! What was looked at, and how it is shown.

use clap::Args;
use serde::Serialize;
use serde_json::json;

use super::{gateway, here};
use crate::{context::Context, exit::Exit, target::GatewayArgs, ui::Tone};

/// Find out what does not work, and why.
#[derive(Args, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of the command line")]
pub(crate) struct Doctor {
    /// Accepted: this doctor repairs nothing by itself; every finding names its command
    #[arg(long, alias = "repair")]
    fix: bool,
    /// Accepted: it never asks
    #[arg(long)]
    non_interactive: bool,
    /// Accepted: it never asks
    #[arg(long)]
    yes: bool,
    /// Accepted: it looks at everything anyway
    #[arg(long)]
    deep: bool,
    #[command(flatten)]
    gateway: GatewayArgs,
}

/// How a check ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Verdict {
    Ok,
    Warn,
    Fail,
    /// Not looked at, because something before it failed.
    Skipped,
}

/// One thing that was looked at.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Check {
    /// Such as `gateway.tcp`; stable, for programs.
    pub(super) id: &'static str,
    pub(super) verdict: Verdict,
    /// What was found.
    pub(super) text: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) fix: Option<String>,
}

impl Check {
    pub(super) fn ok(id: &'static str, text: impl Into<String>) -> Self {
        Self { id, verdict: Verdict::Ok, text: text.into(), fix: None }
    }

    pub(super) fn warn(id: &'static str, text: impl Into<String>, fix: impl Into<String>) -> Self {
        Self { id, verdict: Verdict::Warn, text: text.into(), fix: Some(fix.into()) }
    }

    pub(super) fn fail(id: &'static str, text: impl Into<String>, fix: Option<String>) -> Self {
        Self { id, verdict: Verdict::Fail, text: text.into(), fix }
    }
}

pub(crate) fn run(ctx: &Context, args: &Doctor) -> Exit {
    let mut checks = here::checks(ctx);
    checks.extend(gateway::checks(ctx, &args.gateway));
    let failed = checks.iter().filter(|check| check.verdict == Verdict::Fail).count();
    let warned = checks.iter().filter(|check| check.verdict == Verdict::Warn).count();
    let stops_at = checks.iter().find(|check| check.verdict == Verdict::Fail).map(|check| check.id);
    if ctx.ui.is_json() {
        ctx.ui.json(&json!({
            "ok": failed == 0,
            "stopsAt": stops_at,
            "failed": failed,
            "warnings": warned,
            "checks": checks,
        }));
        return Exit::Success;
    }
    for check in &checks {
        show(ctx, check);
    }
    ctx.ui.line("");
    match (failed, warned) {
        (0, 0) => ctx.ui.line(ctx.ui.paint(Tone::Good, "Everything works.")),
        (0, warned) => ctx.ui.line(format!("It works; {warned} to look at.")),
        (failed, _) => {
            ctx.ui.line(ctx.ui.paint(Tone::Bad, format!("{failed} failed, first: {}", stops_at.unwrap_or_default())));
        }
    }
    ctx.ui.line("Doctor complete.");
    Exit::Success
}

fn show(ctx: &Context, check: &Check) {
    let ui = &ctx.ui;
    let mark = match check.verdict {
        Verdict::Ok => ui.paint(Tone::Good, "ok  "),
        Verdict::Warn => ui.paint(Tone::Warn, "warn"),
        Verdict::Fail => ui.paint(Tone::Bad, "FAIL"),
        Verdict::Skipped => ui.paint(Tone::Faint, "  - "),
    };
    ui.line(format!("{mark}  {:<20} {}", check.id, check.text));
    if let Some(fix) = &check.fix {
        ui.line(format!("      {:<20} fix: {fix}", ""));
    }
}
