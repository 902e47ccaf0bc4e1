//! `openclaw node status`: what this machine's node is, whether it runs, and what it is connected to.

use clap::Args;
use openclaw_node::status::{Link, NodeStatus};
use serde_json::{Value, json};

use super::reports::policy_text;
use crate::{
    connect::short,
    context::Context,
    exit::Exit,
    here,
    human::{ago, clean},
    pairing_text::device_label,
    problem::Outcome,
    ui::Tone,
};

/// What this machine's node is and does.
#[derive(Args, Debug)]
pub(crate) struct Status {}

pub(super) fn run(ctx: &Context, _args: &Status) -> Outcome {
    let status = NodeStatus::read(&ctx.paths.state_dir, &ctx.clock)?;
    if ctx.ui.is_json() {
        ctx.ui.json(&document(ctx, &status));
    } else {
        show(ctx, &status);
    }
    Ok(Exit::Success)
}

/// The reference's member `service`, with ours beside it. Services come with a later release.
fn document(ctx: &Context, status: &NodeStatus) -> Value {
    let running = status.last.as_ref().filter(|_| status.is_running);
    let runtime = match running {
        Some(last) => json!({"status": "running", "pid": last.pid}),
        None => json!({"status": "stopped"}),
    };
    json!({
        "service": {
            "label": "none",
            "loaded": false,
            "loadedText": "enabled",
            "notLoadedText": "disabled",
            "command": Value::Null,
            "runtime": runtime,
        },
        "node": {
            "deviceId": status.identity.as_ref().map(openclaw_node::host::NodeIdentity::device_id),
            "nodeId": status.settings.as_ref().map(|settings| &settings.node_id),
            "displayName": status.settings.as_ref().and_then(|settings| settings.display_name.as_ref()),
            "gateway": status.settings.as_ref().and_then(|settings| settings.gateway.as_ref()),
            "running": status.is_running,
            "last": status.last,
            "policy": policy_text(ctx),
        },
    })
}

fn show(ctx: &Context, status: &NodeStatus) {
    let ui = &ctx.ui;
    let Some(identity) = &status.identity else {
        ui.line("This machine is not a node yet.");
        ui.line(format!("Make it one with: {}", ctx.command("node run")));
        return;
    };
    let device = identity.device_id();
    ui.line(format!("Node:     {}", device_label(identity.display_name.as_deref(), device.as_str())));
    ui.line(format!("Id:       {device}"));
    if let Some(last) = &status.last {
        let here = here::look(ctx).ok().and_then(|here| here.gateway().cloned());
        let here = here.filter(|info| info.url.trim_end_matches('/') == last.url.trim_end_matches('/'));
        let name = last.gateway_name.as_deref().or(here.as_ref().map(|info| info.name.as_str()));
        let instance = last.instance_id.as_deref().or(here.as_ref().map(|info| info.instance_id.as_str()));
        let gateway = match (name, instance) {
            (Some(name), Some(id)) => format!("{} ({}) at {}", clean(name), clean(short(id)), clean(&last.url)),
            _ => clean(&last.url),
        };
        ui.line(format!("Gateway:  {gateway}"));
        let now = ctx.now_ms();
        let since = last.connected_since_ms.map(|at| format!(" since {}", ago(now, at))).unwrap_or_default();
        let state = match (status.is_running, last.link) {
            (false, _) => ui.paint(Tone::Warn, "not running"),
            (true, Link::Connected) => ui.paint(Tone::Good, format!("connected{since}")),
            (true, Link::Waiting) => ui.paint(Tone::Warn, "waiting for an approval"),
            (true, Link::Connecting | Link::Ended) => ui.paint(Tone::Warn, "trying to connect"),
        };
        let pid = if status.is_running { format!(" (pid {})", last.pid) } else { String::new() };
        ui.line(format!("Runtime:  {state}{pid}"));
        if let Some(request) = &last.request_id {
            ui.line(format!("Approve:  openclaw devices approve {}   on the gateway's machine", clean(request)));
        }
        if let Some(error) = last.last_error.as_deref().filter(|_| last.link != Link::Connected) {
            ui.line(format!("Last:     {}", clean(error)));
        }
        ui.line(format!("Commands: {}", clean(&last.commands.join(", "))));
    }
    ui.line(format!("Policy:   {}", policy_text(ctx)));
    if !status.is_running {
        ui.line(format!("Start with: {}", ctx.command("node run")));
    }
}
