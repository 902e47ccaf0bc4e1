//! The way to the gateway, layer by layer: name, TCP, TLS, WebSocket, protocol, secret, pairing, capabilities.

use std::time::Duration;

use openclaw_client::{Connected, ProbeReport, probe};
use openclaw_protocol::{
    error::code,
    method::NoParams,
    methods::{
        core::SystemPresence,
        gateway::{IdentityGet, IdentityReply},
        node::List,
    },
};

use super::command::{Check, Verdict};
use super::node;
use crate::{
    connect::{Wish, options, short, try_open},
    context::Context,
    explain, here,
    human::{clean, count_of},
    problem::Problem,
    target::{self, GatewayArgs, Target},
};

/// Deadline of each layer.
pub(super) const LAYER_DEADLINE: Duration = Duration::from_secs(5);

/// The layers after those that [`probe`] looks at.
const LATER: [&str; 4] = ["gateway.secret", "gateway.pairing", "gateway.identity", "gateway.capabilities"];

pub(super) fn checks(ctx: &Context, args: &GatewayArgs) -> Vec<Check> {
    let target = match target::resolve(ctx, args) {
        Ok(target) => target,
        Err(problem) => return vec![failed("gateway.address", &problem)],
    };
    if let Some(checks) = node::checks(ctx, args, &target) {
        return checks;
    }
    let mut checks = vec![Check::ok("gateway.address", format!("{} ({})", target.endpoint, target.source))];
    let walked = crate::context::block_on(async {
        let report = probe(&target.endpoint, &options(ctx, args), LAYER_DEADLINE).await;
        let stopped = layers(ctx, &target, &report, &mut checks);
        if stopped {
            checks.extend(LATER.map(skipped));
            return Ok(());
        }
        admitted(ctx, args, target, &mut checks).await
    });
    if let Err(problem) = walked {
        checks.push(failed("gateway", &problem));
    }
    checks
}

pub(super) fn failed(id: &'static str, problem: &Problem) -> Check {
    let mut text = problem.what().to_owned();
    for why in problem.reasons() {
        text.push_str("; ");
        text.push_str(why);
    }
    Check::fail(id, text, problem.fixes().first().cloned())
}

pub(super) fn skipped(id: &'static str) -> Check {
    Check { id, verdict: Verdict::Skipped, text: "not looked at".to_owned(), fix: None }
}

/// What the layers said; whether one of them failed.
pub(super) fn layers(ctx: &Context, target: &Target, report: &ProbeReport, checks: &mut Vec<Check>) -> bool {
    let ProbeReport { resolve, tcp, tls, websocket, protocol } = report;
    let resolved = resolve.as_ref().map(|layer| {
        layer
            .as_ref()
            .map(|addresses| addresses.iter().map(|address| address.ip().to_string()).collect::<Vec<_>>().join(", "))
    });
    let found = [
        ("gateway.name", resolved),
        ("gateway.tcp", tcp.as_ref().map(|layer| layer.as_ref().map(|peer| format!("connected to {peer}")))),
        ("gateway.tls", tls.as_ref().map(|layer| layer.as_ref().map(|found| format!("certificate sha256:{found}")))),
        (
            "gateway.websocket",
            websocket.as_ref().map(|layer| layer.as_ref().map(|()| "it sends a challenge".to_owned())),
        ),
        (
            "gateway.protocol",
            protocol.as_ref().map(|layer| layer.as_ref().map(|version| format!("speaks version {version}"))),
        ),
    ];
    let mut stopped = false;
    for (id, layer) in found {
        match layer {
            Some(Ok(text)) => checks.push(Check::ok(id, text)),
            Some(Err(error)) => {
                stopped = true;
                checks.push(failed(id, &explain::dial(ctx, target, error)));
            }
            None if id == "gateway.tls" && !target.endpoint.url.is_tls() => {
                checks.push(Check::ok(id, "none: this address is not encrypted"));
            }
            None => checks.push(skipped(id)),
        }
    }
    stopped
}

