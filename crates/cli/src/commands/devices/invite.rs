//! `openclaw devices invite`: a QR code, a link and a one-line command that let one device in (promise P10).

use clap::Args;
use openclaw_protocol::{
    limits::BOOTSTRAP_TTL_MS,
    methods::device::{InviteAccess, PairSetupCode, SetupCodeParams, SetupCodeReply},
    setup_code::LINK_PREFIX,
};
use qrcode::{EcLevel, QrCode, render::unicode::Dense1x2};
use serde_json::{Value, json};

use crate::{
    connect::connect,
    context::Context,
    exit::Exit,
    human::{clean, duration, parse_duration},
    problem::{Outcome, Problem},
    target::GatewayArgs,
    ui::Tone,
};

/// Invite a device.
#[derive(Args, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of the command line")]
pub(crate) struct Invite {
    /// Let it in as a node only (the default)
    #[arg(long, group = "access")]
    node: bool,
    /// Let it in as a node and as an operator without administration
    #[arg(long, group = "access")]
    operator: bool,
    /// Let it in as a node and as an operator with everything
    #[arg(long, group = "access")]
    full: bool,
    /// Commands that the invited node may offer, separated by commas; all without this
    #[arg(long, value_name = "IDS", value_delimiter = ',')]
    commands: Vec<String>,
    /// How long the invitation lives, at most 10m
    #[arg(long, value_name = "TIME", default_value = "10m", value_parser = ttl)]
    ttl: u64,
    /// Address by which the device shall reach the gateway, as in `openclaw qr`
    #[arg(long, visible_alias = "public-url", value_name = "URL")]
    url: Option<String>,
    /// Draw no QR code
    #[arg(long)]
    no_qr: bool,
    /// The gateway's shared token, to reach it
    #[arg(long, value_name = "TOKEN")]
    token: Option<String>,
    /// The gateway's shared password, to reach it
    #[arg(long, value_name = "PASSWORD")]
    password: Option<String>,
    /// Deadline of the request, in milliseconds
    #[arg(long, value_name = "MS", default_value_t = 10_000)]
    timeout: u64,
}

fn ttl(text: &str) -> Result<u64, String> {
    let ms = parse_duration(text, 1_000).filter(|ms| *ms > 0).ok_or("use a time such as 90s or 10m")?;
    if ms > BOOTSTRAP_TTL_MS { Err("an invitation lives ten minutes at most".to_owned()) } else { Ok(ms) }
}

pub(super) fn run(ctx: &Context, args: &Invite) -> Outcome {
    let access = match (args.full, args.operator) {
        (true, _) => None,
        (_, true) => Some(InviteAccess::Limited),
        _ => Some(InviteAccess::Node),
    };
    let params = SetupCodeParams {
        public_url: args.url.clone(),
        bootstrap_profile: access,
        commands: (!args.commands.is_empty()).then(|| args.commands.clone()),
        ttl_ms: Some(args.ttl),
        ..SetupCodeParams::default()
    };
    let gateway = GatewayArgs {
        token: args.token.clone(),
        password: args.password.clone(),
        timeout: args.timeout,
        ..GatewayArgs::default()
    };
    let reply = issue(ctx, &gateway, params)?;
    if ctx.ui.is_json() {
        ctx.ui.json(&document(&reply));
        return Ok(Exit::Success);
    }
    show(ctx, &reply, !args.no_qr);
    Ok(Exit::Success)
}

/// Asks the gateway for an invitation.
pub(crate) fn issue(ctx: &Context, args: &GatewayArgs, params: SetupCodeParams) -> Result<SetupCodeReply, Problem> {
    crate::context::block_on(async {
        let link = connect(ctx, args).await?;
        let reply = link.call::<PairSetupCode>(ctx, params).await?;
        link.close().await;
        Ok(reply)
    })
}

/// The reply with the link and the command beside.
fn document(reply: &SetupCodeReply) -> Value {
    let mut document = serde_json::to_value(reply).unwrap_or_default();
    if let Some(members) = document.as_object_mut() {
        members.insert("link".into(), json!(format!("{LINK_PREFIX}{}", reply.setup_code)));
        members.insert("command".into(), json!(command(reply)));
    }
    document
}

/// What a person types on the invited machine.
fn command(reply: &SetupCodeReply) -> String {
    format!("openclaw node run --pair {}", clean(&reply.setup_code))
}

fn show(ctx: &Context, reply: &SetupCodeReply, with_picture: bool) {
    let ui = &ctx.ui;
    let access = match reply.access {
        InviteAccess::Full => "node and operator, with everything",
        InviteAccess::Limited => "node and operator, without administration",
        InviteAccess::Node => "node",
    };
    if with_picture && let Some(picture) = picture(&reply.setup_code) {
        ui.line(picture);
    }
    let left = duration(reply.expires_at_ms.saturating_sub(ctx.now_ms()));
    ui.line(ui.paint(Tone::Strong, format!("Invitation for one device ({access}), good for {left}")));
    ui.line(format!("Gateway:    {} ({})", clean(&reply.gateway_url), clean(&reply.url_source)));
    ui.line(format!("Setup code: {}", clean(&reply.setup_code)));
    ui.line(format!("Link:       {LINK_PREFIX}{}", clean(&reply.setup_code)));
    ui.line(format!("On the other machine: {}", ui.paint(Tone::Good, command(reply))));
}

/// The QR code in half blocks; `None` for a text that is too long for one.
pub(crate) fn picture(text: &str) -> Option<String> {
    let code = QrCode::with_error_correction_level(text, EcLevel::L).ok()?;
    Some(code.render::<Dense1x2>().dark_color(Dense1x2::Light).light_color(Dense1x2::Dark).quiet_zone(true).build())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sec_057_an_invitation_lives_ten_minutes_at_most() {
        assert_eq!(ttl("10m"), Ok(600_000));
        assert_eq!(ttl("90"), Ok(90_000));
        assert!(ttl("11m").is_err() && ttl("0").is_err() && ttl("soon").is_err());
    }

    #[test]
    fn a_setup_code_becomes_a_picture() {
        let picture = picture(&"A".repeat(200)).unwrap();
        assert!(picture.lines().count() > 20);
        assert!(picture.chars().all(|c| " █▀▄\n".contains(c)), "{picture}");
    }
}
