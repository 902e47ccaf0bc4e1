//! Which gateway, and which credentials for exactly that one (cli.md §1.4, SEC-010).

use std::fmt;

use clap::Args;
use openclaw_client::{Credentials, Endpoint, Host};
use openclaw_config::{
    Snapshot,
    sections::gateway::{AuthMode, GatewayMode},
};
use openclaw_identity::{Fingerprint, Secret};
use openclaw_store::files;

use crate::{context::Context, here, here::Here, problem::Problem};

/// Options of every command that talks to a gateway.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct GatewayArgs {
    /// Address of the gateway (ws:// or wss://); needs --token or --password, or a pairing with it
    #[arg(long, value_name = "URL", help_heading = "Gateway")]
    pub(crate) url: Option<String>,
    /// The gateway's shared token
    #[arg(long, value_name = "TOKEN", help_heading = "Gateway")]
    pub(crate) token: Option<String>,
    /// The gateway's shared password
    #[arg(long, value_name = "PASSWORD", help_heading = "Gateway")]
    pub(crate) password: Option<String>,
    /// SHA-256 fingerprint of the gateway's certificate
    #[arg(long, value_name = "SHA256", help_heading = "Gateway")]
    pub(crate) tls_fingerprint: Option<String>,
    /// Deadline of a request, in milliseconds
    #[arg(long, value_name = "MS", default_value_t = 10_000, help_heading = "Gateway")]
    pub(crate) timeout: u64,
    /// Do not wait for an approval; fail and say what has to be approved
    #[arg(long, help_heading = "Gateway")]
    pub(crate) no_wait: bool,
    /// Wait for the final answer of a method that first says "accepted"
    #[arg(long, help_heading = "Gateway")]
    pub(crate) expect_final: bool,
}

/// Where the address comes from; its text stands in every error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    Cli,
    Env,
    Remote,
    Local,
    Node,
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Cli => "cli --url",
            Self::Env => "env OPENCLAW_GATEWAY_URL",
            Self::Remote => "config gateway.remote.url",
            Self::Local => "local loopback",
            Self::Node => "node.json",
        })
    }
}

/// Whose the gateway is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ownership {
    /// It runs in this state directory, and we can prove that we own it.
    Ours,
    /// Anything else.
    NotOurs,
}

/// A gateway and what we show it.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    pub(crate) endpoint: Endpoint,
    pub(crate) source: Source,
    pub(crate) credentials: Credentials,
    pub(crate) ownership: Ownership,
}

impl Target {
    /// Whether it is the gateway of this state directory.
    pub(crate) fn is_ours(&self) -> bool {
        self.ownership == Ownership::Ours
    }

    /// Whether the address was not chosen by anybody: the gateway of this machine.
    pub(crate) fn is_local_default(&self) -> bool {
        self.source == Source::Local
    }

    /// Under which name tokens of this gateway are stored.
    pub(crate) fn token_place(&self) -> files::Endpoint {
        match self.source {
            Source::Local => files::Endpoint::Local,
            _ if self.is_ours() => files::Endpoint::Local,
            _ => files::Endpoint::remote(&self.endpoint.to_string(), self.endpoint.pin.as_ref()),
        }
    }
}

/// Works out the target. Nothing is sent, nothing is created.
pub(crate) fn resolve(ctx: &Context, args: &GatewayArgs) -> Result<Target, Problem> {
    let mut target = address(ctx, args)?;
    if let Some(pin) = pin_of(args.tls_fingerprint.as_deref())? {
        target.endpoint = target.endpoint.with_pin(pin);
    }
    target
        .endpoint
        .check_plaintext(allows_private(ctx))
        .map_err(|error| crate::explain::endpoint(ctx, &target, &error))?;
    Ok(target)
}

/// `OPENCLAW_ALLOW_INSECURE_PRIVATE_WS=1` (SEC-014).
pub(crate) fn allows_private(ctx: &Context) -> bool {
    ctx.env.trimmed("OPENCLAW_ALLOW_INSECURE_PRIVATE_WS").is_some_and(|value| value == "1")
}

