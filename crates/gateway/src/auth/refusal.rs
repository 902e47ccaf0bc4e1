//! Why somebody may not come in: one list, from which the error, its details, the close reason, the text for people
//! and the log line come (promise P6). A test walks the whole list.

use openclaw_protocol::{
    connect::ClientInfo,
    error::{ErrorShape, code, detail},
    id::RequestId,
    limits::close_reason,
    scope::{Role, Scope, ScopeSet},
    version::{Dialect, MAX_PROTOCOL, MIN_PROTOCOL},
};
use openclaw_store::pairing::Reason;
use serde_json::{Map, Value, json};

use super::{
    credentials::{AuthFailure, ProxyFailure},
    device::DeviceProblem,
    origin::OriginError,
};

/// Why a `connect` is refused.
#[derive(Clone, Debug)]
pub(crate) enum Refusal {
    /// No protocol in common.
    ProtocolMismatch { client_min: u32, client_max: u32 },
    /// The params break the schema.
    Params(String),
    /// Neither operator nor node.
    Role,
    /// A page that may not connect.
    Origin(OriginError),
    /// The client has to have a device.
    DeviceRequired { control_ui: bool },
    /// The device's proof is wrong.
    Device(DeviceProblem),
    /// The credentials are wrong.
    Unauthorized(AuthFailure),
    /// A person has to decide.
    Pairing(Box<PairingNeeded>),
    /// A person said no.
    Rejected { request_id: RequestId },
    /// Too many requests wait (SEC-056).
    Quota,
    /// The gateway's state cannot be read or written now.
    State(String),
}

/// A request that waits for a person.
#[derive(Clone, Debug)]
pub(crate) struct PairingNeeded {
    pub request_id: RequestId,
    pub reason: Reason,
    pub role: Role,
    pub scopes: ScopeSet,
    pub approved_roles: Vec<Role>,
    pub approved_scopes: ScopeSet,
    pub matching_code: String,
}

/// Whom a refusal is about: what every text names.
pub(crate) struct About<'a> {
    pub gateway_name: &'a str,
    pub instance_id: &'a str,
    pub dialect: Dialect,
    pub client: Option<&'a ClientInfo>,
    /// The device, where its signature was verified.
    pub device_id: Option<&'a str>,
    /// It has a device and showed nothing but `token`: a stored device token may be better (protocol.md §3.6).
    pub may_try_device_token: bool,
    pub direct_local: bool,
    /// The list of allowed origins with the page's own added, as JSON, where that would let it in.
    pub wider_origins: Option<String>,
}

/// A refusal as it goes over the wire and into the log.
pub(crate) struct Rendered {
    pub error: ErrorShape,
    pub close_code: u16,
    pub close_reason: String,
    /// The command or action that fixes it.
    pub fix: String,
}

impl Refusal {
    /// The error, the close, and the fix.
    pub(crate) fn render(&self, about: &About<'_>) -> Rendered {
        let (mut error, phrase) = self.error(about);
        let fix = self.fix(about);
        let head = error.message.clone();
        error.message = format!("{head}. Fix: {fix} [gateway {}, {}]", about.gateway_name, short(about.instance_id));
        let details = error.details.get_or_insert_with(|| Value::Object(Map::new()));
        if let Some(members) = details.as_object_mut() {
            members.insert("fix".into(), fix.clone().into());
            members.insert("gateway".into(), json!({"name": about.gateway_name, "instanceId": about.instance_id}));
            if let Some(device) = about.device_id {
                members.entry("deviceId").or_insert_with(|| device.into());
            }
        }
        let close_code = if matches!(self, Self::ProtocolMismatch { .. }) { 1002 } else { 1008 };
        Rendered { close_reason: close_reason(&phrase.unwrap_or(head)).to_owned(), close_code, error, fix }
    }

