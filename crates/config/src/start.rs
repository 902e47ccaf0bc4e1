//! What a gateway refuses to start with (SEC-031, cli.md §2.1).

use crate::{
    decode::UnresolvedSecret,
    env::Env,
    secret::Secret,
    sections::{
        Config,
        gateway::{AuthMode, Bind, ResolvedAuth},
    },
};

/// Words that stand in templates and documentation. A gateway with one of them for a secret is open to everyone.
const PLACEHOLDERS: [&str; 24] = [
    "undefined",
    "null",
    "none",
    "nil",
    "nan",
    "true",
    "false",
    "[object object]",
    "changeme",
    "change-me",
    "change_me",
    "placeholder",
    "example",
    "secret",
    "password",
    "token",
    "test",
    "todo",
    "xxx",
    "your-token",
    "your_token",
    "your-secret-token",
    "your-token-here",
    "your-password-here",
];

/// A reason not to start.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StartRefusal {
    #[error(
        "{path} is configured but unavailable: {reason}\nFix the reference, or set the value with: openclaw config set {path} <value>"
    )]
    UnresolvedSecret { path: String, reason: String },
    #[error(
        "gateway.auth.token and gateway.auth.password are both set\nSay which one counts: openclaw config set gateway.auth.mode token"
    )]
    AmbiguousMode,
    #[error(
        "Gateway auth is set to password, but no password is configured.\nSet gateway.auth.password (or OPENCLAW_GATEWAY_PASSWORD), or pass --password."
    )]
    NoPassword,
    #[error(
        "the gateway {kind} is a placeholder (`{word}`), which anyone can guess\nSet a real one: openclaw config unset gateway.auth.{kind}"
    )]
    Placeholder { kind: &'static str, word: &'static str },
    #[error(
        "the gateway {kind} is the same as hooks.token\nGive hooks a token of their own: openclaw config set hooks.token <value>"
    )]
    SameAsHooks { kind: &'static str },
    #[error(
        "Refusing to bind gateway to {bind} without auth.\nSet gateway.auth.token/password (or OPENCLAW_GATEWAY_TOKEN/OPENCLAW_GATEWAY_PASSWORD) or pass --token/--password."
    )]
    OpenBind { bind: Bind },
    #[error("gateway.auth.mode is trusted-proxy, but {missing} is not configured")]
    TrustedProxy { missing: &'static str },
    #[error(
        "gateway.bind is custom, but gateway.customBindHost {problem}\nFor example: openclaw config set gateway.customBindHost 192.168.1.10"
    )]
    CustomBind { problem: &'static str },
}

/// Checks whether a gateway may start, after options of the command line were put into `config`. On success, the auth
/// mode and secrets that it runs with.
///
/// A missing token is no refusal: [`crate::defaults::ensure_gateway_defaults`] makes one first; without one, a token
/// gateway refuses everybody, and is refused here only when it would listen beyond loopback.
///
/// # Errors
/// The first reason not to start.
pub fn check(config: &Config, unresolved: &[UnresolvedSecret], env: &Env) -> Result<ResolvedAuth, StartRefusal> {
    let gateway = &config.gateway;
    let auth = gateway.auth.resolve(env);
    let needed = |path: &str| match path {
        "gateway.auth.token" => matches!(gateway.auth.mode, None | Some(AuthMode::Token)),
        "gateway.auth.password" => matches!(gateway.auth.mode, None | Some(AuthMode::Password)),
        _ => false,
    };
    if let Some(secret) = unresolved.iter().find(|secret| needed(&secret.path)) {
        return Err(StartRefusal::UnresolvedSecret { path: secret.path.clone(), reason: secret.reason.to_string() });
    }
    let has = |secret: &Option<Secret>| secret.as_ref().is_some_and(|secret| !secret.is_empty());
    if gateway.auth.mode.is_none() && has(&gateway.auth.token) && has(&gateway.auth.password) {
        return Err(StartRefusal::AmbiguousMode);
    }
    check_bind_host(config)?;
    let hooks_token =
        config.other.get("hooks").and_then(|hooks| hooks.get("token")).and_then(serde_json::Value::as_str);
    match auth.mode {
        AuthMode::None => {}
        AuthMode::Token => check_secret("token", auth.token.as_ref(), hooks_token)?,
        AuthMode::Password => {
            if !has(&auth.password) {
                return Err(StartRefusal::NoPassword);
            }
            check_secret("password", auth.password.as_ref(), hooks_token)?;
        }
        AuthMode::TrustedProxy => check_trusted_proxy(config)?,
    }
    let protected = match auth.mode {
        AuthMode::None => false,
        AuthMode::Token => has(&auth.token),
        AuthMode::Password | AuthMode::TrustedProxy => true,
    };
    if gateway.reaches_beyond_loopback() && !protected {
        return Err(StartRefusal::OpenBind { bind: gateway.bind });
    }
    Ok(auth)
}

