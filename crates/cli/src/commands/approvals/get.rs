//! `openclaw approvals get`: the policy file of this machine, or of a node.

use clap::Args;
use openclaw_node::exec::policy::{Document, MAIN_AGENT, Policy};
use openclaw_protocol::methods::exec::{ApprovalsNodeGet, ApprovalsNodeGetParams};
use openclaw_protocol::{method::NoParams, methods::node::List};
use serde_json::{Value, json};

use crate::{
    connect::connect,
    context::Context,
    exit::Exit,
    human::clean,
    node_choice::choose,
    problem::{Outcome, Problem},
    target::GatewayArgs,
    ui::Tone,
};

/// Show the policy file.
#[derive(Args, Debug)]
pub(crate) struct Get {
    /// Of this node instead of this machine
    #[arg(long, value_name = "NODE")]
    node: Option<String>,
    #[command(flatten)]
    gateway: GatewayArgs,
}

pub(super) fn run(ctx: &Context, args: &Get) -> Outcome {
    if let Some(query) = &args.node {
        return of_node(ctx, args, query);
    }
    let policy = Policy::load(&ctx.paths.exec_approvals_json())
        .map_err(|error| Problem::new(error.to_string()).causes(&error))?;
    show_policy(ctx, &policy)
}

fn of_node(ctx: &Context, args: &Get, query: &str) -> Outcome {
    let snapshot = crate::context::block_on(async {
        let link = connect(ctx, &args.gateway).await?;
        let nodes = link.call::<List>(ctx, NoParams {}).await?.nodes;
        let node_id = choose(&nodes, Some(query))?.node_id.clone();
        link.call::<ApprovalsNodeGet>(ctx, ApprovalsNodeGetParams { node_id }).await
    })?;
    if ctx.ui.is_json() {
        ctx.ui.json_line(&snapshot);
        return Ok(Exit::Success);
    }
    let text = |name: &str| snapshot.get(name).and_then(Value::as_str).map(clean).unwrap_or_default();
    let document = snapshot.get("file").cloned().and_then(|file| serde_json::from_value::<Document>(file).ok());
    table(ctx, &format!("node {}", clean(query)), &text("path"), true, &text("hash"), document.as_ref());
    Ok(Exit::Success)
}

/// Shows a policy of this machine.
pub(crate) fn show_policy(ctx: &Context, policy: &Policy) -> Outcome {
    let document = policy.document().map_err(|error| {
        Problem::new(error.to_string())
            .why("nothing may run on this machine until it is repaired")
            .fix(format!("repair or move away {}", ctx.paths.display(policy.path())))
    })?;
    if ctx.ui.is_json() {
        let mut file = serde_json::to_value(document).unwrap_or_default();
        if let Some(socket) = file.get_mut("socket").and_then(Value::as_object_mut) {
            socket.remove("token");
        }
        let snapshot = json!({"path": policy.path(), "exists": policy.exists(), "hash": policy.hash(), "file": file});
        ctx.ui.json_line(&snapshot);
        return Ok(Exit::Success);
    }
    table(ctx, "local", &ctx.paths.display(policy.path()), policy.exists(), &policy.hash(), Some(document));
    if let Ok((security, ask)) = policy.in_effect(MAIN_AGENT) {
        ctx.ui.line(format!("In effect: security={}, ask={}", security.as_str(), ask.as_str()));
    }
    Ok(Exit::Success)
}

fn table(ctx: &Context, target: &str, path: &str, exists: bool, hash: &str, document: Option<&Document>) {
    let ui = &ctx.ui;
    let entries: Vec<_> = document
        .iter()
        .flat_map(|document| document.agents.iter())
        .flat_map(|(agent, rules)| rules.allowlist.iter().map(move |entry| (agent, entry)))
        .collect();
    let defaults = document.map(|document| &document.defaults);
    let mut said = Vec::new();
    if let Some(security) = defaults.and_then(|defaults| defaults.security) {
        said.push(format!("security={}", security.as_str()));
    }
    if let Some(ask) = defaults.and_then(|defaults| defaults.ask) {
        said.push(format!("ask={}", ask.as_str()));
    }
    let defaults = if said.is_empty() { "none".to_owned() } else { said.join(", ") };
    ui.line(ui.paint(Tone::Strong, "Approvals"));
    let rows = [
        ("Target", target.to_owned()),
        ("Path", path.to_owned()),
        ("Exists", if exists { "yes".into() } else { "no".into() }),
        ("Hash", hash.to_owned()),
        ("Defaults", defaults),
        ("Agents", document.map_or(0, |document| document.agents.len()).to_string()),
        ("Allowlist", entries.len().to_string()),
    ];
    ui.table(["Field", "Value"], rows.map(|(name, value)| [name.to_owned(), value]));
    if entries.is_empty() {
        ui.line("No allowlist entries.");
        return;
    }
    ui.line(ui.paint(Tone::Strong, "Allowlist"));
    ui.table(
        ["Target", "Agent", "Pattern"],
        entries.iter().map(|(agent, entry)| [target.to_owned(), clean(agent), clean(&entry.pattern)]),
    );
}
