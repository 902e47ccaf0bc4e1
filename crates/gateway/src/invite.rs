//! Invitations (promise P10): `device.pair.setupCode` and `device.pair.setupStatus`, and where an invited device finds
//! this gateway.

use std::{collections::BTreeSet, net::IpAddr};

use openclaw_config::sections::gateway::Bind;
use openclaw_protocol::{
    methods::device::{
        InviteAccess, PairSetupCode, PairSetupStatus, SetupCodeParams, SetupCodeReply, SetupCompletion,
        SetupStatusParams, SetupStatusReply,
    },
    scope::{Role, Scope, ScopeSet},
    setup_code::SetupCode,
};
use openclaw_store::pairing::{InviteAsk, InviteError};
use serde_json::json;

use crate::rpc::{ctx::Ctx, error::RpcError, registry::Answer};

/// Addresses in one setup code at most (protocol.md §5.6).
const MAX_ADDRESSES: usize = 8;

/// Issues an invitation within what the issuer holds (SEC-050).
pub(crate) async fn setup_code(ctx: Ctx, p: SetupCodeParams) -> Answer<PairSetupCode> {
    let addresses = addresses(&ctx, &p)?;
    let access = p.bootstrap_profile.unwrap_or(InviteAccess::Full);
    let (roles, scopes) = profile(access, ctx.scopes());
    let ask = InviteAsk {
        roles,
        scopes,
        commands: p.commands.map(|commands| commands.into_iter().collect::<BTreeSet<_>>()),
        access: name(access).to_owned(),
        label: None,
        ttl_ms: p.ttl_ms,
    };
    let issued = ctx.hub.store.invite(ask, ctx.approver(), ctx.now_ms()).await;
    let (invitation, token) = issued.map_err(|error| match error {
        InviteError::MissingScope(scope) => RpcError::missing_scope(&scope),
        InviteError::Store(error) => error.into(),
        other => RpcError::invalid(other.to_string()),
    })?;
    let Addresses { first, others, source } = addresses;
    let all = if others.is_empty() { Vec::new() } else { std::iter::once(first.clone()).chain(others).collect() };
    let code = SetupCode {
        url: first.clone(),
        urls: all.clone(),
        bootstrap_token: token.expose().to_owned(),
        expires_at_ms: Some(invitation.expires_at_ms),
        tls_fingerprint: ctx.hub.reach.fingerprint().filter(|_| is_own_port(&first, ctx.hub.reach.port())),
    };
    Ok(SetupCodeReply {
        setup_id: invitation.setup_id,
        setup_code: code.encode(),
        gateway_url: first,
        gateway_urls: all,
        auth: if ctx.hub.settings().auth_mode() == "password" { "password" } else { "token" }.to_owned(),
        url_source: source.to_owned(),
        access,
        expires_at_ms: invitation.expires_at_ms,
    })
}

/// Tells whether an invitation was used.
pub(crate) async fn setup_status(ctx: Ctx, p: SetupStatusParams) -> Answer<PairSetupStatus> {
    let invitation = ctx.hub.store.invitation(&p.setup_id)?;
    let Some(invitation) = invitation else { return Err(RpcError::invalid("unknown setupId")) };
    let (Some(device_id), Some(ts)) = (invitation.used_by, invitation.used_at_ms) else {
        return Ok(SetupStatusReply::default());
    };
    let device_name = ctx.hub.store.device(&device_id)?.map(|device| device.name().to_owned());
    let access = match invitation.access.as_str() {
        "node" => InviteAccess::Node,
        "limited" => InviteAccess::Limited,
        _ => InviteAccess::Full,
    };
    let completion = SetupCompletion { setup_id: invitation.setup_id, device_id, device_name, access, ts };
    Ok(SetupStatusReply { completion: Some(completion) })
}

const fn name(access: InviteAccess) -> &'static str {
    match access {
        InviteAccess::Full => "full",
        InviteAccess::Limited => "limited",
        InviteAccess::Node => "node",
    }
}

