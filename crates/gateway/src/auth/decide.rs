//! The pairing decision: a pure function from (what is asked, what is stored, how it came in) to what follows.
//!
//! Everything it needs comes in as values; everything that has to happen goes out as a [`Decision`]. Properties over
//! it are tested below: what is granted never exceeds what is stored or was proved on this connection.

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
mod tests {
    use openclaw_protocol::id::DeviceId;
    use openclaw_store::pairing::{DeviceToken, Profile, Seen};
    use proptest::prelude::*;

    use super::{super::credentials::Method, *};

    fn device(roles: &[Role], scopes: &[&str], commands: &[&str]) -> Device {
        let token = |role: Role| DeviceToken {
            role,
            token: openclaw_identity::Secret::new(format!("token-{role}")),
            scopes: scopes.iter().copied().collect(),
            created_at_ms: 0,
            rotated_at_ms: None,
            revoked_at_ms: None,
            last_used_at_ms: None,
        };
        Device {
            id: DeviceId::new("d"),
            public_key: "k".into(),
            profile: Profile { platform: Some("linux".into()), ..Profile::default() },
            roles: roles.iter().copied().collect(),
            scopes: scopes.iter().copied().collect(),
            surface: Some(surface(commands)),
            tokens: roles.iter().map(|role| token(*role)).collect(),
            operator_label: None,
            created_at_ms: 0,
            approved_at_ms: 0,
            approved_via: ApprovedVia::Owner,
            seen: Seen::default(),
        }
    }

    fn surface(commands: &[&str]) -> Surface {
        Surface { commands: commands.iter().map(|c| (*c).to_owned()).collect(), ..Surface::default() }
    }

    fn ask(role: Role, scopes: &[&str], commands: &[&str]) -> Ask {
        Ask {
            role,
            scopes: scopes.iter().copied().collect(),
            surface: surface(commands),
            platform: "linux".into(),
            device_family: None,
            presented_token: None,
        }
    }

    fn how(proof: Proof) -> Circumstances {
        Circumstances { proof, page: Page::None, invitation: None, auto_approve_local: true, in_trusted_network: false }
    }

    fn owner() -> Circumstances {
        how(Proof::Owner(Method::Token))
    }

    fn stranger() -> Circumstances {
        how(Proof::Nothing(AuthFailure::TokenMissing))
    }

    fn reason_of(decision: &Decision) -> Option<Reason> {
        match decision {
            Decision::Ask { reason, .. } => Some(*reason),
            _ => None,
        }
    }

    #[test]
    fn p1_the_owner_of_this_machine_is_never_asked_whatever_the_role_or_order() {
        let node = ask(Role::Node, &[], &["system.run"]);
        let operator = ask(Role::Operator, &["operator.admin"], &[]);
        let records =
            [None, Some(device(&[Role::Node], &[], &[])), Some(device(&[Role::Operator], &["operator.read"], &[]))];
        for ask in [&node, &operator] {
            for record in &records {
                let decision = decide(ask, &owner(), record.as_ref());
                assert!(matches!(decision, Decision::Pair { .. } | Decision::Admit(_)), "{decision:?}");
            }
        }
    }

    #[test]
    fn sec_054_nothing_but_the_secret_makes_a_pairing_silent() {
        let node = ask(Role::Node, &[], &[]);
        assert_eq!(reason_of(&decide(&node, &how(Proof::Shared(Method::Token)), None)), Some(Reason::NotPaired));
        assert_eq!(reason_of(&decide(&node, &how(Proof::Open), None)), Some(Reason::NotPaired));
        assert_eq!(reason_of(&decide(&node, &stranger(), None)), Some(Reason::NotPaired));
        let manual = Circumstances { auto_approve_local: false, ..owner() };
        assert_eq!(reason_of(&decide(&node, &manual, None)), Some(Reason::NotPaired));
    }

    #[test]
    fn sec_023_a_page_pairs_silently_only_as_control_ui() {
        let operator = ask(Role::Operator, &["operator.read"], &[]);
        let foreign = Circumstances { page: Page::Allowed, ..owner() };
        assert_eq!(reason_of(&decide(&operator, &foreign, None)), Some(Reason::NotPaired));
        let control_ui = Circumstances { page: Page::AllowedControlUi, ..owner() };
        assert!(matches!(decide(&operator, &control_ui, None), Decision::Pair { .. }));
    }

    #[test]
    fn sec_053_each_upgrade_has_its_reason() {
        let record = device(&[Role::Operator], &["operator.read"], &[]);
        let reason = |ask: &Ask| reason_of(&decide(ask, &stranger(), Some(&record)));
        assert_eq!(reason(&ask(Role::Node, &[], &[])), Some(Reason::RoleUpgrade));
        assert_eq!(reason(&ask(Role::Operator, &["operator.write"], &[])), Some(Reason::ScopeUpgrade));
        let elsewhere = Ask { platform: "win32".into(), ..ask(Role::Operator, &["operator.read"], &[]) };
        assert_eq!(reason(&elsewhere), Some(Reason::MetadataUpgrade));
        assert_eq!(reason(&ask(Role::Operator, &["operator.read"], &[])), None);
    }

