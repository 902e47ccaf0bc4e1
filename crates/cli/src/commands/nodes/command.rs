//! The commands below `nodes`, and what several of them need.

use clap::{Args, Subcommand};
use openclaw_protocol::{
    method::NoParams,
    methods::node::{List, NodeSummary},
};

use super::{approve, describe, invoke, list, pending, reject, remove, rename, status};
use crate::{connect::Link, context::Context, problem::Outcome, problem::Problem};

/// The commands below `nodes`.
#[derive(Args, Debug)]
pub(crate) struct Nodes {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Every node, what it can do, since when
    Status(status::Status),
    /// Nodes that wait and nodes that are paired
    List(list::List),
    /// One node in detail
    Describe(describe::Describe),
    /// What waits for an approval
    Pending(pending::Pending),
    /// Approve a node or its new commands
    Approve(approve::Approve),
    /// Refuse a node or its new commands
    Reject(reject::Reject),
    /// Give a node a name
    Rename(rename::Rename),
    /// Forget a node
    Remove(remove::Remove),
    /// Call a command of a node
    Invoke(invoke::Invoke),
    /// Run a program on a node
    Run(super::run::Run),
}

pub(crate) fn run(ctx: &Context, args: Nodes) -> Outcome {
    match args.command {
        Command::Status(args) => status::run(ctx, &args),
        Command::List(args) => list::run(ctx, &args),
        Command::Describe(args) => describe::run(ctx, &args),
        Command::Pending(args) => pending::run(ctx, &args),
        Command::Approve(args) => approve::run(ctx, &args),
        Command::Reject(args) => reject::run(ctx, &args),
        Command::Rename(args) => rename::run(ctx, &args),
        Command::Remove(args) => remove::run(ctx, &args),
        Command::Invoke(args) => invoke::run(ctx, &args),
        Command::Run(args) => super::run::run(ctx, &args),
    }
}

/// The gateway's nodes.
pub(super) async fn known(ctx: &Context, link: &Link) -> Result<Vec<NodeSummary>, Problem> {
    Ok(link.call::<List>(ctx, NoParams {}).await?.nodes)
}

/// Reads a span such as `30s`, `24h`, `7d`.
fn span(text: &str) -> Result<u64, String> {
    crate::human::parse_duration(text, 1).ok_or_else(|| "use a time such as 30s, 24h or 7d".to_owned())
}

/// Which nodes a list shows.
#[derive(Args, Clone, Debug, Default)]
pub(super) struct Filter {
    /// Only connected nodes
    #[arg(long)]
    connected: bool,
    /// Only nodes that were connected within this time (24h, 7d)
    #[arg(long, value_name = "TIME", value_parser = span)]
    last_connected: Option<u64>,
}

impl Filter {
    pub(super) fn keeps(&self, connected: bool, last_connected_ms: Option<u64>, now_ms: u64) -> bool {
        let recent = self
            .last_connected
            .is_none_or(|within| connected || last_connected_ms.is_some_and(|at| now_ms.saturating_sub(at) <= within));
        (!self.connected || connected) && recent
    }

    pub(super) const fn is_set(&self) -> bool {
        self.connected || self.last_connected.is_some()
    }
}
