//! `openclaw health`: the health of the gateway in the reference's lines (cli.md §2.4).

use clap::Args;
use openclaw_protocol::methods::core::{Health as HealthMethod, HealthParams};
use serde_json::Value;

use crate::{
    connect::connect,
    context::Context,
    exit::Exit,
    human::{ago, clean},
    problem::Outcome,
    target::GatewayArgs,
};

/// Is the gateway well?
#[derive(Args, Debug)]
pub(crate) struct Health {
    /// Say how the gateway was reached
    #[arg(long, alias = "debug")]
    verbose: bool,
    #[command(flatten)]
    gateway: GatewayArgs,
}

pub(crate) fn run(ctx: &Context, args: &Health) -> Outcome {
    let (health, target) = crate::context::block_on(async {
        let link = connect(ctx, &args.gateway).await?;
        let health = link.call::<HealthMethod>(ctx, HealthParams::default()).await?;
        let target = link.target.clone();
        link.close().await;
        Ok((health, target))
    })?;
    if ctx.ui.is_json() {
        ctx.ui.json(&health);
        return Ok(Exit::Success);
    }
    if args.verbose {
        ctx.ui.line("Gateway connection:");
        ctx.ui.line(format!("  Gateway target: {}", target.endpoint));
        ctx.ui.line(format!("  Source: {}", target.source));
        ctx.ui.line(format!("  Config: {}", ctx.paths.display(&ctx.paths.config_path)));
        if target.is_ours() {
            ctx.ui.line("  Credentials: proof of the state directory");
        }
    }
    show(ctx, &health);
    Ok(Exit::Success)
}

fn show(ctx: &Context, health: &Value) {
    let ui = &ctx.ui;
    let text = |value: &Value, name: &str| value.get(name).and_then(Value::as_str).map(clean);
    let empty = Vec::new();
    let agents = health.get("agents").and_then(Value::as_array).unwrap_or(&empty);
    let names: Vec<String> = agents
        .iter()
        .filter_map(|agent| {
            let is_default = agent.get("isDefault").and_then(Value::as_bool) == Some(true);
            Some(format!("{}{}", text(agent, "agentId")?, if is_default { " (default)" } else { "" }))
        })
        .collect();
    ui.line(format!("Agents: {}", if names.is_empty() { "none".to_owned() } else { names.join(", ") }));
    for agent in agents {
        let id = text(agent, "agentId").unwrap_or_default();
        let heartbeat = agent.get("heartbeat");
        let every = heartbeat.and_then(|beat| text(beat, "every")).unwrap_or_default();
        let enabled = heartbeat.and_then(|beat| beat.get("enabled")).and_then(Value::as_bool) == Some(true);
        ui.line(format!("Heartbeat interval: {} ({id})", if enabled { every } else { "disabled".to_owned() }));
        let Some(sessions) = agent.get("sessions") else { continue };
        let count = sessions.get("count").and_then(Value::as_u64).unwrap_or_default();
        let path = text(sessions, "path").unwrap_or_default();
        ui.line(format!("Session store ({id}): {path} ({count} entries)"));
        for recent in sessions.get("recent").and_then(Value::as_array).unwrap_or(&empty) {
            let updated = recent.get("updatedAt").and_then(Value::as_u64).unwrap_or_default();
            ui.line(format!("- {} ({})", text(recent, "key").unwrap_or_default(), ago(ctx.now_ms(), updated)));
        }
    }
}