fn address(ctx: &Context, args: &GatewayArgs) -> Result<Target, Problem> {
    let explicit = Credentials {
        token: args.token.as_deref().map(Secret::new),
        password: args.password.as_deref().map(Secret::new),
        ..Credentials::default()
    };
    let has_explicit = explicit.token.is_some() || explicit.password.is_some();
    if let Some(url) = &args.url {
        return named(ctx, url, Source::Cli, has_explicit, explicit);
    }
    if let Some(url) = variable(ctx, "GATEWAY_URL") {
        let credentials = if has_explicit { explicit } else { of_env(ctx) };
        let known = credentials.token.is_some() || credentials.password.is_some();
        return named(ctx, &url, Source::Env, known, credentials);
    }
    let snapshot = ctx.inspected()?;
    if snapshot.config.gateway.mode == Some(GatewayMode::Remote) {
        return remote(ctx, snapshot, has_explicit.then_some(explicit));
    }
    local(ctx, snapshot, has_explicit.then_some(explicit))
}

/// An address that somebody gave: configured credentials are never sent there, for it may be mistyped.
fn named(ctx: &Context, url: &str, source: Source, known: bool, credentials: Credentials) -> Result<Target, Problem> {
    let target = Target { endpoint: parse(url)?, source, credentials, ownership: Ownership::NotOurs };
    if known { claim(ctx, target, false) } else { recognise(ctx, target) }
}

/// Whether an address that somebody gave is that of the gateway which runs here: then we are its owner there, too.
pub(crate) fn recognise(ctx: &Context, target: Target) -> Result<Target, Problem> {
    claim(ctx, target, true)
}

fn claim(ctx: &Context, mut target: Target, with_proof: bool) -> Result<Target, Problem> {
    if let Here::Gateway(info) = here::look(ctx)?
        && let Some(endpoint) = same_gateway(&target.endpoint, &info)
    {
        // The process that holds our lock listens at this very port of this machine: it is ours, whatever it is called.
        target.endpoint = endpoint;
        own(ctx, &mut target, &info, with_proof)?;
    }
    Ok(target)
}

fn remote(ctx: &Context, snapshot: &Snapshot, explicit: Option<Credentials>) -> Result<Target, Problem> {
    let section = &snapshot.config.gateway;
    let Some(url) = section.remote.url.as_deref().map(str::trim).filter(|url| !url.is_empty()) else {
        return Err(Problem::new("gateway remote mode misconfigured: gateway.remote.url missing")
            .why("gateway.mode is \"remote\", so this machine is a client of another gateway, but no address is set")
            .fix(ctx.command("config set gateway.remote.url wss://your.gateway"))
            .fix(ctx.command("config set gateway.mode local")));
    };
    let mut endpoint = parse(url)?;
    if let Some(pin) = pin_of(section.remote.tls_fingerprint.as_deref())? {
        endpoint = endpoint.with_pin(pin);
    }
    let first = |candidates: [Option<Secret>; 3]| candidates.into_iter().flatten().next();
    let credentials = explicit.unwrap_or_else(|| Credentials {
        token: first([
            own_secret(section.remote.token.as_ref()),
            env_token(ctx),
            own_secret(section.auth.token.as_ref()),
        ]),
        password: first([
            env_password(ctx),
            own_secret(section.remote.password.as_ref()),
            own_secret(section.auth.password.as_ref()),
        ]),
        ..Credentials::default()
    });
    Ok(Target { endpoint, source: Source::Remote, credentials, ownership: Ownership::NotOurs })
}

fn local(ctx: &Context, snapshot: &Snapshot, explicit: Option<Credentials>) -> Result<Target, Problem> {
    let section = &snapshot.config.gateway;
    let here = here::look_patiently(ctx)?;
    let url = if let Some(info) = here.gateway() {
        info.url.clone()
    } else {
        let scheme = if section.tls.enabled { "wss" } else { "ws" };
        format!("{scheme}://127.0.0.1:{}", ctx.paths.gateway_port(&ctx.env, section.port))
    };
    let mut target = Target {
        endpoint: parse(&url)?,
        source: Source::Local,
        credentials: Credentials::default(),
        ownership: Ownership::NotOurs,
    };
    let wanted = explicit.is_none();
    target.credentials = explicit.unwrap_or_else(|| of_local_config(ctx, snapshot));
    if let Here::Gateway(info) = here {
        own(ctx, &mut target, &info, wanted)?;
    }
    Ok(target)
}

