//! What is asked, and how it is shown to a person.

use clap::Args;
use openclaw_node::status::NodeStatus;
use openclaw_protocol::{
    method::NoParams,
    methods::{
        core::{Health, HealthParams, Status as StatusMethod},
        device::{PairList, PairListReply},
        gateway::{IdentityGet, IdentityReply},
        node::{List, NodeSummary},
    },
};
use serde_json::Value;

use super::document;
use crate::{
    connect::{connect, short},
    context::Context,
    exit::Exit,
    human::{clean, count_of},
    node_choice::label,
    pairing_text::show_pending,
    problem::{Outcome, Problem},
    target::{self, GatewayArgs, Target},
    ui::Tone,
    version,
};

/// At a glance.
#[derive(Args, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of the command line")]
pub(crate) struct Status {
    /// Everything
    #[arg(long)]
    all: bool,
    /// Ask the gateway for its health, too
    #[arg(long)]
    deep: bool,
    /// Accepted: usage of models comes with a later release
    #[arg(long)]
    usage: bool,
    /// Say how the gateway was reached
    #[arg(long, alias = "debug")]
    verbose: bool,
    #[command(flatten)]
    gateway: GatewayArgs,
}

/// What a gateway said.
pub(super) struct Answer {
    pub(super) identity: IdentityReply,
    pub(super) status: Value,
    pub(super) nodes: Vec<NodeSummary>,
    pub(super) pairs: PairListReply,
    pub(super) health: Option<Value>,
    pub(super) took_ms: u64,
}

/// Everything that is shown.
pub(super) struct Picture {
    pub(super) target: Result<Target, Problem>,
    pub(super) answer: Result<Answer, Problem>,
    pub(super) node: Option<NodeStatus>,
}

pub(crate) fn run(ctx: &Context, args: &Status) -> Outcome {
    let target = target::resolve(ctx, &args.gateway);
    let answer = if has_gateway(ctx, &target) { ask(ctx, args) } else { Err(down(ctx, &target)) };
    let node = NodeStatus::read(&ctx.paths.state_dir, &ctx.clock).ok();
    let picture = Picture { target, answer, node };
    if ctx.ui.is_json() {
        ctx.ui.json(&document::of(ctx, &picture)?);
    } else {
        show(ctx, args, &picture)?;
    }
    Ok(Exit::Success)
}

/// Asking makes this user's key when there is none, so nobody is asked before there is anything (cli.md §9, 10).
fn has_gateway(ctx: &Context, target: &Result<Target, Problem>) -> bool {
    let Ok(target) = target else { return false };
    target.is_ours() || !target.is_local_default() || ctx.paths.identity_dir().join("device.json").exists()
}

fn down(ctx: &Context, target: &Result<Target, Problem>) -> Problem {
    match target {
        Err(problem) => problem.clone(),
        Ok(target) => {
            Problem::new(format!("Gateway not reachable at {}.", target.endpoint)).fix(ctx.command("gateway run"))
        }
    }
}

fn ask(ctx: &Context, args: &Status) -> Result<Answer, Problem> {
    let quiet = GatewayArgs { no_wait: true, ..args.gateway.clone() };
    crate::context::block_on(async {
        let begun = std::time::Instant::now();
        let link = connect(ctx, &quiet).await?;
        let identity = link.call::<IdentityGet>(ctx, NoParams {}).await?;
        let took_ms = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
        let status = link.call::<StatusMethod>(ctx, NoParams {}).await?;
        let nodes = link.call::<List>(ctx, NoParams {}).await?.nodes;
        let pairs = link.call::<PairList>(ctx, NoParams {}).await?;
        let health =
            if args.deep || args.all { Some(link.call::<Health>(ctx, HealthParams::default()).await?) } else { None };
        link.close().await;
        Ok(Answer { identity, status, nodes, pairs, health, took_ms })
    })
}

fn show(ctx: &Context, args: &Status, picture: &Picture) -> Result<(), Problem> {
    let ui = &ctx.ui;
    ui.line(ui.paint(Tone::Strong, "OpenClaw status"));
    ui.line("");
    let mut rows = vec![
        ("Version", version::line()),
        ("OS", format!("{} ({})", std::env::consts::OS, std::env::consts::ARCH)),
        ("Config", config_row(ctx)?),
        ("Gateway", gateway_row(picture)),
    ];
    if let Ok(answer) = &picture.answer {
        rows.push(("Instance", answer.identity.instance_id.clone()));
        let connected = answer.nodes.iter().filter(|node| node.connected).count();
        let names: Vec<String> =
            answer.nodes.iter().filter(|node| node.connected).map(|node| clean(label(node))).collect();
        let listed = if names.is_empty() { String::new() } else { format!(": {}", names.join(", ")) };
        rows.push(("Nodes", format!("{} paired · {connected} connected{listed}", answer.nodes.len())));
        let pending = answer.pairs.pending.len();
        let devices = count_of(answer.pairs.paired.len(), "device", "devices");
        rows.push(("Devices", format!("{devices} paired · {pending} waiting")));
    }
    rows.push(("Node service", node_row(picture)));
    rows.push(("State", ctx.paths.display(&ctx.paths.state_dir)));
    ui.line("Overview");
    ui.table(["Item", "Value"], rows.into_iter().map(|(name, value)| [name.to_owned(), value]));
    if args.verbose
        && let Ok(target) = &picture.target
    {
        ui.line(format!("Gateway target: {} ({})", target.endpoint, target.source));
    }
    match &picture.answer {
        Ok(answer) if !answer.pairs.pending.is_empty() => {
            ui.line("");
            show_pending(ui, &answer.pairs.pending, ctx.now_ms(), &ctx.command("devices approve"));
        }
        Ok(answer) => {
            if let Some(health) = &answer.health {
                let ok = health.get("ok").and_then(Value::as_bool) == Some(true);
                ui.line("");
                ui.line(format!("Health: {}", if ok { "ok" } else { "not ok" }));
            }
            ui.line("");
            ui.line(format!("Next: {}", ctx.command("logs --follow")));
        }
        Err(problem) => {
            ui.line("");
            for fix in problem.fixes() {
                ui.line(format!("Fix: {fix}"));
            }
        }
    }
    Ok(())
}

fn config_row(ctx: &Context) -> Result<String, Problem> {
    let snapshot = ctx.inspected()?;
    let state = match (snapshot.exists, snapshot.issues.len()) {
        (false, _) => "not there yet".to_owned(),
        (true, 0) => "valid".to_owned(),
        (true, issues) => format!("{} ({})", count_of(issues, "problem", "problems"), ctx.command("config validate")),
    };
    Ok(format!("{} · {state}", ctx.paths.display(&ctx.paths.config_path)))
}

fn gateway_row(picture: &Picture) -> String {
    let place = match &picture.target {
        Ok(target) => format!("{} ({})", target.endpoint, target.source),
        Err(_) => "no address".to_owned(),
    };
    match &picture.answer {
        Ok(answer) => {
            let identity = &answer.identity;
            let named = format!("{} ({})", clean(&identity.name), clean(short(&identity.instance_id)));
            format!("{place} · reachable {}ms · {named}", answer.took_ms)
        }
        Err(problem) => format!("{place} · unreachable ({})", problem.what()),
    }
}

fn node_row(picture: &Picture) -> String {
    match &picture.node {
        Some(node) if node.is_running => {
            let pid = node.last.as_ref().map(|last| format!(" (pid {})", last.pid)).unwrap_or_default();
            format!("running{pid}, not a service")
        }
        Some(node) if node.identity.is_some() => "not running".to_owned(),
        _ => "this machine is not a node".to_owned(),
    }
}
