//! `openclaw gateway status`: what runs, where, and whether it answers (cli.md §2.2).

use clap::Args;
use openclaw_gateway::log::log_path;
use openclaw_protocol::{
    method::NoParams,
    methods::gateway::{IdentityGet, IdentityReply},
};
use serde_json::{Map, Value, json};

use crate::{
    connect::{connect, short},
    context::Context,
    exit::Exit,
    here::{self, Here},
    human::clean,
    problem::{Outcome, Problem},
    target::{self, GatewayArgs},
    ui::Tone,
};

/// What runs, where, and whether it answers.
#[derive(Args, Clone, Debug)]
pub(crate) struct Status {
    /// Look at more
    #[arg(long)]
    deep: bool,
    /// Do not ask the gateway
    #[arg(long)]
    no_probe: bool,
    /// Fail when the gateway does not answer
    #[arg(long)]
    require_rpc: bool,
    #[command(flatten)]
    pub(super) gateway: GatewayArgs,
}

/// What was found.
struct Found {
    here: Here,
    url: String,
    /// `None` without a probe.
    probe: Option<Result<IdentityReply, Problem>>,
}

pub(super) fn run(ctx: &Context, args: &Status, gateway: &GatewayArgs) -> Outcome {
    if args.require_rpc && args.no_probe {
        return Err(Problem::new("--require-rpc needs the probe; leave --no-probe out"));
    }
    let url = target::resolve(ctx, gateway)?.endpoint.to_string();
    let probe = (!args.no_probe).then(|| ask(ctx, gateway));
    let found = Found { here: here::look(ctx)?, url, probe };
    if ctx.ui.is_json() {
        ctx.ui.json(&document(ctx, &found)?);
    } else {
        show(ctx, &found)?;
    }
    match found.probe {
        Some(Err(_)) if args.require_rpc => Ok(Exit::Failure),
        _ => Ok(Exit::Success),
    }
}

/// Who answers; with the identity that this user has, so that the answer says what the next command will meet.
pub(crate) fn ask(ctx: &Context, gateway: &GatewayArgs) -> Result<IdentityReply, Problem> {
    let quiet = GatewayArgs { no_wait: true, ..gateway.clone() };
    crate::context::block_on(async {
        let link = connect(ctx, &quiet).await?;
        let identity = link.call::<IdentityGet>(ctx, NoParams {}).await?;
        link.close().await;
        Ok(identity)
    })
}

fn document(ctx: &Context, found: &Found) -> Result<Value, Problem> {
    let snapshot = ctx.inspected()?;
    let section = &snapshot.config.gateway;
    let info = found.here.gateway();
    let port = info.map_or_else(|| ctx.paths.gateway_port(&ctx.env, section.port), |info| info.port);
    let config = json!({"path": ctx.paths.config_path, "exists": snapshot.exists, "valid": snapshot.is_valid()});
    let runtime = match info {
        Some(info) => {
            json!({"status": "running", "pid": info.pid, "detail": "runs in the foreground, without a service"})
        }
        None => json!({"status": "stopped", "detail": "no gateway holds the state directory"}),
    };
    let listeners =
        info.map(|info| json!([{"pid": info.pid, "command": "openclaw", "address": format!("127.0.0.1:{port}")}]));
    let hint = "Gateway already running locally. Stop it (openclaw gateway stop) or use a different port.";
    let mut gateway = Map::new();
    gateway.insert("bindMode".into(), json!(section.bind.name()));
    gateway.insert("bindHost".into(), json!("127.0.0.1"));
    gateway.insert("port".into(), json!(port));
    gateway.insert("portSource".into(), json!(if info.is_some() { "running gateway" } else { "env/config" }));
    gateway.insert("probeUrl".into(), json!(found.url));
    if !section.reaches_beyond_loopback() {
        gateway.insert("probeNote".into(), json!("Loopback-only gateway; only local clients can connect."));
    }
    if let Some(info) = info {
        gateway.insert("name".into(), json!(info.name));
        gateway.insert("instanceId".into(), json!(info.instance_id));
        gateway.insert("version".into(), json!(info.version));
        gateway.insert("pid".into(), json!(info.pid));
    }
    let mut document = json!({
        "service": {
            "label": "none", "loaded": false, "loadedText": "enabled", "notLoadedText": "disabled",
            "command": Value::Null, "runtime": runtime,
        },
        "config": {"cli": config, "daemon": config},
        "gateway": gateway,
        "port": {
            "port": port,
            "status": if info.is_some() { "busy" } else { "free" },
            "listeners": listeners.unwrap_or_else(|| json!([])),
            "hints": if info.is_some() { json!([hint]) } else { json!([]) },
        },
        "logs": {"file": log_path(&ctx.paths, &snapshot.config.logging, ctx.now_ms())},
        "extraServices": [],
    });
    if let (Some(probe), Some(members)) = (&found.probe, document.as_object_mut()) {
        members.insert(
            "rpc".into(),
            match probe {
                Ok(identity) => json!({
                    "ok": true, "url": found.url, "name": identity.name, "instanceId": identity.instance_id,
                }),
                Err(problem) => {
                    json!({"ok": false, "url": found.url, "error": problem.what(), "problem": problem.error_json()})
                }
            },
        );
    }
    Ok(document)
}