fn check_bind_host(config: &Config) -> Result<(), StartRefusal> {
    if config.gateway.bind != Bind::Custom {
        return Ok(());
    }
    match config.gateway.custom_bind_host.as_deref().map(str::trim) {
        None | Some("") => Err(StartRefusal::CustomBind { problem: "is not set" }),
        Some(host) if host.parse::<std::net::Ipv4Addr>().is_err() => {
            Err(StartRefusal::CustomBind { problem: "is no IPv4 address" })
        }
        Some(_) => Ok(()),
    }
}

fn check_secret(kind: &'static str, secret: Option<&Secret>, hooks_token: Option<&str>) -> Result<(), StartRefusal> {
    let Some(secret) = secret.filter(|secret| !secret.is_empty()) else { return Ok(()) };
    let lower = secret.expose().to_lowercase();
    let bare = lower.trim_matches(['<', '>', '"', '\'']);
    if let Some(word) = PLACEHOLDERS.iter().find(|word| **word == bare) {
        return Err(StartRefusal::Placeholder { kind, word });
    }
    match hooks_token {
        Some(token) if !token.trim().is_empty() && secret.matches(token) => Err(StartRefusal::SameAsHooks { kind }),
        _ => Ok(()),
    }
}

fn check_trusted_proxy(config: &Config) -> Result<(), StartRefusal> {
    let gateway = &config.gateway;
    if gateway.trusted_proxies.is_empty() {
        return Err(StartRefusal::TrustedProxy { missing: "gateway.trustedProxies" });
    }
    match &gateway.auth.trusted_proxy {
        Some(proxy) if !proxy.user_header.trim().is_empty() => Ok(()),
        _ => Err(StartRefusal::TrustedProxy { missing: "gateway.auth.trustedProxy.userHeader" }),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::{load::preview, paths::Paths};

    fn start(file: &Value, env: &[(&str, &str)]) -> Result<AuthMode, String> {
        let dir = tempfile::tempdir().unwrap();
        let env = Env::from_pairs(env.iter().copied());
        let snapshot = preview(&Paths::under(dir.path()), &env, &file.to_string());
        assert!(snapshot.is_valid(), "{:?}", snapshot.issues);
        check(&snapshot.config, &snapshot.unresolved_secrets, &snapshot.env)
            .map(|auth| auth.mode)
            .map_err(|refusal| refusal.to_string().lines().next().unwrap().to_owned())
    }

    fn gateway(bind: &str, auth: &Value) -> Value {
        json!({"gateway": {"bind": bind, "customBindHost": "10.0.0.1", "auth": auth}})
    }

    #[test]
    fn sec_031_beyond_loopback_only_with_a_secret() {
        for bind in ["lan", "auto", "tailnet", "custom"] {
            let refused = Err(format!("Refusing to bind gateway to {bind} without auth."));
            assert_eq!(start(&gateway(bind, &json!({})), &[]), refused);
            assert_eq!(start(&gateway(bind, &json!({"mode": "none"})), &[]), refused);
            assert_eq!(start(&gateway(bind, &json!({"mode": "none", "token": "abc123"})), &[]), refused);
            assert_eq!(start(&gateway(bind, &json!({"token": "   "})), &[]), refused);
            assert_eq!(start(&gateway(bind, &json!({"token": "abc123"})), &[]), Ok(AuthMode::Token));
            assert_eq!(start(&gateway(bind, &json!({"password": "abc123"})), &[]), Ok(AuthMode::Password));
            assert_eq!(start(&gateway(bind, &json!({})), &[("OPENCLAW_GATEWAY_TOKEN", "abc123")]), Ok(AuthMode::Token));
        }
        assert_eq!(start(&gateway("loopback", &json!({"mode": "none"})), &[]), Ok(AuthMode::None));
        assert_eq!(
            start(&json!({"gateway": {"bind": "custom", "customBindHost": "127.0.0.1"}}), &[]),
            Ok(AuthMode::Token)
        );
    }

    #[test]
    fn sec_031_a_placeholder_is_no_secret_however_it_is_written() {
        for word in PLACEHOLDERS {
            for written in [word.to_owned(), word.to_uppercase(), format!(" {word} "), format!("<{word}>")] {
                let token = start(&gateway("loopback", &json!({"token": written})), &[]).unwrap_err();
                assert!(token.starts_with("the gateway token is a placeholder"), "{token}");
                let password =
                    start(&gateway("lan", &json!({"mode": "password", "password": written})), &[]).unwrap_err();
                assert!(password.starts_with("the gateway password is a placeholder"), "{password}");
            }
        }
    }

    #[test]
    fn sec_031_the_secret_of_hooks_is_not_the_secret_of_the_gateway() {
        let same = json!({"gateway": {"auth": {"token": "abc123"}}, "hooks": {"token": " abc123"}});
        assert_eq!(start(&same, &[]), Err("the gateway token is the same as hooks.token".into()));
    }

    #[test]
    fn sec_031_an_unresolved_secret_refuses_the_start_and_never_becomes_the_secret() {
        let refused = start(&gateway("lan", &json!({"token": "${NOPE}"})), &[]).unwrap_err();
        assert_eq!(refused, "gateway.auth.token is configured but unavailable: environment variable NOPE is not set");
        let reference = json!({"source": "exec", "provider": "op", "id": "x"});
        let refused = start(&gateway("loopback", &json!({"password": reference})), &[]).unwrap_err();
        assert!(refused.starts_with("gateway.auth.password is configured but unavailable"));
        assert_eq!(start(&gateway("lan", &json!({"token": "${T}"})), &[("T", "abc123")]), Ok(AuthMode::Token));
        let unused = json!({"mode": "token", "token": "abc123", "password": "${NOPE}"});
        assert_eq!(start(&gateway("lan", &unused), &[]), Ok(AuthMode::Token));
    }

    #[test]
    fn what_contradicts_itself_is_refused() {
        assert_eq!(
            start(&gateway("loopback", &json!({"token": "a1", "password": "b2"})), &[]),
            Err("gateway.auth.token and gateway.auth.password are both set".into())
        );
        assert_eq!(
            start(&gateway("loopback", &json!({"mode": "token", "token": "a1", "password": "b2"})), &[]),
            Ok(AuthMode::Token)
        );
        assert!(
            start(&gateway("loopback", &json!({"mode": "password"})), &[])
                .unwrap_err()
                .contains("no password is configured")
        );
        assert!(
            start(&json!({"gateway": {"bind": "custom", "auth": {"token": "a1"}}}), &[])
                .unwrap_err()
                .contains("is not set")
        );
        assert!(
            start(&json!({"gateway": {"bind": "custom", "customBindHost": "h"}}), &[]).unwrap_err().contains("no IPv4")
        );
        let proxy = |proxies: Value, proxy: Value| {
            start(
                &json!({"gateway": {"trustedProxies": proxies, "auth": {"mode": "trusted-proxy", "trustedProxy": proxy}}}),
                &[],
            )
        };
        assert!(proxy(json!([]), json!({"userHeader": "x"})).unwrap_err().contains("trustedProxies"));
        assert!(proxy(json!(["10.0.0.1"]), json!({"userHeader": " "})).unwrap_err().contains("userHeader"));
        assert_eq!(proxy(json!(["10.0.0.1"]), json!({"userHeader": "x"})), Ok(AuthMode::TrustedProxy));
    }
}
