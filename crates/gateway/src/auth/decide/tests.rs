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

fn reason_of(decision: Decision) -> Option<Reason> {
    match decision {
        Decision::Ask { reason, .. } => Some(reason),
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
    assert_eq!(reason_of(decide(&node, &how(Proof::Shared(Method::Token)), None)), Some(Reason::NotPaired));
    assert_eq!(reason_of(decide(&node, &how(Proof::Open), None)), Some(Reason::NotPaired));
    assert_eq!(reason_of(decide(&node, &stranger(), None)), Some(Reason::NotPaired));
    let manual = Circumstances { auto_approve_local: false, ..owner() };
    assert_eq!(reason_of(decide(&node, &manual, None)), Some(Reason::NotPaired));
}

#[test]
fn sec_023_a_page_pairs_silently_only_as_control_ui() {
    let operator = ask(Role::Operator, &["operator.read"], &[]);
    let foreign = Circumstances { page: Page::Allowed, ..owner() };
    assert_eq!(reason_of(decide(&operator, &foreign, None)), Some(Reason::NotPaired));
    let control_ui = Circumstances { page: Page::AllowedControlUi, ..owner() };
    assert!(matches!(decide(&operator, &control_ui, None), Decision::Pair { .. }));
}

#[test]
fn sec_053_each_upgrade_has_its_reason() {
    let record = device(&[Role::Operator], &["operator.read"], &[]);
    let reason = |ask: &Ask| reason_of(decide(ask, &stranger(), Some(&record)));
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
    assert_eq!(reason_of(decide(&other, &stranger(), Some(&record))), Some(Reason::MetadataUpgrade));
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
    assert_eq!(reason_of(decide(&node, &stranger(), Some(&record))), Some(Reason::RoleUpgrade));
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
    assert!(reason_of(decide(&ask(Role::Operator, &[], &[]), &inside, None)).is_some());
    let record = device(&[Role::Operator], &[], &[]);
    assert!(reason_of(decide(&ask(Role::Node, &[], &[]), &inside, Some(&record))).is_some());
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