    /// The reference's error, and its close reason where that is not the message.
    fn error(&self, about: &About<'_>) -> (ErrorShape, Option<String>) {
        match self {
            Self::ProtocolMismatch { client_min, client_max } => {
                let details = json!({
                    "code": detail::PROTOCOL_MISMATCH,
                    "clientMinProtocol": client_min,
                    "clientMaxProtocol": client_max,
                    "expectedProtocol": MAX_PROTOCOL,
                    "minimumProbeProtocol": MIN_PROTOCOL,
                });
                (ErrorShape::invalid("protocol mismatch").with_details(details), None)
            }
            Self::Params(problem) => (ErrorShape::invalid(format!("invalid connect params: {problem}")), None),
            Self::Role => (ErrorShape::invalid("invalid role"), None),
            Self::Origin(error) => {
                let message = "origin not allowed (open the Control UI from the gateway host or allow it in \
                               gateway.controlUi.allowedOrigins)";
                let details = json!({"code": detail::CONTROL_UI_ORIGIN_NOT_ALLOWED, "reason": error.reason()});
                (ErrorShape::invalid(message).with_details(details), None)
            }
            Self::DeviceRequired { control_ui: true } => {
                let message = "control ui requires device identity (use HTTPS or localhost secure context)";
                let details = json!({"code": detail::CONTROL_UI_DEVICE_IDENTITY_REQUIRED});
                (ErrorShape::invalid(message).with_details(details), None)
            }
            Self::DeviceRequired { control_ui: false } => {
                let details = json!({"code": detail::DEVICE_IDENTITY_REQUIRED});
                (ErrorShape::new(code::NOT_PAIRED, "device identity required").with_details(details), None)
            }
            Self::Device(problem) => {
                let (message, code, reason) = problem.texts();
                let mut details = json!({"code": code, "reason": reason});
                if let (DeviceProblem::SignatureExpired { skew_ms }, Some(members)) = (problem, details.as_object_mut())
                {
                    members.insert("skewMs".into(), (*skew_ms).into());
                }
                (ErrorShape::invalid(message).with_details(details), None)
            }
            Self::Unauthorized(failure) => unauthorized(failure, about),
            Self::Pairing(needed) => pairing(needed, about),
            Self::Rejected { request_id } => {
                let details = json!({"code": detail::PAIRING_REJECTED, "requestId": request_id});
                (ErrorShape::new(code::NOT_PAIRED, "pairing rejected").with_details(details), None)
            }
            Self::Quota => {
                let details = json!({"code": detail::PAIRING_QUOTA});
                let error = ErrorShape::new(code::NOT_PAIRED, "pairing required, but too many requests wait already");
                (error.with_details(details).retry_after(60_000), None)
            }
            Self::State(_) => {
                (ErrorShape::unavailable("the gateway cannot use its state now").retry_after(2_000), None)
            }
        }
    }

    /// Whether it comes after the device's signature was verified.
    pub(crate) const fn knows_device(&self) -> bool {
        matches!(self, Self::Unauthorized(_) | Self::Pairing(_) | Self::Rejected { .. } | Self::Quota | Self::State(_))
    }

    /// What lies behind it, for the log alone.
    pub(crate) fn cause(&self) -> Option<&str> {
        match self {
            Self::State(cause) => Some(cause),
            _ => None,
        }
    }

    /// What to do about it, to be pasted as it stands where it is a command.
    fn fix(&self, about: &About<'_>) -> String {
        match self {
            Self::ProtocolMismatch { .. } => {
                format!("use a client that speaks protocol {MIN_PROTOCOL} or {MAX_PROTOCOL} (OpenClaw 2026.3 or later)")
            }
            Self::Params(_) => "send the params that connect takes (protocol schema, ConnectParams)".into(),
            Self::Role => "connect as operator or as node".into(),
            Self::Origin(_) => match &about.wider_origins {
                Some(list) => format!("openclaw config set gateway.controlUi.allowedOrigins '{list}'"),
                None => "open the page by its own https:// address or by http://localhost".into(),
            },
            Self::DeviceRequired { control_ui: true } => {
                "open the page by https:// or by http://localhost, where a browser can keep a key".into()
            }
            Self::DeviceRequired { control_ui: false } => {
                "connect with a device key, as openclaw does by itself; a node always needs one".into()
            }
            Self::Device(DeviceProblem::SignatureExpired { skew_ms }) => {
                format!("set the device's clock, which differs by {} s from the gateway's", skew_ms / 1000)
            }
            Self::Device(_) => "sign this connection's challenge with the device's own key and connect again".into(),
            Self::Unauthorized(failure) => unauthorized_fix(failure, about),
            Self::Pairing(needed) => format!("openclaw devices approve {}", needed.request_id),
            Self::Rejected { .. } => "ask the gateway's owner, then connect again for a new request".into(),
            Self::Quota => "openclaw devices list (then approve or reject what waits), and connect again".into(),
            Self::State(_) => "openclaw doctor (on the gateway's machine)".into(),
        }
    }
}

