//! The gateway's shared secrets, and what a connection presents of them (protocol.md §3.4).

use openclaw_identity::{Secret, secrets_equal};
use openclaw_protocol::connect::ConnectAuth;

use super::{
    arrival::{Arrival, ProxyUserError},
    rate_limit::{Kind, RateLimiter, Who},
};
use crate::settings::{AuthRule, Settings};

/// What the credentials of a connection proved, before any device is looked at.
#[derive(Clone, Debug)]
pub(crate) enum Proof {
    /// The person who owns the gateway's state directory: a direct connection from this machine with the owner secret
    /// or the shared secret, neither of which anybody else can read (promise P1).
    Owner(Method),
    /// The shared secret, from elsewhere; or the user that a trusted proxy vouches for.
    Shared(Method),
    /// The gateway asks for nothing (`auth.mode: none`).
    Open,
    /// Nothing was proved. A device's own key may still be enough.
    Nothing(AuthFailure),
}

/// How somebody proved who they are; the reference's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Method {
    Token,
    Password,
    TrustedProxy,
}

impl Method {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Token => "token",
            Self::Password => "password",
            Self::TrustedProxy => "trusted-proxy",
        }
    }
}

/// Why the shared check failed, in the reference's words (protocol.md §3.4, §3.6).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum AuthFailure {
    TokenMissing,
    TokenMismatch,
    TokenNotConfigured,
    PasswordMissing,
    PasswordMismatch,
    PasswordNotConfigured,
    BootstrapInvalid,
    RateLimited { retry_after_ms: u64 },
    Proxy(ProxyFailure),
}

/// Why a trusted proxy's word does not count.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ProxyFailure {
    NotConfigured,
    UntrustedSource,
    Headers(ProxyUserError),
}

impl AuthFailure {
    /// Whether a credential was shown and was wrong, as opposed to none being shown.
    pub(crate) const fn is_wrong_secret(&self) -> bool {
        matches!(self, Self::TokenMismatch | Self::PasswordMismatch | Self::BootstrapInvalid)
    }

    /// Whether nothing was shown at all.
    pub(crate) const fn is_missing(&self) -> bool {
        matches!(
            self,
            Self::TokenMissing | Self::PasswordMissing | Self::TokenNotConfigured | Self::PasswordNotConfigured
        )
    }
}

/// The shared check. Wrong secrets are counted against the sender, missing ones are not (SEC-033).
pub(crate) fn check(
    auth: Option<&ConnectAuth>,
    arrival: &Arrival,
    settings: &Settings,
    owner_secret: &Secret,
    limiter: &RateLimiter,
) -> Proof {
    // What a client calls its device token is never compared with the shared secret, so it is no wrong one either: the
    // device's record decides about it.
    let shown = |auth: &ConnectAuth| auth.token.clone().filter(|token| auth.device_token.as_ref() != Some(token));
    let token = auth.and_then(shown);
    let token = token.as_deref().map(str::trim).filter(|text| !text.is_empty());
    let password = auth.and_then(|auth| auth.password.as_deref()).map(str::trim).filter(|text| !text.is_empty());
    // A page never holds the owner's secret, so it does not even get to guess it (promise P1, SEC-033).
    if arrival.direct_local && arrival.origin.is_none() && token.is_some_and(|token| owner_secret.is(token)) {
        return Proof::Owner(Method::Token);
    }
    let (shown, secret, method) = match settings.auth_rule() {
        AuthRule::Open => return Proof::Open,
        AuthRule::Proxy => return proxy(arrival),
        AuthRule::Token(secret) => (token, secret, Method::Token),
        AuthRule::Password(secret) => (password, secret, Method::Password),
    };
    let failure = |missing, mismatch| if method == Method::Token { missing } else { mismatch };
    let Some(secret) = secret else {
        return Proof::Nothing(failure(AuthFailure::TokenNotConfigured, AuthFailure::PasswordNotConfigured));
    };
    let Some(shown) = shown else {
        return Proof::Nothing(failure(AuthFailure::TokenMissing, AuthFailure::PasswordMissing));
    };
    let attempt = match limiter.attempt(Kind::SharedSecret, &who(arrival), settings.rate_limits(arrival)) {
        Ok(attempt) => attempt,
        Err(wait) => return Proof::Nothing(limited(wait)),
    };
    if !secrets_equal(secret.expose(), shown) {
        return Proof::Nothing(failure(AuthFailure::TokenMismatch, AuthFailure::PasswordMismatch));
    }
    attempt.succeeded();
    if arrival.direct_local { Proof::Owner(method) } else { Proof::Shared(method) }
}

/// Who is counted for wrong secrets: the page for a browser on this machine, else the address (SEC-022).
pub(crate) fn who(arrival: &Arrival) -> Who {
    match &arrival.origin {
        Some(origin) if arrival.peer.ip().is_loopback() => Who::Page(origin.to_ascii_lowercase()),
        _ => Who::Address(arrival.client_ip),
    }
}

/// The failure of somebody who is locked out.
pub(crate) fn limited(wait: std::time::Duration) -> AuthFailure {
    AuthFailure::RateLimited { retry_after_ms: u64::try_from(wait.as_millis()).unwrap_or(u64::MAX) }
}

fn proxy(arrival: &Arrival) -> Proof {
    let failure = match &arrival.proxy_user {
        None => ProxyFailure::NotConfigured,
        Some(_) if !arrival.from_trusted_proxy => ProxyFailure::UntrustedSource,
        Some(Ok(_)) => return Proof::Shared(Method::TrustedProxy),
        Some(Err(error)) => ProxyFailure::Headers(error.clone()),
    };
    Proof::Nothing(AuthFailure::Proxy(failure))
}
