//! `openclaw node run`: connects this machine to a gateway as a node, and stays.

use clap::Args;
use openclaw_client::{Credentials, Endpoint};
use openclaw_config::sections::gateway::GatewayMode;
use openclaw_identity::Secret;
use openclaw_protocol::setup_code::SetupCode;
use openclaw_store::files::{NodeGateway, NodeJson};
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use super::reports::Printer;
use crate::{
    context::Context,
    exit::Exit,
    logging::{self, Level},
    node_host::{Candidate, LOCAL_MEMBER, Place, Plan, serve},
    problem::{Outcome, Problem},
    signals::{Signal, Signals},
    target::{self, Source, node_credentials, pin_of},
};

/// Connect this machine to a gateway as a node.
#[derive(Args, Debug, Default)]
pub(crate) struct Run {
    /// Host of the gateway; else the saved one, else the gateway of this machine
    #[arg(long, value_name = "HOST")]
    host: Option<String>,
    /// Its port; 18789 with a host and without a port
    #[arg(long, value_name = "PORT", value_parser = clap::value_parser!(u16).range(1..))]
    port: Option<u16>,
    /// Address of the gateway as ws:// or wss://
    #[arg(long, value_name = "URL", conflicts_with_all = ["host", "port", "tls", "no_tls"])]
    url: Option<String>,
    /// The gateway speaks TLS
    #[arg(long, conflicts_with = "no_tls")]
    tls: bool,
    /// The gateway speaks no TLS
    #[arg(long, conflicts_with = "tls_fingerprint")]
    no_tls: bool,
    /// SHA-256 fingerprint of its certificate
    #[arg(long, value_name = "SHA256")]
    tls_fingerprint: Option<String>,
    /// Path of the gateway behind a proxy
    #[arg(long, value_name = "PATH")]
    context_path: Option<String>,
    /// Another id is another node, with a key and a pairing of its own
    #[arg(long, value_name = "ID")]
    node_id: Option<String>,
    /// How people see this node
    #[arg(long, value_name = "NAME")]
    display_name: Option<String>,
    /// Why this node wants in, shown to whoever approves it
    #[arg(long, value_name = "TEXT")]
    purpose: Option<String>,
    /// Setup code or oc-pair:// link of an invitation
    #[arg(long, value_name = "CODE", conflicts_with_all = ["host", "port", "url"])]
    pair: Option<String>,
    /// The same, used only by a node that is not paired yet
    #[arg(long, value_name = "CODE", conflicts_with_all = ["pair", "host", "port", "url"])]
    pair_if_needed: Option<String>,
    /// Offer only these commands, separated by commas; repeatable
    #[arg(long, value_name = "IDS", value_delimiter = ',')]
    commands: Vec<String>,
    /// Offer every command that works here (the default)
    #[arg(long, conflicts_with = "commands")]
    all_commands: bool,
}

/// The port of a gateway whose port nobody named.
const DEFAULT_PORT: u16 = openclaw_protocol::limits::DEFAULT_PORT;

pub(super) fn run(ctx: &Context, args: &Run, level: Option<Level>) -> Outcome {
    if let Some(level) = level {
        logging::to_stderr(level);
    }
    let plan = plan(ctx, args)?;
    crate::context::block_on(async {
        let mut signals =
            Signals::new().map_err(|error| Problem::new(format!("cannot listen for signals: {error}")))?;
        let stop = CancellationToken::new();
        let mut printer = Printer::new(ctx, args.purpose.clone());
        let mut say = |report: &_| printer.say(report);
        let serving = serve(ctx, &plan, &stop, &mut say);
        tokio::pin!(serving);
        loop {
            tokio::select! {
                ended = &mut serving => return ended.map(|()| Exit::Success),
                signal = signals.next() => match signal {
                    // The second one does not wait for what runs.
                    Signal::Stop if stop.is_cancelled() => return Ok(Exit::Failure),
                    Signal::Stop => stop.cancel(),
                    Signal::Restart => {}
                },
            }
        }
    })
}