fn short(instance_id: &str) -> &str {
    instance_id.get(..8).unwrap_or(instance_id)
}

fn pairing(needed: &PairingNeeded, about: &About<'_>) -> (ErrorShape, Option<String>) {
    let (requirement, hint) = match needed.reason {
        Reason::NotPaired => ("device is not approved yet", "Approve this device from the pending pairing requests."),
        Reason::RoleUpgrade => (
            "device is asking for a higher role than currently approved",
            "Review the requested role upgrade, then approve the pending request.",
        ),
        Reason::ScopeUpgrade | Reason::SurfaceUpgrade => (
            "device is asking for more scopes than currently approved",
            "Review the requested scopes, then approve the pending upgrade.",
        ),
        Reason::MetadataUpgrade => (
            "device identity changed and must be re-approved",
            "Review the refreshed device details, then approve the pending request.",
        ),
    };
    let mut details = json!({
        "code": detail::PAIRING_REQUIRED,
        "reason": needed.reason.as_str(),
        "requestId": needed.request_id,
        "matchingCode": needed.matching_code,
    });
    if let (Dialect::V4, Some(members)) = (about.dialect, details.as_object_mut()) {
        members.insert("remediationHint".into(), hint.into());
        // A v4 client goes on trying when it is told that the approval may come by itself (protocol.md §3.6).
        members.insert("recommendedNextStep".into(), "wait_then_retry".into());
        members.insert("retryable".into(), true.into());
        members.insert("pauseReconnect".into(), false.into());
        members.insert("requestedRole".into(), needed.role.as_str().into());
        let mut list = |name: &str, texts: Vec<&str>| {
            if !texts.is_empty() {
                members.insert(name.into(), json!(texts));
            }
        };
        list("requestedScopes", needed.scopes.iter().map(Scope::as_str).collect());
        list("approvedRoles", needed.approved_roles.iter().map(|role| role.as_str()).collect());
        list("approvedScopes", needed.approved_scopes.iter().map(Scope::as_str).collect());
    }
    let message = format!("pairing required: {requirement} (requestId: {})", needed.request_id);
    let reason = match about.dialect {
        Dialect::V3 => "pairing required".to_owned(),
        Dialect::V4 => message.clone(),
    };
    (ErrorShape::new(code::NOT_PAIRED, message).with_details(details), Some(reason))
}

fn unauthorized(failure: &AuthFailure, about: &About<'_>) -> (ErrorShape, Option<String>) {
    let (reason, code) = failure_codes(failure);
    let message = unauthorized_message(failure, about);
    let retry_with_device = *failure == AuthFailure::TokenMismatch && about.may_try_device_token;
    let next = match failure {
        _ if retry_with_device => "retry_with_device_token",
        AuthFailure::RateLimited { .. } => "wait_then_retry",
        AuthFailure::TokenMismatch | AuthFailure::PasswordMismatch => "update_auth_credentials",
        failure if failure.is_missing() => "update_auth_configuration",
        _ => "review_auth_configuration",
    };
    let details = json!({
        "code": code,
        "authReason": reason,
        "canRetryWithDeviceToken": retry_with_device,
        "recommendedNextStep": next,
    });
    let mut error = ErrorShape::invalid(message).with_details(details);
    if let AuthFailure::RateLimited { retry_after_ms } = failure {
        error = error.retry_after(*retry_after_ms);
    }
    (error, None)
}

