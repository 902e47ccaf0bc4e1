//! `openclaw node policy`: how much may run on this machine.

use clap::{Args, ValueEnum};
use openclaw_node::exec::policy::{MAIN_AGENT, Policy as PolicyFile, Security};
use serde_json::json;

use crate::{
    commands::approvals::show_policy,
    context::Context,
    exit::Exit,
    problem::{Outcome, Problem},
};

/// What may run on this machine.
#[derive(Args, Debug)]
pub(crate) struct Policy {
    /// deny: nothing; allowlist: what `openclaw approvals allowlist` names; full: everything. Shows it when left out
    #[arg(value_name = "SECURITY")]
    security: Option<Wanted>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Wanted {
    Deny,
    Allowlist,
    Full,
}

impl From<Wanted> for Security {
    fn from(wanted: Wanted) -> Self {
        match wanted {
            Wanted::Deny => Self::Deny,
            Wanted::Allowlist => Self::Allowlist,
            Wanted::Full => Self::Full,
        }
    }
}

pub(super) fn run(ctx: &Context, args: &Policy) -> Outcome {
    let path = ctx.paths.exec_approvals_json();
    let mut policy = PolicyFile::load(&path).map_err(|error| Problem::new(error.to_string()).causes(&error))?;
    let Some(wanted) = args.security else {
        return show_policy(ctx, &policy);
    };
    let security = Security::from(wanted);
    let problem = |error: openclaw_node::exec::policy::PolicyError| Problem::new(error.to_string()).causes(&error);
    let others = policy.set_security(security).map_err(problem)?;
    policy.save(&ctx.paths.home).map_err(problem)?;
    let in_effect = policy.security(MAIN_AGENT).map_err(problem)?;
    if ctx.ui.is_json() {
        ctx.ui.json(&json!({"path": path, "security": in_effect.as_str(), "agentsWithTheirOwn": others}));
        return Ok(Exit::Success);
    }
    ctx.ui.line(format!("Policy: {} ({})", security.as_str(), ctx.paths.display(&path)));
    if security == Security::Full {
        ctx.ui.line("Whoever may invoke this node can run everything on this machine now.");
    }
    for agent in others {
        ctx.ui.note(format!("Agent {agent} keeps a policy of its own."));
    }
    Ok(Exit::Success)
}
