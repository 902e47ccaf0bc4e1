//! The commands below `devices`.

use clap::{Args, Subcommand};

use super::{approve, clear, invite, list, reject, remove, rename, revoke, rotate};
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
