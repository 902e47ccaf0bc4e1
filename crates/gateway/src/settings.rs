//! What the gateway's parts need of the configuration, worked out once per load and shared as a whole.
//!
//! Every part asks the current [`Settings`] when it needs a value and keeps no copy, so a changed secret or list
//! counts from the next connection on (SEC-039).

use std::{net::IpAddr, time::Duration};

use openclaw_config::{Cidr, Env, Snapshot, sections::gateway::AuthMode};
use openclaw_identity::Secret;
use openclaw_protocol::limits::HANDSHAKE_TIMEOUT;

use crate::auth::{arrival::Arrival, rate_limit::Limits};

/// The part of a configuration that decides about connections.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    auth: AuthRule,
    trusted_proxies: Vec<Cidr>,
    allow_real_ip: bool,
    proxy_rule: Option<ProxyRule>,
    origins: Origins,
    rate_limit: Limits,
    nodes: NodeSettings,
    handshake_timeout: Duration,
}

/// What a client has to show.
#[derive(Clone, Debug)]
pub(crate) enum AuthRule {
    Open,
    Token(Option<Secret>),
    Password(Option<Secret>),
    Proxy,
}

/// `gateway.auth.trustedProxy`.
#[derive(Clone, Debug, Default)]
pub(crate) struct ProxyRule {
    pub user_header: String,
    pub required_headers: Vec<String>,
    pub allow_users: Vec<String>,
}

#[derive(Clone, Debug, Default)]
struct Origins {
    allowed: Vec<String>,
    host_header_fallback: bool,
}

/// `gateway.nodes`.
#[derive(Clone, Debug)]
pub(crate) struct NodeSettings {
    pub allow: Vec<String>,
    pub deny: Vec<String>,
    pub auto_approve_local: bool,
    pub auto_approve_networks: Vec<Cidr>,
}

impl Settings {
    /// Works out the settings of a loaded configuration.
    pub(crate) fn of(snapshot: &Snapshot, env: &Env) -> Self {
        let gateway = &snapshot.config.gateway;
        let resolved = gateway.auth.resolve(env);
        let own = |secret: Option<openclaw_config::Secret>| {
            secret.filter(|secret| !secret.is_empty()).map(|secret| Secret::new(secret.expose().trim()))
        };
        let limit = &gateway.auth.rate_limit;
        Self {
            auth: match resolved.mode {
                AuthMode::None => AuthRule::Open,
                AuthMode::Token => AuthRule::Token(own(resolved.token)),
                AuthMode::Password => AuthRule::Password(own(resolved.password)),
                AuthMode::TrustedProxy => AuthRule::Proxy,
            },
            trusted_proxies: gateway.trusted_proxies.clone(),
            allow_real_ip: gateway.allow_real_ip_fallback,
            proxy_rule: gateway.auth.trusted_proxy.as_ref().map(|rule| ProxyRule {
                user_header: rule.user_header.to_ascii_lowercase(),
                required_headers: rule.required_headers.iter().map(|name| name.to_ascii_lowercase()).collect(),
                allow_users: rule.allow_users.clone(),
            }),
            origins: Origins {
                allowed: gateway.control_ui.allowed_origins.clone(),
                host_header_fallback: gateway.control_ui.dangerously_allow_host_header_origin_fallback,
            },
            rate_limit: Limits {
                max_attempts: limit.max_attempts,
                window: Duration::from_millis(limit.window_ms),
                lockout: Duration::from_millis(limit.lockout_ms),
                exempt_loopback: limit.exempt_loopback,
            },
            nodes: NodeSettings {
                allow: gateway.nodes.allowed().map(str::to_owned).collect(),
                deny: gateway.nodes.denied().map(str::to_owned).collect(),
                auto_approve_local: gateway.nodes.pairing.auto_approve_local,
                auto_approve_networks: gateway.nodes.pairing.auto_approve_cidrs.clone(),
            },
            handshake_timeout: gateway.handshake_timeout_ms.map_or(HANDSHAKE_TIMEOUT, Duration::from_millis),
        }
    }

    pub(crate) fn auth_rule(&self) -> AuthRule {
        self.auth.clone()
    }

    /// The reference's word for the mode.
    pub(crate) fn auth_mode(&self) -> &'static str {
        match self.auth {
            AuthRule::Open => "none",
            AuthRule::Token(_) => "token",
            AuthRule::Password(_) => "password",
            AuthRule::Proxy => "trusted-proxy",
        }
    }

    pub(crate) fn trusts_proxy(&self, ip: IpAddr) -> bool {
        self.trusted_proxies.iter().any(|network| network.contains(ip))
    }

    pub(crate) fn allows_real_ip(&self) -> bool {
        self.allow_real_ip
    }

    /// The rule for identity headers, when the mode is trusted-proxy.
    pub(crate) fn trusted_proxy_auth(&self) -> Option<&ProxyRule> {
        matches!(self.auth, AuthRule::Proxy).then_some(self.proxy_rule.as_ref()).flatten()
    }

    pub(crate) fn allowed_origins(&self) -> &[String] {
        &self.origins.allowed
    }

    pub(crate) fn host_header_origin_fallback(&self) -> bool {
        self.origins.host_header_fallback
    }

    /// The limits for this connection: a browser page is never exempt (SEC-022).
    pub(crate) fn rate_limits(&self, arrival: &Arrival) -> Limits {
        Limits { exempt_loopback: self.rate_limit.exempt_loopback && arrival.origin.is_none(), ..self.rate_limit }
    }

    pub(crate) fn nodes(&self) -> &NodeSettings {
        &self.nodes
    }

    pub(crate) fn handshake_timeout(&self) -> Duration {
        self.handshake_timeout
    }
}

#[cfg(test)]
impl Settings {
    /// Token mode with the token `t0ken`, everything else at its default.
    pub(crate) fn for_tests() -> Self {
        Self {
            auth: AuthRule::Token(Some(Secret::new("t0ken"))),
            trusted_proxies: Vec::new(),
            allow_real_ip: false,
            proxy_rule: None,
            origins: Origins::default(),
            rate_limit: Limits {
                max_attempts: 10,
                window: Duration::from_mins(1),
                lockout: Duration::from_mins(5),
                exempt_loopback: true,
            },
            nodes: NodeSettings {
                allow: Vec::new(),
                deny: Vec::new(),
                auto_approve_local: true,
                auto_approve_networks: Vec::new(),
            },
            handshake_timeout: HANDSHAKE_TIMEOUT,
        }
    }

    pub(crate) fn with_trusted_proxy(mut self, network: &str) -> Self {
        self.trusted_proxies.push(network.parse().unwrap());
        self
    }
}
