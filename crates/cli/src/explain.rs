//! Every way in which a gateway cannot be used, as a problem with the fix that works (promise P6).

use openclaw_client::{CallError, DialError, EndpointError, NotAGateway, Phase, Refusal, TlsProblem};
use openclaw_protocol::error::{ErrorShape, detail};
use openclaw_store::files::StateLock;
use serde_json::{Value, json};

use crate::{
    connect::short,
    context::Context,
    human::{clean, shell_word},
    problem::{Problem, REQUEST_ERROR, TRANSPORT_ERROR},
    target::{Source, Target},
};

/// An address that is refused before a socket opens.
pub(crate) fn endpoint(ctx: &Context, target: &Target, error: &EndpointError) -> Problem {
    let problem = match error {
        EndpointError::Plaintext { .. } => Problem::new(format!(
            "SECURITY ERROR: Gateway URL \"{}\" uses plaintext ws:// to a non-loopback address.",
            target.endpoint
        ))
        .why("tokens and what is said would be readable on the way")
        .fix("on the gateway's machine: openclaw devices invite, then here the line that it prints")
        .fix("or use its wss:// address and --tls-fingerprint, which openclaw gateway identity prints there")
        .fix(format!(
            "or a tunnel: ssh -N -L {port}:127.0.0.1:{port} user@{host}, then ws://127.0.0.1:{port}",
            port = target.endpoint.url.port(),
            host = target.endpoint.url.host()
        ))
        .fix("or, in a network that you trust, set OPENCLAW_ALLOW_INSECURE_PRIVATE_WS=1"),
        EndpointError::PinWithoutTls => Problem::new("gateway tls fingerprint requires wss:// gateway url")
            .why(format!("{} is not encrypted, so it has no certificate", target.endpoint)),
        other => Problem::new(other.to_string()),
    };
    placed(ctx, target, problem)
}

/// A dial that failed.
pub(crate) fn dial(ctx: &Context, target: &Target, error: &DialError) -> Problem {
    let address = &target.endpoint;
    let problem = match error {
        DialError::Endpoint(error) => return endpoint(ctx, target, error),
        DialError::Refused(refusal) => return refused(ctx, target, refusal),
        DialError::Resolve { host, source } => Problem::new(format!("Gateway not reachable at {address}."))
            .why(format!("the name \"{}\" has no address: {source}", clean(host)))
            .fix(format!("check the name, then: {}", doctor(ctx, target))),
        DialError::Unreachable { source, .. } => unreachable(ctx, target, source),
        DialError::Timeout { phase, after } => timeout(ctx, target, *phase, after.as_millis()),
        DialError::Closed { phase, close } => Problem::new(clean(&close.to_string()))
            .why(format!("the connection ended while {phase}"))
            .fix(doctor(ctx, target)),
        DialError::PinMismatch { expected, found } => Problem::new("gateway tls fingerprint mismatch")
            .why(format!("expected {expected}"))
            .why(format!("found    {found}"))
            .why("either the gateway has a new certificate, or somebody stands between; nothing was sent")
            .fix("compare on the gateway's machine: openclaw gateway identity"),
        DialError::NotAGateway { answer, .. } => not_a_gateway(ctx, target, answer),
        DialError::Tls { problem, found, .. } => tls(ctx, target, *problem, found.as_ref().map(ToString::to_string)),
        DialError::Handshake { problem } => {
            Problem::new("the gateway's handshake is not understood").why(clean(problem)).fix(doctor(ctx, target))
        }
    };
    placed(ctx, target, problem.causes_of(error).kind(TRANSPORT_ERROR))
}

fn unreachable(ctx: &Context, target: &Target, source: &std::io::Error) -> Problem {
    let (address, name) = (&target.endpoint, error_name(source));
    let problem = Problem::new(format!("Gateway not reachable at {address} ({name})."));
    if !target.is_local_default() {
        return problem.why(source.to_string()).fix(doctor(ctx, target));
    }
    match StateLock::holder(&ctx.paths.state_dir) {
        Ok(Some(held)) => {
            problem.why(held.to_string()).fix(ctx.command("logs --plain")).fix(ctx.command("gateway restart"))
        }
        _ => problem
            .why(format!("no gateway runs for {}", ctx.paths.display(&ctx.paths.state_dir)))
            .fix(ctx.command("gateway run")),
    }
}