/// Roles and scopes of each kind of invitation, never more than the issuer has.
fn profile(access: InviteAccess, issuer: &ScopeSet) -> (BTreeSet<Role>, ScopeSet) {
    let scopes: ScopeSet = match access {
        InviteAccess::Node => ScopeSet::none(),
        InviteAccess::Limited => [Scope::READ, Scope::WRITE, Scope::APPROVALS].into_iter().collect(),
        InviteAccess::Full => ScopeSet::owner(),
    };
    let roles = if access == InviteAccess::Node {
        BTreeSet::from([Role::Node])
    } else {
        BTreeSet::from([Role::Operator, Role::Node])
    };
    (roles, scopes.limited_to(issuer))
}

struct Addresses {
    first: String,
    others: Vec<String>,
    source: &'static str,
}

/// Where an invited device finds this gateway, in the reference's order (protocol.md §5.6).
fn addresses(ctx: &Ctx, p: &SetupCodeParams) -> Result<Addresses, RpcError> {
    let snapshot = ctx.hub.configuration.snapshot();
    let gateway = &snapshot.config.gateway;
    if let Some(url) = p.public_url.as_deref().map(str::trim).filter(|url| !url.is_empty()) {
        return Ok(Addresses { first: websocket_url(url)?, others: Vec::new(), source: "publicUrl" });
    }
    if p.prefer_remote_url == Some(true) {
        let Some(url) = gateway.remote.url.as_deref() else {
            return Err(RpcError::invalid("gateway.remote.url is not set, so there is no remote address to invite to"));
        };
        return Ok(Addresses { first: websocket_url(url)?, others: Vec::new(), source: "gateway.remote.url" });
    }
    let scheme = if ctx.hub.reach.fingerprint().is_some() { "wss" } else { "ws" };
    let port = ctx.hub.reach.port();
    let mut urls = ctx.hub.reach.lan_addresses().into_iter().map(|ip| match ip {
        IpAddr::V4(ip) => format!("{scheme}://{ip}:{port}"),
        IpAddr::V6(ip) => format!("{scheme}://[{ip}]:{port}"),
    });
    let Some(first) = urls.next() else {
        let message = "Gateway is only bound to loopback. Set gateway.bind=lan, enable tailscale serve, or configure \
                       plugins.entries.device-pair.config.publicUrl.";
        let fix = "openclaw config set gateway.bind lan (then restart the gateway), or pass the address: \
                   openclaw devices invite --url ws://HOST:PORT";
        return Err(RpcError::invalid(message).with_details(json!({"code": "LOOPBACK_ONLY", "fix": fix})));
    };
    let source = match gateway.bind {
        Bind::Lan => "gateway.bind=lan",
        Bind::Tailnet => "gateway.bind=tailnet",
        Bind::Custom => "gateway.bind=custom",
        _ => "gateway.bind=auto",
    };
    Ok(Addresses { first, others: urls.take(MAX_ADDRESSES - 1).collect(), source })
}

/// Whether an address leads to this gateway's own port, and so to its own certificate. Another port is a proxy's, which
/// has a certificate of its own.
fn is_own_port(url: &str, port: u16) -> bool {
    url.strip_prefix("wss://")
        .map(|rest| rest.split('/').next().unwrap_or_default())
        .and_then(|authority| authority.rsplit_once(':'))
        .is_some_and(|(_, found)| found.parse() == Ok(port))
}

fn websocket_url(text: &str) -> Result<String, RpcError> {
    let url = match text.split_once("://") {
        Some(("ws" | "wss", _)) => text.to_owned(),
        Some(("http", rest)) => format!("ws://{rest}"),
        Some(("https", rest)) => format!("wss://{rest}"),
        _ => return Err(RpcError::invalid(format!("not a ws:// or wss:// address: {}", crate::text::for_log(text)))),
    };
    Ok(url.trim_end_matches('/').to_owned())
}
