//! `openclaw gateway probe`: tries every gateway that this machine may mean (cli.md §2.5).

use std::time::Instant;

use clap::Args;
use openclaw_config::sections::gateway::GatewayMode;
use openclaw_protocol::{
    method::NoParams,
    methods::gateway::{IdentityGet, IdentityReply},
};
use serde_json::{Value, json};

use crate::{
    connect::{connect, short},
    context::Context,
    exit::Exit,
    human::clean,
    problem::{Outcome, Problem},
    target::{self, GatewayArgs},
    ui::Tone,
};

/// Try every gateway that this machine may mean.
#[derive(Args, Clone, Debug)]
pub(crate) struct Probe {
    #[command(flatten)]
    pub(super) gateway: GatewayArgs,
}

/// The whole budget (cli.md §1.2).
const BUDGET_MS: u64 = 3_000;

/// One gateway that was tried.
struct Tried {
    id: &'static str,
    kind: &'static str,
    url: String,
    active: bool,
    took_ms: u64,
    answer: Result<IdentityReply, Problem>,
}

pub(super) fn run(ctx: &Context, gateway: &GatewayArgs) -> Outcome {
    let begun = Instant::now();
    let mut args = GatewayArgs { no_wait: true, ..gateway.clone() };
    args.timeout = args.timeout.min(BUDGET_MS);
    let mut tried = Vec::new();
    if args.url.is_some() {
        tried.push(attempt(ctx, "explicit", "explicit", &args, true)?);
    }
    let is_remote = ctx.inspected()?.config.gateway.mode == Some(GatewayMode::Remote);
    let (id, kind) = if is_remote { ("configRemote", "configRemote") } else { ("localLoopback", "localLoopback") };
    let without_url = GatewayArgs { url: None, ..args.clone() };
    let active = tried.is_empty();
    tried.push(attempt(ctx, id, kind, &without_url, active)?);
    let reachable = tried.iter().any(|target| target.answer.is_ok());
    if ctx.ui.is_json() {
        ctx.ui.json(&document(ctx, &tried, reachable, begun, args.timeout));
    } else {
        show(ctx, &tried, reachable, args.timeout);
    }
    Ok(if reachable { Exit::Success } else { Exit::Failure })
}

fn attempt(
    ctx: &Context,
    id: &'static str,
    kind: &'static str,
    args: &GatewayArgs,
    active: bool,
) -> Result<Tried, Problem> {
    let url = target::resolve(ctx, args)?.endpoint.to_string();
    let begun = Instant::now();
    let answer = crate::context::block_on(async {
        let link = connect(ctx, args).await?;
        let identity = link.call::<IdentityGet>(ctx, NoParams {}).await?;
        link.close().await;
        Ok(identity)
    });
    let took_ms = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
    Ok(Tried { id, kind, url, active, took_ms, answer })
}

fn document(ctx: &Context, tried: &[Tried], reachable: bool, begun: Instant, timeout: u64) -> Value {
    let targets: Vec<Value> = tried
        .iter()
        .map(|target| {
            let error = target.answer.as_ref().err().map(Problem::what);
            json!({
                "id": target.id,
                "kind": target.kind,
                "url": target.url,
                "active": target.active,
                "tunnel": Value::Null,
                "connect": {
                    "ok": target.answer.is_ok(),
                    "rpcOk": target.answer.is_ok(),
                    "scopeLimited": false,
                    "latencyMs": target.answer.is_ok().then_some(target.took_ms),
                    "error": error,
                    "close": Value::Null,
                },
                "self": target.answer.as_ref().ok().map(|identity| json!({
                    "name": identity.name, "instanceId": identity.instance_id,
                })),
                "config": Value::Null,
                "health": Value::Null,
                "summary": Value::Null,
                "presence": Value::Null,
            })
        })
        .collect();
    let primary = tried.iter().find(|target| target.answer.is_ok()).map(|target| target.id);
    json!({
        "ok": reachable,
        "degraded": false,
        "ts": ctx.now_ms(),
        "durationMs": u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX),
        "timeoutMs": timeout,
        "primaryTargetId": primary,
        "warnings": [],
        "network": {
            "localLoopbackUrl": tried.iter().find(|target| target.kind == "localLoopback").map(|target| &target.url),
            "localTailnetUrl": Value::Null,
            "tailnetIPv4": Value::Null,
        },
        "discovery": {"timeoutMs": 0, "count": 0, "beacons": []},
        "targets": targets,
    })
}

fn show(ctx: &Context, tried: &[Tried], reachable: bool, timeout: u64) {
    let ui = &ctx.ui;
    ui.line(ui.paint(Tone::Strong, "Gateway Status"));
    let word = if reachable { ui.paint(Tone::Good, "yes") } else { ui.paint(Tone::Bad, "no") };
    ui.line(format!("Reachable: {word}"));
    ui.line(format!("Probe budget: {timeout}ms"));
    ui.line("");
    ui.line(ui.paint(Tone::Strong, "Targets"));
    for target in tried {
        let name = match target.kind {
            "explicit" => "Explicit",
            "configRemote" => "Remote (configured)",
            _ => "Local loopback",
        };
        ui.line(format!("{name} {}", target.url));
        match &target.answer {
            Ok(identity) => ui.line(format!(
                "  Connect: ok ({}ms) · RPC: ok · {} ({})",
                target.took_ms,
                clean(&identity.name),
                clean(short(&identity.instance_id))
            )),
            Err(problem) => {
                ui.line(format!("  Connect: {} - {}", ui.paint(Tone::Bad, "failed"), problem.what()));
                for fix in problem.fixes() {
                    ui.line(format!("  Fix: {fix}"));
                }
            }
        }
    }
}