/// The name of an I/O error as programs of the reference's world know it.
fn error_name(error: &std::io::Error) -> String {
    use std::io::ErrorKind as Kind;
    match error.kind() {
        Kind::ConnectionRefused => "ECONNREFUSED".into(),
        Kind::ConnectionReset => "ECONNRESET".into(),
        Kind::TimedOut => "ETIMEDOUT".into(),
        Kind::HostUnreachable => "EHOSTUNREACH".into(),
        Kind::NetworkUnreachable => "ENETUNREACH".into(),
        _ => error.to_string(),
    }
}

fn timeout(ctx: &Context, target: &Target, phase: Phase, after_ms: u128) -> Problem {
    let problem = Problem::new(format!("gateway timeout after {after_ms}ms"));
    match phase {
        Phase::WaitingRoom => problem.why("nobody approved this device in time").fix(ctx.command("devices list")),
        phase => problem.why(format!("it happened while {phase}, at {}", target.endpoint)).fix(doctor(ctx, target)),
    }
}

fn not_a_gateway(ctx: &Context, target: &Target, answer: &NotAGateway) -> Problem {
    let problem = Problem::new(format!("no gateway answers at {}", target.endpoint)).why(clean(&answer.to_string()));
    match answer {
        NotAGateway::Tls => {
            problem.fix(format!("the same with wss://{}:{}", target.endpoint.url.host(), target.endpoint.url.port()))
        }
        _ => problem.fix(doctor(ctx, target)),
    }
}

fn tls(ctx: &Context, target: &Target, problem: TlsProblem, found: Option<String>) -> Problem {
    let what = Problem::new(format!("no TLS connection to {}", target.endpoint)).why(problem.to_string());
    match (problem, found) {
        (TlsProblem::NotTls, _) => what.fix(format!(
            "the same with ws://{}:{}, if it is on this machine",
            target.endpoint.url.host(),
            target.endpoint.url.port()
        )),
        (TlsProblem::UnknownIssuer | TlsProblem::WrongName | TlsProblem::NoRoots, Some(found)) => {
            let what = what.why(format!("it shows a certificate with the fingerprint {found}"));
            let compared = "compare it on the gateway's machine (openclaw gateway identity), then";
            match target.source {
                Source::Remote => what.fix(format!(
                    "{compared}: {}",
                    ctx.command(&format!("config set gateway.remote.tlsFingerprint {found}"))
                )),
                _ => what.fix(format!("{compared} add: --tls-fingerprint {found}")),
            }
        }
        _ => what.fix(doctor(ctx, target)),
    }
}

/// How a node's message goes on when its policy denied a command and something can be done about it.
const NODE_FIX: &str = " — allow it on that machine with: ";

/// The gateway said no to `connect`.
pub(crate) fn refused(ctx: &Context, target: &Target, refusal: &Refusal) -> Problem {
    let error = &refusal.error;
    let mut problem = Problem::new(headline(&error.message));
    if let Some(gateway) = gateway_of(error) {
        problem = problem.why(format!("says the gateway {gateway} at {}", target.endpoint));
    } else {
        problem = problem.why(format!("says the gateway at {}", target.endpoint));
    }
    if let Some(code) = error.detail("matchingCode") {
        problem = problem.why(format!("matching code {}: the approver sees the same", clean(code)));
    }
    let fix = error.detail("fix").map(|fix| local_command(ctx, target, &clean(fix)));
    problem = match (fix, refusal.pairing()) {
        (Some(fix), _) => problem.fix(fix),
        (None, Some(pairing)) => match pairing.request_id {
            Some(id) => problem.fix(on_gateway(target, &ctx.command(&format!("devices approve {}", shell_word(&id))))),
            None => problem.fix(on_gateway(target, &ctx.command("devices list"))),
        },
        (None, None) => problem.fix(known_fix(ctx, target, error)),
    };
    placed(ctx, target, problem.with_code(&error.code, error.details.clone()).kind(REQUEST_ERROR))
}

/// The fix for a gateway that names none.
fn known_fix(ctx: &Context, target: &Target, error: &ErrorShape) -> String {
    let flag = match target.source {
        Source::Cli | Source::Node => "pass the right one with --token or --password".to_owned(),
        Source::Env => "set OPENCLAW_GATEWAY_TOKEN (or _PASSWORD) to the gateway's".to_owned(),
        Source::Remote => ctx.command("config set gateway.remote.token THE_GATEWAYS_TOKEN"),
        Source::Local => {
            "set OPENCLAW_GATEWAY_TOKEN (or gateway.auth.token) to what this gateway was started with".to_owned()
        }
    };
    match error.detail_code().unwrap_or_default() {
        "AUTH_TOKEN_MISSING" | detail::AUTH_TOKEN_MISMATCH | "AUTH_PASSWORD_MISSING" | "AUTH_PASSWORD_MISMATCH" => flag,
        detail::AUTH_RATE_LIMITED => "wait a while, then try again".into(),
        detail::AUTH_BOOTSTRAP_TOKEN_INVALID => "openclaw devices invite (on the gateway's machine)".into(),
        detail::PROTOCOL_MISMATCH => "update the older of the two".into(),
        _ => doctor(ctx, target),
    }
}

