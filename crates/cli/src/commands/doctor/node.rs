//! A machine that is a node and nothing else: the way from here to the node's gateway, layer by layer (promise P7).

use openclaw_client::{Endpoint, probe};
use openclaw_node::status::{HostState, NodeStatus};

use super::{
    command::Check,
    gateway::{LAYER_DEADLINE, layers, skipped},
};
use crate::{
    connect::options,
    context::Context,
    here,
    human::clean,
    target::{self, GatewayArgs, Source, Target},
};

/// The layers that only the node itself gets to.
const LATER: [&str; 2] = ["node.pairing", "node.capabilities"];

/// Checks of the node's way, if this machine has a node for another machine's gateway, none of its own, and nobody named
/// one.
pub(super) fn checks(ctx: &Context, args: &GatewayArgs, local: &Target) -> Option<Vec<Check>> {
    if local.source != Source::Local || !matches!(here::look(ctx), Ok(here::Here::Nothing)) {
        return None;
    }
    let status = NodeStatus::read(&ctx.paths.state_dir, &ctx.clock).ok()?;
    let target = endpoint(&status).filter(|endpoint| !endpoint.is_loopback()).map(|endpoint| Target {
        endpoint,
        source: Source::Node,
        ..local.clone()
    })?;
    let mut checks = vec![Check::ok("gateway.address", format!("{} ({})", target.endpoint, target.source))];
    let stopped = crate::context::block_on(async {
        let report = probe(&target.endpoint, &options(ctx, args), LAYER_DEADLINE).await;
        Ok(layers(ctx, &target, &report, &mut checks))
    })
    .unwrap_or(true);
    if stopped {
        checks.extend(LATER.map(skipped));
    } else {
        checks.extend(of_the_node(ctx, &status));
    }
    Some(checks)
}

fn endpoint(status: &NodeStatus) -> Option<Endpoint> {
    let gateway = status.settings.as_ref()?.gateway.as_ref()?;
    let scheme = if gateway.tls { "wss" } else { "ws" };
    let host = if gateway.host.contains(':') { format!("[{}]", gateway.host) } else { gateway.host.clone() };
    let endpoint = Endpoint::parse(&format!("{scheme}://{host}:{}", gateway.port)).ok()?;
    match target::pin_of(gateway.tls_fingerprint.as_deref()) {
        Ok(Some(pin)) => Some(endpoint.with_pin(pin)),
        _ => Some(endpoint),
    }
}

/// What the running node says of its pairing and its commands.
fn of_the_node(ctx: &Context, status: &NodeStatus) -> Vec<Check> {
    let Some(last) = status.last.as_ref().filter(|_| status.is_running) else {
        let mut checks = vec![Check::warn("node.pairing", "the node does not run now", ctx.command("node run"))];
        checks.push(skipped("node.capabilities"));
        return checks;
    };
    let gateway = clean(last.gateway_name.as_deref().unwrap_or("its gateway"));
    let instance = last.instance_id.as_deref().and_then(|id| id.get(..8)).map(clean).unwrap_or_default();
    match (&last.request_id, last.connected_since_ms, &last.last_error) {
        (Some(request), None, _) => vec![
            Check::fail(
                "node.pairing",
                format!("it waits for an approval by {gateway} ({instance})"),
                Some(format!("openclaw devices approve {} (on the gateway's machine)", clean(request))),
            ),
            skipped("node.capabilities"),
        ],
        (_, Some(_), _) => {
            vec![Check::ok("node.pairing", format!("paired with {gateway} ({instance})")), capabilities(last)]
        }
        (None, None, error) => {
            let why = clean(error.as_deref().unwrap_or("it is not connected"));
            vec![Check::fail("node.pairing", why, Some(ctx.command("node status"))), skipped("node.capabilities")]
        }
    }
}

fn capabilities(last: &HostState) -> Check {
    if last.waiting_commands.is_empty() {
        return Check::ok("node.capabilities", format!("{} commands in effect", last.commands.len()));
    }
    Check::warn(
        "node.capabilities",
        format!("these wait for an approval: {}", clean(&last.waiting_commands.join(", "))),
        "openclaw nodes pending (on the gateway's machine)",
    )
}
