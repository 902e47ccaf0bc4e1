//! `openclaw devices list`.

use clap::Args;
use openclaw_protocol::{
    method::NoParams,
    methods::device::{PairList, PairListReply, PairedDevice},
};

use super::offline::Way;
use crate::{
    context::Context,
    exit::Exit,
    human::{ago, clean},
    pairing_text::{device_label, show_pending},
    problem::Outcome,
    target::GatewayArgs,
    ui::Tone,
};

/// What waits and what is paired.
#[derive(Args, Debug)]
pub(crate) struct List {
    #[command(flatten)]
    gateway: GatewayArgs,
}

pub(super) fn run(ctx: &Context, args: &List) -> Outcome {
    let reply = crate::context::block_on(async {
        match Way::find(ctx, &args.gateway).await? {
            Way::Gateway(link) => {
                let reply = link.call::<PairList>(ctx, NoParams {}).await?;
                link.close().await;
                Ok(reply)
            }
            Way::Store(state) => state.list(ctx).await,
        }
    })?;
    if ctx.ui.is_json() {
        ctx.ui.json(&reply);
    } else {
        show(ctx, &reply);
    }
    Ok(Exit::Success)
}

fn show(ctx: &Context, reply: &PairListReply) {
    let (ui, now) = (&ctx.ui, ctx.now_ms());
    if reply.pending.is_empty() && reply.paired.is_empty() {
        ui.line("No device pairing entries.");
        ui.line(format!("Let one in with: {}", ctx.command("devices invite")));
        return;
    }
    if !reply.paired.is_empty() {
        ui.line(ui.paint(Tone::Strong, format!("Paired ({})", reply.paired.len())));
        ui.table(
            ["Device", "Roles", "Scopes", "Tokens", "IP", "Seen"],
            reply.paired.iter().map(|device| row(device, now)),
        );
    }
    if !reply.pending.is_empty() {
        show_pending(ui, &reply.pending, now, &ctx.command("devices approve"));
    }
}

fn row(device: &PairedDevice, now: u64) -> [String; 6] {
    let scopes: Vec<&str> = device.scopes.iter().map(openclaw_protocol::scope::Scope::as_str).collect();
    let tokens = device.tokens.iter().map(|token| {
        let revoked = if token.revoked_at_ms.is_some() { " (revoked)" } else { "" };
        format!("{}{revoked}", token.role)
    });
    let seen = match (device.connected, device.last_seen_at_ms) {
        (Some(true), _) => "connected".to_owned(),
        (_, Some(at)) => ago(now, at),
        (_, None) => String::new(),
    };
    let name = device.operator_label.as_deref().or(device.display_name.as_deref());
    [
        device_label(name, &device.device_id),
        device.roles.join(", "),
        clean(&scopes.join("\n")).replace("\\u{a}", "\n"),
        tokens.collect::<Vec<_>>().join(", "),
        device.remote_ip.clone().unwrap_or_default(),
        seen,
    ]
}
