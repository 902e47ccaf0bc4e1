//! The commands below `approvals`.

use clap::{Args, Subcommand};

use super::{allowlist, get};
use crate::{context::Context, problem::Outcome};

/// The commands below `approvals`.
#[derive(Args, Debug)]
pub(crate) struct Approvals {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Show the policy file
    Get(get::Get),
    /// Programs that may run without asking
    Allowlist(allowlist::Allowlist),
}

pub(crate) fn run(ctx: &Context, args: Approvals) -> Outcome {
    match args.command {
        Command::Get(args) => get::run(ctx, &args),
        Command::Allowlist(args) => allowlist::run(ctx, args),
    }
}
