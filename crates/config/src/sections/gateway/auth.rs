//! `gateway.auth`.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::sections::limits;

use crate::{env::Env, secret::Secret};

/// How clients prove themselves (protocol.md §3.4).
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase", deny_unknown_fields)]
pub struct Auth {
    /// What is asked for. Without it, the password if there is one, else the token.
    pub mode: Option<AuthMode>,
    /// The shared token. One is made on the first start.
    pub token: Option<Secret>,
    /// The shared password.
    pub password: Option<Secret>,
    /// Believes the identity headers of Tailscale Serve. Without it, yes if Serve is on and the mode is none or token.
    pub allow_tailscale: Option<bool>,
    /// Slowing down those who guess.
    pub rate_limit: RateLimit,
    /// A proxy that has already proved who the client is.
    pub trusted_proxy: Option<TrustedProxy>,
}

/// What a client has to show.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum AuthMode {
    /// Nothing.
    None,
    /// The shared token.
    Token,
    /// The shared password.
    Password,
    /// A user name in a header of a trusted proxy.
    TrustedProxy,
}

impl AuthMode {
    /// The word in the file.
    pub const fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Token => "token",
            Self::Password => "password",
            Self::TrustedProxy => "trusted-proxy",
        }
    }
}

impl fmt::Display for AuthMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A lockout for addresses that show wrong secrets.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase", deny_unknown_fields)]
pub struct RateLimit {
    /// So many failures within the window lock the address out.
    #[schemars(range(min = 1))]
    #[serde(deserialize_with = "limits::positive")]
    pub max_attempts: u32,
    /// The window, in milliseconds.
    #[schemars(range(min = 1))]
    #[serde(deserialize_with = "limits::positive")]
    pub window_ms: u64,
    /// How long the address stays locked out, in milliseconds.
    #[schemars(range(min = 1))]
    #[serde(deserialize_with = "limits::positive")]
    pub lockout_ms: u64,
    /// This machine is never locked out.
    pub exempt_loopback: bool,
}

/// A proxy that has already proved who the client is.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TrustedProxy {
    /// The header with the user's name.
    #[schemars(length(min = 1))]
    #[serde(deserialize_with = "limits::not_empty")]
    pub user_header: String,
    /// Headers that must be there too.
    #[serde(default)]
    pub required_headers: Vec<String>,
    /// Only these users; empty means all.
    #[serde(default)]
    pub allow_users: Vec<String>,
}

/// What a running gateway asks for, and what it compares with.
#[derive(Debug, Clone)]
pub struct ResolvedAuth {
    pub mode: AuthMode,
    pub token: Option<Secret>,
    pub password: Option<Secret>,
}

impl Auth {
    /// The mode by the rules of protocol.md §3.4: the configured one, else password if there is one, else token.
    pub fn effective_mode(&self) -> AuthMode {
        match self.mode {
            Some(mode) => mode,
            None if present(self.password.as_ref()) => AuthMode::Password,
            None => AuthMode::Token,
        }
    }

    /// Mode and secrets of a gateway: the file's first, then `OPENCLAW_GATEWAY_TOKEN` and `…_PASSWORD`.
    pub fn resolve(&self, env: &Env) -> ResolvedAuth {
        let secret = |configured: Option<&Secret>, names: [&str; 2]| {
            let from_env = || names.iter().find_map(|name| env.get(name)).map(Secret::new);
            configured.filter(|secret| !secret.is_empty()).cloned().or_else(from_env)
        };
        let token = secret(self.token.as_ref(), ["OPENCLAW_GATEWAY_TOKEN", "CLAWDBOT_GATEWAY_TOKEN"]);
        let password = secret(self.password.as_ref(), ["OPENCLAW_GATEWAY_PASSWORD", "CLAWDBOT_GATEWAY_PASSWORD"]);
        let mode = self.mode.unwrap_or(match (&token, &password) {
            // A token in the file is a choice; a password that merely stands in the environment does not undo it.
            (Some(_), Some(_)) if present(self.token.as_ref()) && !present(self.password.as_ref()) => AuthMode::Token,
            (_, Some(_)) => AuthMode::Password,
            (_, None) => AuthMode::Token,
        });
        ResolvedAuth { mode, token, password }
    }
}

fn present(secret: Option<&Secret>) -> bool {
    secret.is_some_and(|secret| !secret.is_empty())
}

impl Default for RateLimit {
    fn default() -> Self {
        Self { max_attempts: 10, window_ms: 60_000, lockout_ms: 300_000, exempt_loopback: true }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn auth(mode: Option<AuthMode>, token: Option<&str>, password: Option<&str>) -> Auth {
        Auth { mode, token: token.map(Secret::new), password: password.map(Secret::new), ..Auth::default() }
    }

    #[test]
    fn without_a_mode_a_password_asks_for_the_password_and_anything_else_for_the_token() {
        assert_eq!(auth(None, None, None).effective_mode(), AuthMode::Token);
        assert_eq!(auth(None, None, Some("p")).effective_mode(), AuthMode::Password);
        assert_eq!(auth(None, None, Some("  ")).effective_mode(), AuthMode::Token);
        assert_eq!(auth(Some(AuthMode::None), Some("t"), Some("p")).effective_mode(), AuthMode::None);
    }

    #[test]
    fn the_file_wins_over_the_environment_for_a_gateway() {
        let env = Env::from_pairs([("OPENCLAW_GATEWAY_TOKEN", "et"), ("OPENCLAW_GATEWAY_PASSWORD", "ep")]);
        let resolved = auth(None, Some("ft"), None).resolve(&env);
        assert!(resolved.token.unwrap().matches("ft"));
        assert_eq!(resolved.mode, AuthMode::Token);
        let resolved = auth(None, None, None).resolve(&env);
        assert!(resolved.token.unwrap().matches("et"));
        assert_eq!(resolved.mode, AuthMode::Password);
    }
}
