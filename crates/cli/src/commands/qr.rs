//! `openclaw qr`: the invitation in the reference's words and flags (cli.md §2.15).

use clap::Args;
use openclaw_protocol::methods::device::{SetupCodeParams, SetupCodeReply};
use serde_json::json;

use super::devices::invite::{issue, picture};
use crate::{
    context::Context,
    exit::Exit,
    human::clean,
    problem::{Outcome, Problem},
    target::GatewayArgs,
    ui::Tone,
};

/// Show a pairing QR code and setup code.
#[derive(Args, Debug)]
pub(crate) struct Qr {
    /// Use gateway.remote.url as the address
    #[arg(long)]
    remote: bool,
    /// Address that the scanned code names
    #[arg(long, value_name = "URL")]
    url: Option<String>,
    /// The same as --url
    #[arg(long, value_name = "URL", conflicts_with = "url")]
    public_url: Option<String>,
    /// The gateway's shared token, to reach it
    #[arg(long, value_name = "TOKEN")]
    token: Option<String>,
    /// The gateway's shared password, to reach it
    #[arg(long, value_name = "PASSWORD")]
    password: Option<String>,
    /// Print the setup code alone
    #[arg(long)]
    setup_code_only: bool,
    /// Draw no picture
    #[arg(long)]
    no_ascii: bool,
}

pub(crate) fn run(ctx: &Context, args: &Qr) -> Outcome {
    if args.token.is_some() && args.password.is_some() {
        return Err(Problem::new("Use either --token or --password, not both."));
    }
    let gateway = GatewayArgs {
        token: args.token.clone(),
        password: args.password.clone(),
        timeout: 10_000,
        ..GatewayArgs::default()
    };
    let params = SetupCodeParams {
        public_url: args.url.clone().or_else(|| args.public_url.clone()),
        prefer_remote_url: args.remote.then_some(true),
        ..SetupCodeParams::default()
    };
    let reply = issue(ctx, &gateway, params)?;
    let ui = &ctx.ui;
    if args.setup_code_only {
        ui.line(clean(&reply.setup_code));
    } else if ui.is_json() {
        ui.json(&json!({
            "setupCode": reply.setup_code,
            "gatewayUrl": reply.gateway_url,
            "auth": reply.auth,
            "urlSource": reply.url_source,
        }));
    } else {
        show(ctx, &reply, !args.no_ascii);
    }
    Ok(Exit::Success)
}

fn show(ctx: &Context, reply: &SetupCodeReply, with_picture: bool) {
    let ui = &ctx.ui;
    ui.line(ui.paint(Tone::Strong, "Pairing QR"));
    ui.line("Scan this with the OpenClaw iOS app (Onboarding -> Scan QR).");
    if with_picture && let Some(picture) = picture(&reply.setup_code) {
        ui.line("");
        ui.line(picture);
    }
    ui.line("");
    ui.line(format!("Setup code: {}", clean(&reply.setup_code)));
    ui.line(format!("Gateway: {}", clean(&reply.gateway_url)));
    ui.line(format!("Auth: {}", clean(&reply.auth)));
    ui.line(format!("Source: {}", clean(&reply.url_source)));
    ui.line("");
    ui.line("The code lets one device in by itself. Look at it with:");
    ui.line(format!("  {}", ctx.command("devices list")));
}
