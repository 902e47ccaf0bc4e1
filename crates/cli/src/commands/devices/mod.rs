//! `openclaw devices`: who may come in, who asks (cli.md §2.9).

mod approve;
mod clear;
mod decide;
pub(crate) mod invite;
mod list;
mod offline;
mod reject;
mod remove;
mod rename;
mod revoke;
mod rotate;

pub(crate) use decide::report_widened;

use clap::{Args, Subcommand};

use crate::{context::Context, problem::Outcome};

/// The commands below `devices`.
#[derive(Args, Debug)]
pub(crate) struct Devices {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// What waits and what is paired
    List(list::List),
    /// Let a waiting device in
    Approve(approve::Approve),
    /// Refuse a waiting device
    Reject(reject::Reject),
    /// Remove a paired device and close its connections
    Remove(remove::Remove),
    /// Remove every paired device
    Clear(clear::Clear),
    /// Replace a device's token
    Rotate(rotate::Rotate),
    /// Withdraw a device's token for a role
    Revoke(revoke::Revoke),
    /// Give a device a label
    Rename(rename::Rename),
    /// Invite a device: QR code, link and one-line command
    Invite(invite::Invite),
}

pub(crate) fn run(ctx: &Context, args: Devices) -> Outcome {
    match args.command {
        Command::List(args) => list::run(ctx, &args),
        Command::Approve(args) => approve::run(ctx, &args),
        Command::Reject(args) => reject::run(ctx, &args),
        Command::Remove(args) => remove::run(ctx, &args),
        Command::Clear(args) => clear::run(ctx, &args),
        Command::Rotate(args) => rotate::run(ctx, &args),
        Command::Revoke(args) => revoke::run(ctx, &args),
        Command::Rename(args) => rename::run(ctx, &args),
        Command::Invite(args) => invite::run(ctx, &args),
    }
}
