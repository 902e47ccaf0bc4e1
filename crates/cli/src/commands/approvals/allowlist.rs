//! `openclaw approvals allowlist`: programs that may run on this machine, or on a node.

use clap::{Args, Subcommand};
use openclaw_node::exec::policy::{Document, EVERY_AGENT, Entry, Policy, PolicyError};
use openclaw_protocol::{
    method::NoParams,
    methods::{
        exec::{ApprovalsNodeGet, ApprovalsNodeGetParams, ApprovalsNodeSet, ApprovalsNodeSetParams},
        node::List,
    },
};
use serde_json::Value;

use crate::{
    connect::connect,
    context::Context,
    exit::Exit,
    human::clean,
    node_choice::choose,
    problem::{Outcome, Problem},
    target::GatewayArgs,
};

/// Programs that may run without asking.
#[derive(Args, Debug)]
pub(crate) struct Allowlist {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Let a program run: its path, or a pattern with * and **
    Add(Change),
    /// Let it run no more
    Remove(Change),
    /// What may run
    List(super::get::Get),
}

/// One entry.
#[derive(Args, Debug)]
pub(crate) struct Change {
    /// Path of the program, or a pattern
    #[arg(value_name = "PATTERN")]
    pattern: String,
    /// Only for this agent
    #[arg(long, value_name = "ID", default_value = EVERY_AGENT)]
    agent: String,
    /// On this node instead of this machine
    #[arg(long, value_name = "NODE")]
    node: Option<String>,
    #[command(flatten)]
    gateway: GatewayArgs,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    Add,
    Remove,
}

pub(super) fn run(ctx: &Context, args: Allowlist) -> Outcome {
    match args.command {
        Command::Add(args) => change(ctx, &args, Way::Add),
        Command::Remove(args) => change(ctx, &args, Way::Remove),
        Command::List(args) => super::get::run(ctx, &args),
    }
}

fn change(ctx: &Context, args: &Change, way: Way) -> Outcome {
    if args.pattern.trim().is_empty() {
        return Err(Problem::new("Pattern required."));
    }
    let changed = match &args.node {
        Some(query) => on_node(ctx, args, query, way)?,
        None => here(ctx, args, way)?,
    };
    let pattern = clean(&args.pattern);
    match (way, changed) {
        (Way::Add, false) => ctx.ui.line("Already allowlisted."),
        (Way::Remove, false) => ctx.ui.line("Pattern not found."),
        (Way::Add, true) => ctx.ui.line(format!("Allowed: {pattern}")),
        (Way::Remove, true) => ctx.ui.line(format!("No longer allowed: {pattern}")),
    }
    Ok(Exit::Success)
}

fn here(ctx: &Context, args: &Change, way: Way) -> Result<bool, Problem> {
    let problem = |error: PolicyError| Problem::new(error.to_string()).causes(&error);
    let mut policy = Policy::load(&ctx.paths.exec_approvals_json()).map_err(problem)?;
    let changed = match way {
        Way::Add => policy.allow(Some(&args.agent), &args.pattern).map_err(problem)?,
        Way::Remove => policy.disallow(Some(&args.agent), &args.pattern).map_err(problem)? > 0,
    };
    if changed {
        policy.save(&ctx.paths.home).map_err(problem)?;
    }
    Ok(changed)
}

fn on_node(ctx: &Context, args: &Change, query: &str, way: Way) -> Result<bool, Problem> {
    crate::context::block_on(async {
        let link = connect(ctx, &args.gateway).await?;
        let nodes = link.call::<List>(ctx, NoParams {}).await?.nodes;
        let node_id = choose(&nodes, Some(query))?.node_id.clone();
        let get = ApprovalsNodeGetParams { node_id: node_id.clone() };
        let snapshot = link.call::<ApprovalsNodeGet>(ctx, get).await?;
        let base_hash = snapshot.get("hash").and_then(Value::as_str).map(str::to_owned);
        let file = snapshot.get("file").cloned().unwrap_or_default();
        let mut document: Document = serde_json::from_value(file)
            .map_err(|error| Problem::new("the node's policy is not understood").why(error.to_string()))?;
        if !edit(&mut document, args, way) {
            return Ok(false);
        }
        let file = serde_json::to_value(&document).map_err(|error| Problem::new(error.to_string()))?;
        link.call::<ApprovalsNodeSet>(ctx, ApprovalsNodeSetParams { node_id, file, base_hash }).await?;
        Ok(true)
    })
}

/// Changes the entries of one agent; whether anything changed.
fn edit(document: &mut Document, args: &Change, way: Way) -> bool {
    let agent = document.agents.entry(args.agent.clone()).or_default();
    let known = agent.allowlist.iter().any(|entry| entry.pattern == args.pattern);
    match (way, known) {
        (Way::Add, false) => agent.allowlist.push(Entry::new(args.pattern.clone())),
        (Way::Remove, true) => agent.allowlist.retain(|entry| entry.pattern != args.pattern),
        _ => return false,
    }
    true
}