fn failure_codes(failure: &AuthFailure) -> (String, &'static str) {
    let (reason, code) = match failure {
        AuthFailure::TokenMissing => ("token_missing", "AUTH_TOKEN_MISSING"),
        AuthFailure::TokenMismatch => ("token_mismatch", detail::AUTH_TOKEN_MISMATCH),
        AuthFailure::TokenNotConfigured => ("token_missing_config", "AUTH_TOKEN_NOT_CONFIGURED"),
        AuthFailure::PasswordMissing => ("password_missing", "AUTH_PASSWORD_MISSING"),
        AuthFailure::PasswordMismatch => ("password_mismatch", "AUTH_PASSWORD_MISMATCH"),
        AuthFailure::PasswordNotConfigured => ("password_missing_config", "AUTH_PASSWORD_NOT_CONFIGURED"),
        AuthFailure::BootstrapInvalid => ("bootstrap_token_invalid", detail::AUTH_BOOTSTRAP_TOKEN_INVALID),
        AuthFailure::RateLimited { .. } => ("rate_limited", detail::AUTH_RATE_LIMITED),
        AuthFailure::Proxy(ProxyFailure::NotConfigured) => ("trusted_proxy_config_missing", "AUTH_UNAUTHORIZED"),
        AuthFailure::Proxy(ProxyFailure::UntrustedSource) => ("trusted_proxy_untrusted_source", "AUTH_UNAUTHORIZED"),
        AuthFailure::Proxy(ProxyFailure::Headers(error)) => {
            use super::arrival::ProxyUserError as E;
            return match error {
                E::MissingHeader(name) => {
                    (format!("trusted_proxy_missing_header_{name}"), "AUTH_IDENTITY_HEADER_REQUIRED")
                }
                E::UserMissing => ("trusted_proxy_user_missing".into(), "AUTH_UNAUTHORIZED"),
                E::UserNotAllowed => ("trusted_proxy_user_not_allowed".into(), "AUTH_UNAUTHORIZED"),
            };
        }
    };
    (reason.to_owned(), code)
}

/// The reference's messages with its hints by kind of client (protocol.md §3.6).
fn unauthorized_message(failure: &AuthFailure, about: &About<'_>) -> String {
    let client = about.client.map_or(("", ""), |client| (client.id.as_str(), client.mode.as_str()));
    let kind = match client {
        ("cli", _) | (_, "cli") => Hint::Cli,
        ("openclaw-control-ui" | "webchat-ui" | "webchat", _) | (_, "webchat") => Hint::Page,
        _ => Hint::Other,
    };
    let (secret, what) = match failure {
        AuthFailure::TokenMissing => ("token", "missing"),
        AuthFailure::TokenMismatch => ("token", "mismatch"),
        AuthFailure::PasswordMissing => ("password", "missing"),
        AuthFailure::PasswordMismatch => ("password", "mismatch"),
        AuthFailure::TokenNotConfigured => {
            return "unauthorized: gateway token not configured on gateway (set gateway.auth.token)".into();
        }
        AuthFailure::PasswordNotConfigured => {
            return "unauthorized: gateway password not configured on gateway (set gateway.auth.password)".into();
        }
        AuthFailure::BootstrapInvalid => {
            return match about.dialect {
                Dialect::V3 => "unauthorized: bootstrap token invalid or expired (scan a fresh setup code)".into(),
                Dialect::V4 => {
                    "unauthorized: setup code invalid, expired, revoked, or already used (create a new code; \
                                review `openclaw devices list`)"
                        .into()
                }
            };
        }
        AuthFailure::RateLimited { .. } => {
            return "unauthorized: too many failed authentication attempts (retry later)".into();
        }
        AuthFailure::Proxy(_) => return "unauthorized".into(),
    };
    let hint = match (kind, about.dialect, about.direct_local) {
        (Hint::Cli, Dialect::V4, true) if secret == "token" => {
            "use this gateway's gateway.auth.token or pair the device".to_owned()
        }
        (Hint::Cli, Dialect::V4, true) => format!("use this gateway's gateway.auth.{secret}"),
        (Hint::Cli, ..) => format!("set gateway.remote.{secret} to match gateway.auth.{secret}"),
        (Hint::Page, ..) if secret == "token" => {
            "open the dashboard URL and paste the token in Control UI settings".to_owned()
        }
        (Hint::Page, ..) => "enter the password in Control UI settings".to_owned(),
        (Hint::Other, ..) => format!("provide gateway auth {secret}"),
    };
    format!("unauthorized: gateway {secret} {what} ({hint})")
}

enum Hint {
    Cli,
    Page,
    Other,
}