/// Marks the target as ours; `with_proof` replaces its credentials by the owner's secret.
fn own(ctx: &Context, target: &mut Target, info: &files::GatewayInfo, with_proof: bool) -> Result<(), Problem> {
    if target.endpoint.url.is_tls()
        && let Some(pin) = pin_of(info.tls_fingerprint.as_deref())?
    {
        target.endpoint = target.endpoint.clone().with_pin(pin);
    }
    if let Some(secret) = here::proof(ctx)? {
        if with_proof {
            target.credentials = Credentials { token: Some(secret), ..Credentials::default() };
        }
        target.ownership = Ownership::Ours;
    }
    Ok(())
}

/// The address that the gateway which runs here gives itself, if `endpoint` means the same. Another loopback address,
/// such as 127.0.0.2, may belong to somebody else.
fn same_gateway(endpoint: &Endpoint, info: &files::GatewayInfo) -> Option<Endpoint> {
    let own = Endpoint::parse(&info.url).ok()?;
    let same_host = endpoint.url.host() == own.url.host() || endpoint.url.host() == &Host::Name("localhost".into());
    let same = same_host && endpoint.url.port() == own.url.port() && endpoint.url.is_tls() == own.url.is_tls();
    same.then_some(own)
}

fn of_local_config(ctx: &Context, snapshot: &Snapshot) -> Credentials {
    let section = &snapshot.config.gateway;
    let remote = &section.remote;
    let token = env_token(ctx)
        .or_else(|| own_secret(section.auth.token.as_ref()).or_else(|| own_secret(remote.token.as_ref())));
    let password = env_password(ctx)
        .or_else(|| own_secret(section.auth.password.as_ref()).or_else(|| own_secret(remote.password.as_ref())));
    match section.auth.mode {
        Some(AuthMode::Token) => Credentials { token, ..Credentials::default() },
        Some(AuthMode::None | AuthMode::Password | AuthMode::TrustedProxy) => {
            Credentials { password, ..Credentials::default() }
        }
        None => Credentials { token, password, ..Credentials::default() },
    }
}

/// What a node shows at an address: the environment's secrets, and a configured one only where it was meant for
/// (nodes.md §1.2, SEC-010).
pub(crate) fn node_credentials(ctx: &Context, endpoint: &Endpoint) -> Result<Credentials, Problem> {
    let from_env = of_env(ctx);
    if from_env.token.is_some() || from_env.password.is_some() {
        return Ok(from_env);
    }
    let snapshot = ctx.inspected()?;
    let remote = &snapshot.config.gateway.remote;
    let configured = remote.url.as_deref().and_then(|url| Endpoint::parse(url).ok());
    if configured.is_some_and(|configured| configured.url == endpoint.url) {
        let (token, password) = (own_secret(remote.token.as_ref()), own_secret(remote.password.as_ref()));
        return Ok(Credentials { token, password, ..Credentials::default() });
    }
    let port = ctx.paths.gateway_port(&ctx.env, snapshot.config.gateway.port);
    if endpoint.is_loopback() && endpoint.url.port() == port {
        return Ok(of_local_config(ctx, snapshot));
    }
    Ok(Credentials::default())
}

fn of_env(ctx: &Context) -> Credentials {
    Credentials { token: env_token(ctx), password: env_password(ctx), ..Credentials::default() }
}

fn env_token(ctx: &Context) -> Option<Secret> {
    variable(ctx, "GATEWAY_TOKEN").map(Secret::new)
}

fn env_password(ctx: &Context) -> Option<Secret> {
    variable(ctx, "GATEWAY_PASSWORD").map(Secret::new)
}

/// `OPENCLAW_<name>`, else its name of before (2026.3).
fn variable(ctx: &Context, name: &str) -> Option<String> {
    ["OPENCLAW_", "CLAWDBOT_"].iter().find_map(|prefix| ctx.env.trimmed(&format!("{prefix}{name}")))
}

fn own_secret(secret: Option<&openclaw_config::Secret>) -> Option<Secret> {
    secret.filter(|secret| !secret.is_empty()).map(|secret| Secret::new(secret.expose()))
}

fn parse(url: &str) -> Result<Endpoint, Problem> {
    Endpoint::parse(url).map_err(|error| Problem::new(error.to_string()))
}

pub(crate) fn pin_of(text: Option<&str>) -> Result<Option<Fingerprint>, Problem> {
    let Some(text) = text.map(str::trim).filter(|text| !text.is_empty()) else { return Ok(None) };
    Fingerprint::parse(text).map(Some).map_err(|error| Problem::new(format!("gateway tls fingerprint: {error}")))
}