/// A call that failed.
pub(crate) fn call(ctx: &Context, target: &Target, error: &CallError) -> Problem {
    let problem = match error {
        CallError::Refused { error, .. } => return call_refused(ctx, target, error),
        CallError::Timeout { after, .. } => Problem::new(error.to_string())
            .why(format!("no answer within {} ms; the gateway may still be at it", after.as_millis()))
            .fix("the same with a larger --timeout"),
        CallError::Closed(_) => {
            Problem::new(clean(&error.to_string())).fix("try again; if the gateway is gone: openclaw gateway run")
        }
        other => Problem::new(clean(&other.to_string())),
    };
    placed(ctx, target, problem.kind(TRANSPORT_ERROR))
}

fn call_refused(ctx: &Context, target: &Target, error: &ErrorShape) -> Problem {
    let mut problem = Problem::new(headline(&error.message));
    if let Some((what, way_out)) = error.message.split_once(NODE_FIX) {
        // A node's policy said no: the way out is on the node's machine.
        problem = Problem::new(headline(what)).why("the node's owner decides what may run there (exec policy)");
        let (one, everything) = way_out.split_once("  (or everything: ").unwrap_or((way_out, ""));
        problem = problem.fix(clean(one.trim()));
        let everything = everything.trim_end_matches(')').trim();
        if !everything.is_empty() {
            problem = problem.fix(format!("{}   (everything)", clean(everything)));
        }
    } else if let Some(fix) = error.detail("fix") {
        problem = problem.fix(local_command(ctx, target, &clean(fix)));
    } else if error.message.starts_with("unknown method") {
        problem = problem.why(format!("the gateway at {} does not offer it", target.endpoint));
    } else if let Some(scope) = error.message.strip_prefix("missing scope: ") {
        problem = problem
            .why(format!("this device is paired with {} without {}", target.endpoint, clean(scope)))
            .fix(on_gateway(target, &ctx.command("devices list")));
    }
    placed(ctx, target, problem.with_code(&error.code, error.details.clone()).kind(REQUEST_ERROR))
}

/// A gateway's message without the part that our gateway adds for clients that show nothing else.
fn headline(message: &str) -> String {
    clean(message.split_once(". Fix: ").map_or(message, |(head, _)| head))
}

/// Name and instance id of the gateway that refused, as it says itself.
fn gateway_of(error: &ErrorShape) -> Option<String> {
    let gateway = error.details.as_ref()?.get("gateway")?;
    let text = |name: &str| gateway.get(name).and_then(Value::as_str);
    Some(format!("{} ({})", clean(text("name")?), clean(short(text("instanceId")?))))
}

/// The gateway's fix, with this call's profile where it is a command for this machine.
fn local_command(ctx: &Context, target: &Target, fix: &str) -> String {
    match fix.strip_prefix("openclaw ") {
        Some(rest) if target.is_ours() || target.is_local_default() => ctx.command(rest),
        Some(_) => format!("{fix}   (on the gateway's machine)"),
        None => fix.to_owned(),
    }
}

fn on_gateway(target: &Target, command: &str) -> String {
    if target.is_local_default() { command.to_owned() } else { format!("{command}   (on the gateway's machine)") }
}

/// The command that looks at this very gateway layer by layer.
fn doctor(ctx: &Context, target: &Target) -> String {
    match target.source {
        Source::Cli => ctx.command(&format!("doctor --url {}", shell_word(&target.endpoint.to_string()))),
        _ => ctx.command("doctor"),
    }
}

/// Adds where the gateway is and where its address comes from.
fn placed(ctx: &Context, target: &Target, problem: Problem) -> Problem {
    let gateway = json!({
        "url": target.endpoint.to_string(),
        "urlSource": target.source.to_string(),
        "config": ctx.paths.display(&ctx.paths.config_path),
    });
    problem.beside("gateway", gateway)
}