    #[test]
    fn sec_037_leaving_the_family_out_does_not_drop_the_platform_binding() {
        let mut record = device(&[Role::Node], &[], &[]);
        record.profile.device_family = Some("Linux".into());
        let without_family = ask(Role::Node, &[], &[]);
        assert!(matches!(decide(&without_family, &stranger(), Some(&record)), Decision::Admit(_)));
        let other = Ask { platform: "macos".into(), ..without_family };
        assert_eq!(reason_of(&decide(&other, &stranger(), Some(&record))), Some(Reason::MetadataUpgrade));
    }

    #[test]
    fn p5_a_right_key_with_a_stale_token_comes_in_and_is_repaired() {
        let record = device(&[Role::Node], &[], &[]);
        let with = |token: &str| Ask { presented_token: Some(token.into()), ..ask(Role::Node, &[], &[]) };
        let wrong = how(Proof::Nothing(AuthFailure::TokenMismatch));
        let repaired = |ask: &Ask| match decide(ask, &wrong, Some(&record)) {
            Decision::Admit(admit) => admit.repaired,
            other => panic!("{other:?}"),
        };
        assert!(repaired(&with("of last year")));
        assert!(!repaired(&with("token-node")));
    }

    #[test]
    fn p5_sec_060_after_a_revocation_the_key_alone_gets_nothing() {
        let mut record = device(&[Role::Node], &[], &[]);
        for token in &mut record.tokens {
            token.revoked_at_ms = Some(1);
        }
        let node = Ask { presented_token: Some("token-node".into()), ..ask(Role::Node, &[], &[]) };
        assert_eq!(reason_of(&decide(&node, &stranger(), Some(&record))), Some(Reason::RoleUpgrade));
    }

    #[test]
    fn p9_new_commands_ask_for_the_difference_while_the_rest_works() {
        let record = device(&[Role::Node], &[], &["system.which"]);
        let more = ask(Role::Node, &[], &["system.which", "system.run"]);
        let Decision::Admit(Admit { also_ask: Some(wish), .. }) = decide(&more, &stranger(), Some(&record)) else {
            panic!("the node has to come in and ask")
        };
        assert_eq!(wish.surface, Some(surface(&["system.which", "system.run"])));
    }

    #[test]
    fn a_wrong_secret_of_a_stranger_is_no_pairing_request() {
        let decision = decide(&ask(Role::Node, &[], &[]), &how(Proof::Nothing(AuthFailure::TokenMismatch)), None);
        assert_eq!(decision, Decision::Unauthorized(AuthFailure::TokenMismatch));
    }

    #[test]
    fn sec_062_a_trusted_network_pairs_fresh_nodes_only_and_without_commands() {
        let inside = Circumstances { in_trusted_network: true, ..stranger() };
        let Decision::Pair { wish, via, .. } = decide(&ask(Role::Node, &[], &["system.run"]), &inside, None) else {
            panic!("the node has to be paired")
        };
        assert_eq!((via, wish.surface), (ApprovedVia::TrustedCidr, Some(Surface::default())));
        assert!(reason_of(&decide(&ask(Role::Operator, &[], &[]), &inside, None)).is_some());
        let record = device(&[Role::Operator], &[], &[]);
        assert!(reason_of(&decide(&ask(Role::Node, &[], &[]), &inside, Some(&record))).is_some());
    }

    fn any_scopes() -> impl Strategy<Value = Vec<&'static str>> {
        let all = vec!["operator.admin", "operator.read", "operator.write", "operator.pairing", "operator.approvals"];
        proptest::sample::subsequence(all, 0..=5)
    }

    proptest! {
        /// SEC-002, SEC-054: whoever proved nothing on this connection comes in only with what is stored.
        #[test]
        fn sec_002_without_proof_nothing_beyond_the_record_is_granted(
            asked in any_scopes(),
            stored in any_scopes(),
            as_node in any::<bool>(),
            is_node in any::<bool>(),
            paired in any::<bool>(),
            shared in any::<bool>(),
        ) {
            let role = if as_node { Role::Node } else { Role::Operator };
            let record = device(&[if is_node { Role::Node } else { Role::Operator }], &stored, &[]);
            let how = if shared { how(Proof::Shared(Method::Token)) } else { stranger() };
            match decide(&ask(role, &asked, &[]), &how, paired.then_some(&record)) {
                Decision::Pair { .. } => prop_assert!(false, "paired without an owner"),
                Decision::Admit(_) => {
                    prop_assert!(paired && record.roles.contains(&role));
                    let asked: ScopeSet = asked.iter().copied().collect();
                    prop_assert!(role == Role::Node || record.scopes.covers_all(&asked));
                }
                Decision::Ask { .. } | Decision::Unauthorized(_) => {}
            }
        }
    }
}