fn plan(ctx: &Context, args: &Run) -> Result<Plan, Problem> {
    Ok(Plan {
        place: place(ctx, args)?,
        node_id: args.node_id.clone(),
        display_name: args.display_name.clone(),
        purpose: args.purpose.clone(),
        commands: (!args.commands.is_empty()).then(|| args.commands.clone()),
    })
}

fn place(ctx: &Context, args: &Run) -> Result<Place, Problem> {
    if let Some(code) = &args.pair {
        return invited(ctx, code, Redeem::Always);
    }
    if let Some(code) = &args.pair_if_needed {
        return invited(ctx, code, Redeem::IfNeeded);
    }
    let pin = pin_of(args.tls_fingerprint.as_deref())?;
    if let Some(url) = &args.url {
        return one(ctx, url, pin, Source::Cli);
    }
    let saved = NodeJson::read(&ctx.paths.node_json(), ctx.now_ms())?.and_then(|node| node.gateway);
    let names_one = args.host.is_some() || args.port.is_some() || args.tls || args.no_tls || pin.is_some();
    if names_one || args.context_path.is_some() {
        let (url, saved_pin) = named(args, saved.as_ref());
        return one(ctx, &url, pin.or(pin_of(saved_pin.as_deref())?), Source::Cli);
    }
    match saved {
        Some(saved) if !is_this_machine(ctx, &saved)? => {
            let pin = pin_of(saved.tls_fingerprint.as_deref())?;
            one(ctx, &address(&saved.host, saved.port, saved.tls, context_path(&saved)), pin, Source::Cli)
        }
        _ => configured(ctx),
    }
}

/// Without any address: the configured remote gateway, else the one of this machine.
fn configured(ctx: &Context) -> Result<Place, Problem> {
    let is_remote = ctx.inspected()?.config.gateway.mode == Some(GatewayMode::Remote);
    let from_env = ctx.env.trimmed("OPENCLAW_GATEWAY_URL").is_some();
    if !is_remote && !from_env {
        return Ok(Place::Local);
    }
    let target = target::resolve(ctx, &target::GatewayArgs::default())?;
    let (endpoint, credentials, source) = (target.endpoint, target.credentials, target.source);
    Ok(Place::Fixed(vec![Candidate { endpoint, credentials, source }]))
}

/// The address that the flags name, with what they leave out from the saved one; another host or port takes nothing
/// of it (2026.9).
fn named(args: &Run, saved: Option<&NodeGateway>) -> (String, Option<String>) {
    let host = args.host.as_deref().or(saved.map(|saved| saved.host.as_str())).unwrap_or("127.0.0.1");
    let port = args.port.or(saved.map(|saved| saved.port)).unwrap_or(DEFAULT_PORT);
    let same = saved.filter(|saved| saved.host == host && saved.port == port);
    let tls = !args.no_tls && (args.tls || args.tls_fingerprint.is_some() || same.is_some_and(|saved| saved.tls));
    let path = args.context_path.as_deref().or(same.and_then(context_path)).unwrap_or_default();
    let pin = same.filter(|_| tls).and_then(|saved| saved.tls_fingerprint.clone());
    (address(host, port, tls, Some(path)), pin)
}

fn context_path(saved: &NodeGateway) -> Option<&str> {
    saved.rest.get("contextPath").and_then(Value::as_str)
}

fn address(host: &str, port: u16, tls: bool, path: Option<&str>) -> String {
    let scheme = if tls { "wss" } else { "ws" };
    let host = if host.contains(':') && !host.starts_with('[') { format!("[{host}]") } else { host.to_owned() };
    let path = path.unwrap_or_default().trim_start_matches('/');
    format!("{scheme}://{host}:{port}{}{path}", if path.is_empty() { "" } else { "/" })
}

