//! The commands below `node`.

use clap::{Args, Subcommand};

use super::{identity, policy, status};
use crate::{context::Context, logging::Level, problem::Outcome};

/// The commands below `node`.
#[derive(Args, Debug)]
pub(crate) struct Node {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Connect this machine to a gateway as a node, and stay
    Run(Box<super::run::Run>),
    /// What this machine's node is and does
    Status(status::Status),
    /// The node's device id and public key
    Identity(identity::Identity),
    /// What may run on this machine: deny, allowlist, full
    Policy(policy::Policy),
}

impl Node {
    pub(crate) const fn is_run(&self) -> bool {
        matches!(self.command, Command::Run(_))
    }
}

pub(crate) fn run(ctx: &Context, args: Node, level: Option<Level>) -> Outcome {
    match args.command {
        Command::Run(args) => super::run::run(ctx, &args, level),
        Command::Status(args) => status::run(ctx, &args),
        Command::Identity(args) => identity::run(ctx, &args),
        Command::Policy(args) => policy::run(ctx, &args),
    }
}
