//! The pairing decision: a pure function from (what is asked, what is stored, how it came in) to what follows.
//!
//! Everything it needs comes in as values; everything that has to happen goes out as a [`Decision`]. Properties over
//! it are tested in `decide/tests.rs`: what is granted never exceeds what is stored or was proved on this connection.

use std::collections::BTreeSet;

use openclaw_protocol::scope::{Role, ScopeSet};
use openclaw_store::pairing::{ApprovedVia, Device, Invitation, Reason, Surface, TokenCheck, Wish, verify_token};

use super::{
    credentials::{AuthFailure, Proof},
    origin::Page,
};

/// What a device asks for. Its signature was verified before.
#[derive(Clone, Debug)]
pub(crate) struct Ask {
    pub role: Role,
    pub scopes: ScopeSet,
    /// What a node declares, cut to what the gateway's policy lets a node of its platform offer.
    pub surface: Surface,
    /// The operating system as claimed, for the comparison with the pinned one.
    pub platform: String,
    pub device_family: Option<String>,
    /// Token that was presented as `deviceToken` or `token`.
    pub presented_token: Option<String>,
}

/// How it came in.
#[derive(Clone, Debug)]
pub(crate) struct Circumstances {
    pub proof: Proof,
    pub page: Page,
    /// An invitation whose code this device has just redeemed.
    pub invitation: Option<Invitation>,
    /// `gateway.nodes.pairing.autoApproveLocal`.
    pub auto_approve_local: bool,
    /// The address is in `gateway.nodes.pairing.autoApproveCidrs` and nothing stands between (SEC-062).
    pub in_trusted_network: bool,
}

/// What follows.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Decision {
    /// Come in with what is stored.
    Admit(Admit),
    /// Store the wish at once, without a person, then come in.
    Pair { via: ApprovedVia, wish: Wish, method: &'static str, reason: Reason },
    /// A person has to decide first.
    Ask { wish: Wish, reason: Reason },
    /// Not a question of pairing: the credentials are wrong.
    Unauthorized(AuthFailure),
}

/// Coming in with what is stored.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Admit {
    /// `auth.method` in the reference's words.
    pub method: &'static str,
    /// The device showed a token that is not its current one (or none): it gets the current one (promise P5).
    pub repaired: bool,
    /// Commands that the node declares beyond what is approved; a request for them is filed while the rest works.
    pub also_ask: Option<Wish>,
}

/// Decides about a verified device.
pub(crate) fn decide(ask: &Ask, how: &Circumstances, record: Option<&Device>) -> Decision {
    if let Proof::Nothing(failure @ AuthFailure::RateLimited { .. }) = &how.proof {
        // Nothing was compared. A paired device needs no secret: somebody else's guesses do not lock it out.
        if record.is_none_or(|record| !record.has_live_role(ask.role)) {
            return Decision::Unauthorized(failure.clone());
        }
    }
    let wish = Wish {
        roles: BTreeSet::from([ask.role]),
        scopes: ask.scopes.clone(),
        surface: (ask.role == Role::Node).then(|| ask.surface.clone()),
    };
    let Some(record) = record else { return first_pairing(ask, how, wish) };
    let reason = upgrade(ask, record);
    let Some(reason) = reason else {
        return Decision::Admit(Admit { also_ask: None, ..method_of(ask, how, record) });
    };
    if let Some(via) = silent(ask, how, reason, &wish) {
        let method = proved_method(&how.proof).unwrap_or("bootstrap-token");
        return Decision::Pair { via, wish: within_invitation(wish, how), method, reason };
    }
    if reason == Reason::SurfaceUpgrade {
        return Decision::Admit(Admit { also_ask: Some(wish), ..method_of(ask, how, record) });
    }
    Decision::Ask { wish, reason }
}

fn first_pairing(ask: &Ask, how: &Circumstances, wish: Wish) -> Decision {
    let reason = Reason::NotPaired;
    if let Some(via) = silent(ask, how, reason, &wish) {
        let method = proved_method(&how.proof).unwrap_or("bootstrap-token");
        let mut wish = within_invitation(wish, how);
        if via == ApprovedVia::TrustedCidr {
            // The network vouches for the machine, not for what it may run: commands still ask (SEC-059, SEC-062).
            wish.surface = Some(Surface::default());
        }
        return Decision::Pair { via, wish, method, reason };
    }
    match &how.proof {
        // A browser page without the secret is told to bring one; every other stranger may ask a person.
        Proof::Nothing(failure) if failure.is_wrong_secret() || how.page != Page::None => {
            Decision::Unauthorized(failure.clone())
        }
        Proof::Nothing(failure) if !failure.is_missing() => Decision::Unauthorized(failure.clone()),
        _ => Decision::Ask { wish, reason },
    }
}