fn unauthorized_fix(failure: &AuthFailure, about: &About<'_>) -> String {
    match failure {
        AuthFailure::RateLimited { retry_after_ms } => {
            format!("wait {} s, then use the right secret", retry_after_ms / 1000)
        }
        AuthFailure::BootstrapInvalid => "openclaw devices invite (on the gateway's machine, for a new code)".into(),
        AuthFailure::Proxy(_) => {
            "set gateway.trustedProxies and gateway.auth.trustedProxy to what your proxy sends (openclaw doctor)".into()
        }
        _ if about.direct_local => {
            "run the command as the user who runs the gateway, or: openclaw gateway auth-token --show".into()
        }
        _ => "openclaw devices invite (on the gateway's machine), and use the code it prints here".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn about(dialect: Dialect) -> About<'static> {
        About {
            gateway_name: "studio",
            instance_id: "0b9e4d55-9a0e-4f1f-8c2b-7d107f3c1a52",
            dialect,
            client: None,
            device_id: Some("8e04aeb8"),
            may_try_device_token: true,
            direct_local: false,
            wider_origins: None,
        }
    }

    fn every_refusal() -> Vec<Refusal> {
        let request_id = RequestId::new("7f3c1a52-0b9e-4d55-9a0e-3f1f6c2b7d10");
        let mut all = vec![
            Refusal::ProtocolMismatch { client_min: 1, client_max: 2 },
            Refusal::Params("must have required property 'client'".into()),
            Refusal::Role,
            Refusal::Origin(OriginError::Missing),
            Refusal::Origin(OriginError::NotAllowed),
            Refusal::DeviceRequired { control_ui: true },
            Refusal::DeviceRequired { control_ui: false },
            Refusal::Rejected { request_id: request_id.clone() },
            Refusal::Quota,
            Refusal::State("disk".into()),
        ];
        all.extend(
            [
                DeviceProblem::PublicKey,
                DeviceProblem::IdMismatch,
                DeviceProblem::SignatureExpired { skew_ms: 300_000 },
                DeviceProblem::NonceMissing,
                DeviceProblem::NonceMismatch,
                DeviceProblem::Signature,
            ]
            .map(Refusal::Device),
        );
        all.extend(
            [
                AuthFailure::TokenMissing,
                AuthFailure::TokenMismatch,
                AuthFailure::TokenNotConfigured,
                AuthFailure::PasswordMissing,
                AuthFailure::PasswordMismatch,
                AuthFailure::PasswordNotConfigured,
                AuthFailure::BootstrapInvalid,
                AuthFailure::RateLimited { retry_after_ms: 300_000 },
                AuthFailure::Proxy(ProxyFailure::NotConfigured),
                AuthFailure::Proxy(ProxyFailure::UntrustedSource),
            ]
            .map(Refusal::Unauthorized),
        );
        for reason in [
            Reason::NotPaired,
            Reason::RoleUpgrade,
            Reason::ScopeUpgrade,
            Reason::MetadataUpgrade,
            Reason::SurfaceUpgrade,
        ] {
            all.push(Refusal::Pairing(Box::new(PairingNeeded {
                request_id: request_id.clone(),
                reason,
                role: Role::Node,
                scopes: ScopeSet::none(),
                approved_roles: vec![],
                approved_scopes: ScopeSet::none(),
                matching_code: "7KQ2-M9XD".into(),
            })));
        }
        all
    }

    #[test]
    fn p6_every_refusal_names_its_cause_the_gateway_and_the_fix() {
        for dialect in [Dialect::V3, Dialect::V4] {
            for refusal in every_refusal() {
                let Rendered { error, close_reason, fix, .. } = refusal.render(&about(dialect));
                assert!(!fix.is_empty() && error.message.contains(&fix), "{refusal:?}");
                assert!(error.message.contains("studio") && error.message.contains("0b9e4d55"), "{refusal:?}");
                assert_eq!(error.detail("fix"), Some(fix.as_str()), "{refusal:?}");
                assert_eq!(error.details.unwrap()["gateway"]["name"], "studio", "{refusal:?}");
                assert!(!close_reason.is_empty() && close_reason.len() <= 120, "{refusal:?}");
            }
        }
    }

    #[test]
    fn phrases_that_official_clients_search_for_are_kept() {
        for (refusal, phrase) in every_refusal().into_iter().filter_map(|refusal| {
            let phrase = match &refusal {
                Refusal::Pairing(_) => "pairing required",
                Refusal::ProtocolMismatch { .. } => "protocol mismatch",
                Refusal::Unauthorized(_) => "unauthorized",
                _ => return None,
            };
            Some((refusal, phrase))
        }) {
            for dialect in [Dialect::V3, Dialect::V4] {
                let rendered = refusal.render(&about(dialect));
                assert!(
                    rendered.error.message.starts_with(phrase) && rendered.close_reason.starts_with(phrase),
                    "{refusal:?}"
                );
            }
        }
    }
}