/// Secret, pairing, which gateway it is, what it lets us do.
async fn admitted(ctx: &Context, args: &GatewayArgs, target: Target, checks: &mut Vec<Check>) -> Result<(), Problem> {
    let quiet = GatewayArgs { no_wait: true, ..args.clone() };
    let (dialled, target) = try_open(ctx, &quiet, Wish::default(), target).await?;
    let session = match dialled {
        Ok(session) => session,
        Err(error) => {
            let is_pairing = error.refusal().is_some_and(|refusal| refusal.error.code == code::NOT_PAIRED);
            let problem = explain::dial(ctx, &target, &error);
            if is_pairing {
                checks.push(Check::ok("gateway.secret", "not refused"));
                checks.push(failed("gateway.pairing", &problem));
                checks.extend(["gateway.identity", "gateway.capabilities"].map(skipped));
            } else {
                checks.push(failed("gateway.secret", &problem));
                checks.extend(["gateway.pairing", "gateway.identity", "gateway.capabilities"].map(skipped));
            }
            return Ok(());
        }
    };
    let method = session.hello.auth.as_ref().and_then(|auth| auth.method.clone());
    let shown = if target.is_ours() {
        "ownership of the state directory".to_owned()
    } else {
        method.unwrap_or_else(|| "accepted".into())
    };
    checks.push(Check::ok("gateway.secret", clean(&shown)));
    let scopes =
        session.hello.auth.as_ref().map(|auth| auth.scopes.iter().map(ToString::to_string).collect::<Vec<_>>());
    checks.push(Check::ok(
        "gateway.pairing",
        format!("paired as operator with {}", clean(&scopes.unwrap_or_default().join(", "))),
    ));
    let identity = session.connection.call::<IdentityGet>(NoParams {}).await;
    checks.push(match identity {
        Ok(identity) => same_gateway(ctx, &target, &identity),
        Err(error) => failed("gateway.identity", &explain::call(ctx, &target, &error)),
    });
    checks.push(clock(ctx, &session).await);
    checks.push(capabilities(ctx, &target, &session).await);
    session.connection.close().await;
    Ok(())
}

/// Whether the gateway reached is the one that this CLI administers.
fn same_gateway(ctx: &Context, target: &Target, identity: &IdentityReply) -> Check {
    let reached = format!("{} ({})", clean(&identity.name), clean(short(&identity.instance_id)));
    match here::look(ctx).ok().and_then(|here| here.gateway().cloned()) {
        Some(own) if own.instance_id == identity.instance_id => {
            Check::ok("gateway.identity", format!("{reached} is the gateway of this state directory"))
        }
        Some(own) => Check::warn(
            "gateway.identity",
            format!(
                "{} answers as {reached}, but the gateway of this state directory is {} ({}) at {}",
                target.endpoint,
                clean(&own.name),
                short(&own.instance_id),
                own.url
            ),
            format!("leave --url away, or: {}", ctx.command(&format!("doctor --url {}", own.url))),
        ),
        None if target.is_local_default() => Check::warn(
            "gateway.identity",
            format!(
                "{reached} answers on this machine, but it does not use {}",
                ctx.paths.display(&ctx.paths.state_dir)
            ),
            "set OPENCLAW_STATE_DIR or --profile to the one that it uses",
        ),
        None => Check::ok("gateway.identity", format!("{reached}, on another machine or in another state directory")),
    }
}

/// How far the clocks differ: signatures are refused beyond two minutes.
async fn clock(ctx: &Context, session: &Connected) -> Check {
    let Ok(list) = session.connection.call::<List>(NoParams {}).await else {
        return skipped("gateway.clock");
    };
    let skew = list.ts.abs_diff(ctx.now_ms()) / 1_000;
    if skew > 30 {
        let fix = "set the clocks of both machines (NTP)";
        Check::warn("gateway.clock", format!("the gateway's clock differs by {skew} s; 120 s are too much"), fix)
    } else {
        Check::ok("gateway.clock", "both clocks agree")
    }
}

async fn capabilities(ctx: &Context, target: &Target, session: &Connected) -> Check {
    let nodes = match session.connection.call::<List>(NoParams {}).await {
        Ok(list) => list.nodes,
        Err(error) => return failed("gateway.capabilities", &explain::call(ctx, target, &error)),
    };
    let connected: Vec<_> = nodes.iter().filter(|node| node.connected).collect();
    let methods = session.hello.features.methods.len();
    let present = session.connection.call::<SystemPresence>(NoParams {}).await.map_or(0, |entries| entries.len());
    let text = format!(
        "{} offered; {} of {} connected; {present} present",
        count_of(methods, "method", "methods"),
        connected.len(),
        count_of(nodes.len(), "node", "nodes"),
    );
    let useless = connected.iter().find(|node| node.commands.is_empty());
    match useless {
        Some(node) => Check::warn(
            "gateway.capabilities",
            format!("{text}; {} may do nothing yet", clean(crate::node_choice::label(node))),
            ctx.command("nodes pending"),
        ),
        None => Check::ok("gateway.capabilities", text),
    }
}
