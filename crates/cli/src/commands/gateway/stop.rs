//! `openclaw gateway stop`: of a gateway that runs by hand. The process is the one that holds the state directory's
//! lock, so nothing else can be hit.

use std::time::{Duration, Instant};

use clap::Args;

use super::restart::{not_running, said};
use crate::{
    context::Context,
    exit::Exit,
    here::{self, Here},
    machine,
    problem::{Outcome, Problem},
};

/// Stop the running gateway.
#[derive(Args, Clone, Debug)]
pub(crate) struct Stop {}

/// How long a graceful end may take: what runs is given ten seconds.
const GONE_WITHIN: Duration = Duration::from_secs(15);
/// How often it is looked for it.
const POLL: Duration = Duration::from_millis(20);

pub(super) fn run(ctx: &Context, _args: &Stop) -> Outcome {
    let pid = match here::look_patiently(ctx)? {
        Here::Nothing => return Err(not_running(ctx)),
        Here::Gateway(info) => info.pid,
        Here::Silent(held) => {
            let holder =
                held.holder.ok_or_else(|| Problem::new("a process that does not say who it is holds the state"))?;
            holder.pid
        }
    };
    machine::ask_to_stop(pid).map_err(|why| {
        Problem::new(format!("cannot stop the gateway (pid {pid})")).why(why).fix("press Ctrl-C where it runs")
    })?;
    let asked = Instant::now();
    while !matches!(here::look(ctx)?, Here::Nothing) {
        if asked.elapsed() > GONE_WITHIN {
            return Err(Problem::new(format!("the gateway (pid {pid}) has not ended yet"))
                .why(format!("it was asked to {} s ago", GONE_WITHIN.as_secs()))
                .fix(ctx.command("gateway status")));
        }
        std::thread::sleep(POLL);
    }
    said(ctx, "stop", "stopped");
    Ok(Exit::Success)
}
