//! The commands below `gateway`.

use clap::{Args, Subcommand};

use super::{auth_token, call, health, identity, probe, restart, status, stop};
use crate::{context::Context, logging::Level, problem::Outcome, target::GatewayArgs};

/// `gateway` alone runs it, as `gateway run` does.
#[derive(Args, Debug)]
#[command(subcommand_negates_reqs = true)]
pub(crate) struct Gateway {
    #[command(flatten)]
    run: super::run::Run,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the gateway in the foreground
    Run(super::run::Run),
    /// What runs, where, and whether it answers
    Status(status::Status),
    /// Call a method of the gateway
    Call(call::Call),
    /// Is it well?
    Health(health::Health),
    /// Try every gateway that this machine may mean
    Probe(probe::Probe),
    /// The gateway's name, instance id, key and certificate
    Identity(identity::Identity),
    /// The shared token, for clients that need it
    AuthToken(auth_token::AuthToken),
    /// Restart the running gateway
    Restart(restart::Restart),
    /// Stop the running gateway
    Stop(stop::Stop),
}

impl Gateway {
    pub(crate) const fn is_run(&self) -> bool {
        matches!(self.command, None | Some(Command::Run(_)))
    }
}

pub(crate) fn run(ctx: &Context, args: Gateway, level: Option<Level>) -> Outcome {
    let parent = args.run;
    // The reference lets `gateway --token X health` mean the same as `gateway health --token X`.
    let inherit = |mut gateway: GatewayArgs| {
        gateway.token = gateway.token.or_else(|| parent.token.clone());
        gateway.password = gateway.password.or_else(|| parent.password.clone());
        gateway
    };
    match args.command {
        None => super::run::run(ctx, &parent, level),
        Some(Command::Run(args)) => super::run::run(ctx, &args.over(&parent), level),
        Some(Command::Status(args)) => status::run(ctx, &args, &inherit(args.gateway.clone())),
        Some(Command::Call(args)) => call::run(ctx, &args, &inherit(args.gateway.clone())),
        Some(Command::Health(args)) => health::run(ctx, &inherit(args.gateway)),
        Some(Command::Probe(args)) => probe::run(ctx, &inherit(args.gateway)),
        Some(Command::Identity(args)) => identity::run(ctx, &inherit(args.gateway)),
        Some(Command::AuthToken(args)) => auth_token::run(ctx, &args),
        Some(Command::Restart(args)) => restart::run(ctx, &args, &inherit(args.gateway.clone())),
        Some(Command::Stop(args)) => stop::run(ctx, &args),
    }
}