/// Whether the saved address is that of this machine's own gateway, whose port may have changed since. An address of
/// the official program says so by host and port alone.
fn is_this_machine(ctx: &Context, saved: &NodeGateway) -> Result<bool, Problem> {
    if saved.rest.get(LOCAL_MEMBER).and_then(Value::as_bool) == Some(true) {
        return Ok(true);
    }
    let is_loopback = matches!(saved.host.as_str(), "127.0.0.1" | "localhost" | "::1" | "[::1]");
    let port = ctx.paths.gateway_port(&ctx.env, ctx.inspected()?.config.gateway.port);
    Ok(is_loopback && saved.port == port && context_path(saved).is_none())
}

fn one(
    ctx: &Context,
    url: &str,
    pin: Option<openclaw_identity::Fingerprint>,
    source: Source,
) -> Result<Place, Problem> {
    let mut endpoint = Endpoint::parse(url).map_err(|error| Problem::new(error.to_string()))?;
    if let Some(pin) = pin {
        endpoint = endpoint.with_pin(pin);
    }
    let credentials = node_credentials(ctx, &endpoint)?;
    Ok(Place::Fixed(vec![Candidate { endpoint, credentials, source }]))
}

/// When the code of an invitation is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Redeem {
    Always,
    IfNeeded,
}

fn invited(ctx: &Context, code: &str, redeem: Redeem) -> Result<Place, Problem> {
    let code = SetupCode::decode(code).map_err(|error| {
        Problem::new(error.to_string()).fix("openclaw devices invite (on the gateway's machine) prints a new one")
    })?;
    if redeem == Redeem::Always && code.expires_at_ms.is_some_and(|at| at < ctx.now_ms()) {
        return Err(Problem::new("the setup code has expired")
            .why("an invitation lives ten minutes at most")
            .fix("openclaw devices invite (on the gateway's machine)"));
    }
    let mut candidates = Vec::new();
    for (at, url) in code.candidates().into_iter().enumerate() {
        let mut endpoint = Endpoint::parse(url).map_err(|error| Problem::new(error.to_string()))?;
        // The fingerprint is that of the first address (2026.9).
        if let Some(pin) = pin_of(code.tls_fingerprint.as_deref())?.filter(|_| at == 0 && endpoint.url.is_tls()) {
            endpoint = endpoint.with_pin(pin);
        }
        let bootstrap_token = Some(Secret::new(&*code.bootstrap_token));
        let credentials = Credentials { bootstrap_token, ..Credentials::default() };
        candidates.push(Candidate { endpoint, credentials, source: Source::Cli });
    }
    if redeem == Redeem::IfNeeded && is_paired_with(ctx, &candidates)? {
        for candidate in &mut candidates {
            candidate.credentials = Credentials::default();
        }
    }
    Ok(Place::Fixed(candidates))
}

/// Whether this node was connected to one of these gateways before.
fn is_paired_with(ctx: &Context, candidates: &[Candidate]) -> Result<bool, Problem> {
    let Some(saved) = NodeJson::read(&ctx.paths.node_json(), ctx.now_ms())?.and_then(|node| node.gateway) else {
        return Ok(false);
    };
    Ok(candidates.iter().any(|candidate| {
        let url = &candidate.endpoint.url;
        url.host().to_string() == saved.host && url.port() == saved.port
    }))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn saved() -> NodeGateway {
        let value =
            json!({"host": "gw.example", "port": 443, "tls": true, "tlsFingerprint": "ab", "contextPath": "/oc"});
        serde_json::from_value(value).unwrap()
    }

    #[test]
    fn flags_complete_the_saved_address_and_another_host_takes_nothing_of_it() {
        let with = |args: Run| named(&args, Some(&saved()));
        let same = Run { port: Some(443), ..Run::default() };
        assert_eq!(with(same), ("wss://gw.example:443/oc".into(), Some("ab".into())));
        let other = Run { host: Some("::1".into()), ..Run::default() };
        assert_eq!(with(other), ("ws://[::1]:443".into(), None));
        let plain = Run { no_tls: true, ..Run::default() };
        assert_eq!(with(plain), ("ws://gw.example:443/oc".into(), None));
        assert_eq!(named(&Run { tls: true, ..Run::default() }, None).0, "wss://127.0.0.1:18789");
    }
}
