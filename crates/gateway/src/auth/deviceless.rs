//! Connections without a device (SEC-038; protocol.md §3.4, rules 2 and 3).

use openclaw_protocol::{
    connect::ConnectParams,
    scope::{Role, Scope, ScopeSet},
    version::Dialect,
};

use super::{
    credentials::{Method, Proof},
    origin::{self, Page},
    refusal::Refusal,
};

/// What a user may do for whom a trusted proxy vouches, whatever its page asks for: everything but administration and
/// pairing, which need a device or the owner's own machine (SEC-162; the reference's default for such users).
const PROXY_USER_SCOPES: [&str; 4] = [Scope::READ, Scope::WRITE, Scope::APPROVALS, Scope::QUESTIONS];

/// What a connection without a device may do, or why it may not come in.
pub(crate) fn admit(
    params: &ConnectParams,
    role: Role,
    dialect: Dialect,
    proof: &Proof,
    page: Page,
) -> Result<ScopeSet, Refusal> {
    let control_ui = origin::is_browser_client(params);
    let trusted_page = matches!(proof, Proof::Shared(Method::TrustedProxy)) && page == Page::AllowedControlUi;
    if control_ui {
        return if trusted_page && role == Role::Operator {
            Ok(asked(params).limited_to(&PROXY_USER_SCOPES.into_iter().collect()))
        } else {
            Err(Refusal::DeviceRequired { control_ui: true })
        };
    }
    if role == Role::Node {
        return Err(Refusal::DeviceRequired { control_ui: false });
    }
    match proof {
        Proof::Owner(_) if page != Page::None => Err(Refusal::DeviceRequired { control_ui: false }),
        Proof::Owner(_) if keeps_scopes(params, dialect) => Ok(asked(params)),
        Proof::Owner(_) => Ok(ScopeSet::none()),
        Proof::Nothing(failure) if !failure.is_missing() => Err(Refusal::Unauthorized(failure.clone())),
        // The shared secret from elsewhere is not enough without a device (SEC-038).
        Proof::Open | Proof::Shared(_) | Proof::Nothing(_) => Err(Refusal::DeviceRequired { control_ui: false }),
    }
}

/// The self-connections whose scopes are believed: backends of the gateway's own machine, and the v4 CLI, which leaves
/// its device out on loopback (observed in 2026.9.6).
fn keeps_scopes(params: &ConnectParams, dialect: Dialect) -> bool {
    match (params.client.id.as_str(), params.client.mode.as_str()) {
        ("gateway-client", "backend") => true,
        ("cli", "cli") => dialect == Dialect::V4,
        _ => false,
    }
}

fn asked(params: &ConnectParams) -> ScopeSet {
    params.scopes.iter().cloned().collect()
}