/// What the stored record does not cover, in the reference's order: metadata, role, scopes; then the node's commands.
fn upgrade(ask: &Ask, record: &Device) -> Option<Reason> {
    if !same_platform(ask, record) {
        return Some(Reason::MetadataUpgrade);
    }
    if !record.has_live_role(ask.role) {
        return Some(Reason::RoleUpgrade);
    }
    if ask.role == Role::Operator && !record.scopes.covers_all(&ask.scopes) {
        return Some(Reason::ScopeUpgrade);
    }
    if ask.role == Role::Node && !record.surface.clone().unwrap_or_default().covers(&ask.surface) {
        return Some(Reason::SurfaceUpgrade);
    }
    None
}

/// Whether nobody has to be asked (SEC-054). A device token alone never is enough; neither is an address.
fn silent(ask: &Ask, how: &Circumstances, reason: Reason, wish: &Wish) -> Option<ApprovedVia> {
    if let Some(invitation) = &how.invitation {
        let covered = invitation.roles.contains(&ask.role) && invitation.scopes.covers_all(&wish.scopes);
        return covered.then_some(ApprovedVia::Bootstrap);
    }
    // The switch is about nodes: an owner who could not come in as operator could approve nothing (promise P5).
    let automatic = ask.role == Role::Operator || how.auto_approve_local;
    if matches!(how.proof, Proof::Owner(_)) && how.page != Page::Allowed && automatic {
        return Some(ApprovedVia::Silent);
    }
    let fresh_node = ask.role == Role::Node && reason == Reason::NotPaired && ask.scopes.is_empty();
    (fresh_node && how.in_trusted_network && how.page == Page::None).then_some(ApprovedVia::TrustedCidr)
}

/// An invitation may name the commands that its node shall have.
fn within_invitation(mut wish: Wish, how: &Circumstances) -> Wish {
    let Some(commands) = how.invitation.as_ref().and_then(|invitation| invitation.commands.as_ref()) else {
        return wish;
    };
    if let Some(surface) = &mut wish.surface {
        surface.commands.retain(|command| commands.contains(command));
    }
    wish
}

fn proved_method(proof: &Proof) -> Option<&'static str> {
    match proof {
        Proof::Owner(method) | Proof::Shared(method) => Some(method.as_str()),
        Proof::Open => Some("none"),
        Proof::Nothing(_) => None,
    }
}

/// A paired device whose key is right comes in whatever token it holds: the key is the identity (promise P5).
fn method_of(ask: &Ask, how: &Circumstances, record: &Device) -> Admit {
    if let Some(method) = proved_method(&how.proof) {
        return Admit { method, repaired: false, also_ask: None };
    }
    let valid = ask
        .presented_token
        .as_deref()
        .is_some_and(|token| matches!(verify_token(record, ask.role, token), TokenCheck::Valid { .. }));
    Admit { method: "device-token", repaired: !valid, also_ask: None }
}

/// Compares platform and device family with what was pinned at pairing (protocol.md §4.2). An empty stored value
/// matches everything; runtime spellings of one system are the same; a family that is not sent does not differ.
fn same_platform(ask: &Ask, record: &Device) -> bool {
    let stored = record.profile.platform.as_deref().unwrap_or_default();
    let family = record.profile.device_family.as_deref().unwrap_or_default();
    let claimed_family = ask.device_family.as_deref().unwrap_or_default();
    let same_family = family.is_empty() || claimed_family.is_empty() || plain(family) == plain(claimed_family);
    (stored.is_empty() || system(stored) == system(&ask.platform)) && same_family
}

fn plain(text: &str) -> String {
    text.trim().to_ascii_lowercase()
}

/// One name per operating system; versions of app platforms (`iOS 26.1`) do not matter.
fn system(platform: &str) -> String {
    let platform = plain(platform);
    let name = platform.split(' ').next().unwrap_or_default();
    match name {
        "darwin" | "macos" => "macos".to_owned(),
        "win32" | "windows" => "windows".to_owned(),
        "ios" | "ipados" | "watchos" | "android" | "linux" => name.to_owned(),
        _ => platform,
    }
}

#[cfg(test)]
mod tests;