fn show(ctx: &Context, found: &Found) -> Result<(), Problem> {
    let ui = &ctx.ui;
    let snapshot = ctx.inspected()?;
    let section = &snapshot.config.gateway;
    let log = log_path(&ctx.paths, &snapshot.config.logging, ctx.now_ms());
    ui.line("Service: none (run by hand; services come with a later release)");
    ui.line(format!("File logs: {}", ctx.paths.display(&log)));
    ui.line("");
    let mut config = format!("Config (cli): {}", ctx.paths.display(&ctx.paths.config_path));
    match (snapshot.exists, snapshot.is_valid()) {
        (false, _) => config.push_str(" (not there yet)"),
        (true, false) => config = format!("{config} (invalid: {})", ctx.command("config validate")),
        (true, true) => {}
    }
    ui.line(config);
    ui.line("");
    let info = found.here.gateway();
    let (port, source) = match info {
        Some(info) => (info.port, "running gateway"),
        None => (ctx.paths.gateway_port(&ctx.env, section.port), "env/config"),
    };
    ui.line(format!("Gateway: bind={} (127.0.0.1), port={port} ({source})", section.bind));
    ui.line(format!("Probe target: {}", found.url));
    if !section.reaches_beyond_loopback() {
        ui.line("Probe note: Loopback-only gateway; only local clients can connect.");
    }
    ui.line("");
    match info {
        Some(info) => ui.line(format!(
            "Runtime: {} (pid {}, {} {}, version {})",
            ui.paint(Tone::Good, "running"),
            info.pid,
            clean(&info.name),
            short(&info.instance_id),
            clean(&info.version)
        )),
        None => ui.line(format!("Runtime: {}", ui.paint(Tone::Warn, "stopped"))),
    }
    match &found.probe {
        None => {}
        Some(Ok(identity)) => {
            ui.line(format!("RPC probe: {}", ui.paint(Tone::Good, "ok")));
            let other = info.is_some_and(|info| info.instance_id != identity.instance_id);
            if other {
                ui.line(ui.paint(Tone::Warn, "The gateway that answers is not the one of this state directory."));
            }
        }
        Some(Err(problem)) => {
            ui.line(format!("RPC probe: {}", ui.paint(Tone::Bad, "failed")));
            ui.line(format!("  {}", problem.what()));
            for why in problem.reasons() {
                ui.line(format!("  {why}"));
            }
        }
    }
    if let Some(Err(problem)) = &found.probe
        && let Some(fix) = problem.fixes().first()
    {
        ui.line("");
        ui.line(format!("Fix: {fix}"));
    } else {
        ui.line("");
        ui.line(format!("Troubles: run {}", ctx.command("doctor")));
    }
    Ok(())
}
