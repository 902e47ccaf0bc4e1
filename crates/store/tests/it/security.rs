//! The rules of security.md §4, by their numbers.

use std::{
    collections::BTreeSet,
    sync::{Arc, Barrier},
};

use openclaw_protocol::{
    limits::BOOTSTRAP_TTL_MS,
    scope::{Role, ScopeSet},
};
use openclaw_store::{
    Store,
    pairing::{
        ApproveError, ApprovedVia, Approver, Filed, InviteAsk, InviteError, Quota, QuotaExceeded, RedeemError,
        TokenCheck, TokenError, Wish, required_approve_scopes, verify_token,
    },
};

use crate::common::{NOW, approve, ask, file, id, names, node, open, operator, pair, scopes};

const ALL: [&str; 5] = ["admin", "read", "write", "approvals", "pairing"];

fn subsets() -> Vec<Vec<&'static str>> {
    (0..1_u32 << ALL.len())
        .map(|bits| ALL.iter().enumerate().filter(|(at, _)| bits & (1 << at) != 0).map(|(_, name)| *name).collect())
        .collect()
}

/// The rule, written down a second time.
fn may_give(held: &[&str], wanted: &[&str]) -> bool {
    wanted.iter().all(|wanted| {
        held.contains(wanted) || held.contains(&"admin") || (*wanted == "read" && held.contains(&"write"))
    })
}

fn wide() -> Quota {
    Quota { total: usize::MAX, per_ip: usize::MAX }
}

#[test]
fn sec_050_nobody_approves_more_than_they_hold_over_all_scope_sets() {
    let (_dir, store) = open();
    let cases: Vec<_> =
        subsets().into_iter().flat_map(|held| subsets().into_iter().map(move |wish| (held.clone(), wish))).collect();
    // All at once, so that they share commits.
    let filed: Vec<_> =
        (1..).zip(&cases).map(|(n, (_, wish))| store.file_request(ask(n, operator(wish)), wide(), NOW)).collect();
    let approvals: Vec<_> = filed
        .into_iter()
        .zip(&cases)
        .map(|(filed, (held, _))| {
            let Filed::Created(request) = filed.wait().unwrap() else { panic!("not created") };
            store.approve(request.id, Approver::Scopes(scopes(held)), ApprovedVia::Owner, None, NOW)
        })
        .collect();
    for ((n, approval), (held, wish)) in (1..).zip(approvals).zip(&cases) {
        let answer = approval.wait();
        let stored = store.device(&id(n)).unwrap();
        match answer {
            Ok(approval) => {
                assert!(may_give(held, &["pairing"]) && may_give(held, wish), "{held:?} approved {wish:?}");
                assert_eq!(stored.unwrap().scopes, scopes(wish));
                assert_eq!(approval.device.token(Role::Operator).unwrap().scopes, scopes(wish));
            }
            Err(ApproveError::MissingScope(scope)) => {
                assert!(!may_give(held, &["pairing"]) || !may_give(held, wish), "{held:?} could not approve {wish:?}");
                assert!(!scopes(held).covers(&scope));
                assert!(stored.is_none() && store.request_of(&id(n), NOW).unwrap().is_some());
            }
            Err(other) => panic!("{other}"),
        }
    }
}

#[test]
fn sec_050_nobody_rotates_or_invites_to_more_than_they_hold_over_all_scope_sets() {
    let (_dir, store) = open();
    let baseline = ["read", "write", "approvals", "pairing"];
    pair(&store, 1, operator(&baseline));
    for held in subsets() {
        let approver = Approver::Scopes(scopes(&held));
        let mut answers = Vec::new();
        for wish in subsets() {
            let rotated = store.rotate(id(1), Role::Operator, Some(scopes(&wish)), approver.clone(), NOW);
            answers.push((wish, rotated));
        }
        for (wish, rotated) in answers {
            let resolved: &[&str] = if wish.is_empty() { &baseline } else { &wish };
            let allowed = may_give(&held, &["pairing"]) && may_give(&held, resolved) && !wish.contains(&"admin");
            match rotated.wait() {
                Ok(token) => {
                    assert!(allowed, "{held:?} rotated to {wish:?}");
                    assert_eq!(token.scopes, scopes(resolved));
                }
                Err(error) => assert!(!allowed, "{held:?} could not rotate to {wish:?}: {error}"),
            }
            let invited = store.invite(invitation(&wish), approver.clone(), NOW).wait();
            let allowed = may_give(&held, &["pairing"]) && may_give(&held, &wish);
            match invited {
                Ok(_) | Err(InviteError::TooMany { .. }) => assert!(allowed, "{held:?} invited to {wish:?}"),
                Err(error) => assert!(!allowed, "{held:?} could not invite to {wish:?}: {error}"),
            }
        }
    }
}

fn invitation(scope_names: &[&str]) -> InviteAsk {
    InviteAsk {
        roles: [Role::Operator].into(),
        scopes: scopes(scope_names),
        commands: None,
        access: "limited".into(),
        label: None,
        ttl_ms: None,
    }
}

#[test]
fn sec_050_an_empty_scope_list_stands_for_the_baseline_and_is_checked_as_it() {
    let (_dir, store) = open();
    pair(&store, 1, operator(&["write", "approvals"]));
    let request = file(&store, ask(1, operator(&[])), NOW);
    let small = Approver::Scopes(scopes(&["pairing", "read"]));
    assert!(matches!(approve(&store, &request, small), Err(ApproveError::MissingScope(_))));
}

#[test]
fn sec_050_what_a_revoked_role_had_does_not_come_back_with_a_smaller_approval() {
    let (_dir, store) = open();
    pair(&store, 1, operator(&["write", "approvals"]));
    store.revoke(id(1), Role::Operator, Approver::Owner, NOW).wait().unwrap();
    let small = Approver::Scopes(scopes(&["pairing", "read"]));
    let request = file(&store, ask(1, operator(&["read"])), NOW);
    let device = approve(&store, &request, small).unwrap().device;
    assert_eq!(device.scopes, scopes(&["read"]));
    let wider = store.ensure_token(id(1), Role::Operator, scopes(&["write"]), NOW).wait();
    assert!(matches!(wider, Err(TokenError::BeyondBaseline(_))));

    store.revoke(id(1), Role::Operator, Approver::Owner, NOW).wait().unwrap();
    let owner = store.rotate(id(1), Role::Operator, None, Approver::Owner, NOW).wait().unwrap();
    assert_eq!(owner.scopes, scopes(&["read"]));
}

#[test]
fn sec_051_a_token_that_was_widened_by_hand_gives_the_baseline_only() {
    let (dir, store) = open();
    let token = pair(&store, 1, operator(&["read"])).device.tokens.remove(0).token;
    drop(store);
    let file = rusqlite::Connection::open(Store::path_in(dir.path())).unwrap();
    assert_eq!(file.execute("UPDATE tokens SET scopes = '[\"operator.admin\",\"operator.read\"]'", []).unwrap(), 1);
    drop(file);
    let store = Store::open(dir.path(), NOW).unwrap();
    let device = store.device(&id(1)).unwrap().unwrap();
    assert_eq!(device.tokens[0].scopes.len(), 2);
    assert_eq!(verify_token(&device, Role::Operator, token.expose()), TokenCheck::Valid { scopes: scopes(&["read"]) });
    let wide = store.ensure_token(id(1), Role::Operator, scopes(&["admin"]), NOW).wait();
    assert!(matches!(wide, Err(TokenError::BeyondBaseline(_))));
    let minted = store.ensure_token(id(1), Role::Operator, scopes(&["read"]), NOW).wait().unwrap();
    assert_eq!(minted.scopes, scopes(&["read"]));
    assert!(!minted.token.is(token.expose()));
}

#[test]
fn sec_052_a_token_is_good_for_its_own_role_and_no_role_is_had_by_rotating() {
    let (_dir, store) = open();
    let device = pair(&store, 1, operator(&["admin"]).union(&node(&["system.run"]))).device;
    let (operator_token, node_token) = (device.token(Role::Operator).unwrap(), device.token(Role::Node).unwrap());
    assert_eq!(verify_token(&device, Role::Node, operator_token.token.expose()), TokenCheck::Stale);
    assert_eq!(verify_token(&device, Role::Operator, node_token.token.expose()), TokenCheck::Stale);
    assert_eq!(
        verify_token(&device, Role::Node, node_token.token.expose()),
        TokenCheck::Valid { scopes: ScopeSet::none() }
    );
    pair(&store, 2, node(&[]));
    let rotated = store.rotate(id(2), Role::Operator, None, Approver::Owner, NOW).wait();
    assert!(matches!(rotated, Err(TokenError::UnknownDeviceOrRole)));
    let ensured = store.ensure_token(id(2), Role::Operator, ScopeSet::none(), NOW).wait();
    assert!(matches!(ensured, Err(TokenError::UnknownDeviceOrRole)));
    let scoped = store.ensure_token(id(1), Role::Node, scopes(&["read"]), NOW).wait();
    assert!(matches!(scoped, Err(TokenError::BeyondBaseline(_))));
}

#[test]
fn sec_055_what_is_approved_while_the_device_widens_its_wish_is_what_was_shown() {
    let (_dir, store) = open();
    for n in 0..100 {
        let shown = file(&store, ask(n, node(&["canvas.present"])), NOW);
        let start = Barrier::new(2);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                start.wait();
                file(&store, ask(n, node(&["canvas.present", "system.run"])), NOW);
            });
            start.wait();
            match approve(&store, &shown, Approver::Owner) {
                Ok(approval) => {
                    assert!(shown.wish.surface.as_ref().unwrap().covers(approval.device.surface.as_ref().unwrap()));
                }
                Err(ApproveError::Superseded { .. }) => assert!(store.device(&id(n)).unwrap().is_none()),
                Err(other) => panic!("{other}"),
            }
        });
        store.remove(id(n), NOW).wait().unwrap();
    }
}

#[test]
fn sec_056_ten_thousand_strangers_from_one_address_neither_fill_the_store_nor_shut_the_door() {
    let (dir, store) = open();
    let from = |n: u32, ip: &str| {
        let mut ask = ask(n, node(&["system.run"]));
        ask.profile.remote_ip = Some(ip.into());
        ask
    };
    let honest = file(&store, from(1, "192.0.2.1"), NOW);
    // The same public key is enough here: who signs is checked before.
    let mut waiting = std::collections::VecDeque::new();
    for n in 0..10_000_u32 {
        let mut stranger = from(1, "198.51.100.9");
        stranger.device_id = openclaw_protocol::id::DeviceId::new(format!("{n:064x}"));
        waiting.push_back(store.file_request(stranger, Quota::default(), NOW + 1));
        if waiting.len() > 500 {
            assert!(matches!(waiting.pop_front().unwrap().wait().unwrap(), Filed::Created(_)));
        }
    }
    for filed in waiting {
        filed.wait().unwrap();
    }
    assert_eq!(store.requests(NOW + 1).unwrap().len(), 1 + 8);
    assert_eq!(store.request(&honest.id, NOW + 1).unwrap(), Some(honest));
    let second = file(&store, from(2, "192.0.2.2"), NOW + 2);
    assert!(store.request(&second.id, NOW + 2).unwrap().is_some());
    drop(store);
    let bytes = Store::path_in(dir.path()).metadata().unwrap().len();
    assert!(bytes < 1 << 20, "{bytes} bytes");
}

#[test]
fn sec_056_what_was_shown_or_is_young_is_not_evicted_for_somebody_else() {
    let (_dir, store) = open();
    let quota = Quota { total: 3, per_ip: 2 };
    let from = |n: u32, ip: &str| {
        let mut ask = ask(n, node(&[]));
        ask.profile.remote_ip = Some(ip.into());
        ask
    };
    let filed = |n: u32, ip: &str, now: u64| store.file_request(from(n, ip), quota, now).wait().unwrap();
    let Filed::Created(first) = filed(1, "a", NOW) else { panic!("not created") };
    let Filed::Created(second) = filed(2, "a", NOW + 1) else { panic!("not created") };
    filed(3, "b", NOW + 2);
    // Full, and everybody else is young.
    assert_eq!(filed(4, "c", NOW + 3), Filed::Refused(QuotaExceeded::Total { limit: 3 }));
    // One's own address gives way first, the oldest that nobody saw.
    assert!(matches!(filed(5, "a", NOW + 4), Filed::Created(_)));
    assert!(store.request(&first.id, NOW + 4).unwrap().is_none());
    store.mark_shown(vec![second.id.clone()]).wait().unwrap();
    assert!(matches!(filed(6, "a", NOW + 5), Filed::Created(_)));
    assert!(store.request(&second.id, NOW + 5).unwrap().unwrap().shown);
    let sixth = store.request_of(&id(6), NOW + 5).unwrap().unwrap();
    store.mark_shown(vec![sixth.id]).wait().unwrap();
    assert_eq!(filed(7, "a", NOW + 6), Filed::Refused(QuotaExceeded::PerIp { limit: 2 }));
    // A minute later the one that nobody saw gives way.
    assert!(matches!(filed(8, "c", NOW + 60_003), Filed::Created(_)));
    assert!(store.request_of(&id(3), NOW + 60_003).unwrap().is_none());
}

#[test]
fn sec_056_a_wish_cannot_grow_for_ever() {
    let (_dir, store) = open();
    let many = |from: usize| {
        let commands: Vec<String> = (from..from + 300).map(|n| format!("c{n}")).collect();
        node(&commands.iter().map(String::as_str).collect::<Vec<_>>())
    };
    let first = file(&store, ask(1, many(0)), NOW);
    let grown = store.file_request(ask(1, many(300)), Quota::default(), NOW).wait().unwrap();
    assert!(matches!(grown, Filed::Refused(QuotaExceeded::Wish { .. })));
    assert_eq!(store.request_of(&id(1), NOW).unwrap(), Some(first));
}

#[test]
fn sec_057_of_two_devices_with_one_invitation_exactly_one_gets_in() {
    let (_dir, store) = open();
    for round in 0..20_u32 {
        let (_, token) = store.invite(invitation(&["read"]), Approver::Owner, NOW).wait().unwrap();
        let start = Barrier::new(2);
        let accepted: usize = std::thread::scope(|scope| {
            let racers: Vec<_> = (0..2)
                .map(|n| {
                    let (token, store, start) = (token.clone(), &store, &start);
                    scope.spawn(move || {
                        start.wait();
                        usize::from(store.redeem(token, id(round * 2 + n), NOW).wait().is_ok())
                    })
                })
                .collect();
            racers.into_iter().map(|racer| racer.join().unwrap()).sum()
        });
        assert_eq!(accepted, 1);
    }
}

#[test]
fn sec_057_an_invitation_ends_with_its_life_its_uses_and_its_device() {
    let (dir, store) = open();
    let both =
        InviteAsk { roles: [Role::Operator, Role::Node].into(), ttl_ms: Some(u64::MAX), ..invitation(&["read"]) };
    let (made, token) = store.invite(both.clone(), Approver::Owner, NOW).wait().unwrap();
    assert_eq!(made.expires_at_ms, NOW + BOOTSTRAP_TTL_MS);
    let redeem = |n: u32, now: u64| store.redeem(token.clone(), id(n), now).wait();
    assert!(matches!(redeem(1, made.expires_at_ms), Err(RedeemError::Expired)));
    assert_eq!(redeem(1, NOW).unwrap().used_by, Some(id(1)));
    assert!(matches!(redeem(2, NOW), Err(RedeemError::Used)));
    redeem(1, NOW + 1).unwrap();
    assert!(matches!(redeem(1, NOW + 2), Err(RedeemError::Used)));
    assert!(matches!(store.redeem("no".into_secret(), id(1), NOW).wait(), Err(RedeemError::Unknown)));
    assert_eq!(store.invitation(&made.setup_id).unwrap().unwrap().used_at_ms, Some(NOW));
    assert_eq!(store.invitations().unwrap().len(), 1);

    let (_, second) = store.invite(both, Approver::Owner, NOW).wait().unwrap();
    store.redeem(second.clone(), id(3), NOW).wait().unwrap();
    store.remove(id(3), NOW).wait().unwrap();
    assert!(matches!(store.redeem(second.clone(), id(3), NOW).wait(), Err(RedeemError::Used)));
    drop(store);
    let bytes = std::fs::read(Store::path_in(dir.path())).unwrap();
    assert!(!bytes.windows(43).any(|window| window == second.expose().as_bytes()), "the token itself is not kept");
}

trait IntoSecret {
    fn into_secret(self) -> openclaw_identity::Secret;
}

impl IntoSecret for &str {
    fn into_secret(self) -> openclaw_identity::Secret {
        openclaw_identity::Secret::new(self)
    }
}

#[test]
fn sec_057_inviting_a_node_to_everything_needs_an_admin() {
    let (_dir, store) = open();
    let node_only =
        |commands: Option<BTreeSet<String>>| InviteAsk { roles: [Role::Node].into(), commands, ..invitation(&[]) };
    let writer = || Approver::Scopes(scopes(&["pairing", "write"]));
    assert!(matches!(store.invite(node_only(None), writer(), NOW).wait(), Err(InviteError::MissingScope(_))));
    store.invite(node_only(Some(names(&["canvas.present"]))), writer(), NOW).wait().unwrap();
    let no_role = InviteAsk { roles: BTreeSet::new(), ..invitation(&[]) };
    assert!(matches!(store.invite(no_role, Approver::Owner, NOW).wait(), Err(InviteError::NoRole)));
}

#[test]
fn sec_058_acting_on_an_admin_device_needs_an_admin() {
    let (_dir, store) = open();
    pair(&store, 1, operator(&["admin"]).union(&node(&[])));
    let writer = || Approver::Scopes(scopes(&["pairing", "write"]));
    let missing = |error: TokenError| matches!(error, TokenError::MissingScope(scope) if scope == "operator.admin");
    assert!(missing(store.rotate(id(1), Role::Node, None, writer(), NOW).wait().unwrap_err()));
    assert!(missing(store.revoke(id(1), Role::Node, writer(), NOW).wait().unwrap_err()));
    let request = file(&store, ask(1, node(&["canvas.present"])), NOW);
    assert!(matches!(approve(&store, &request, writer()), Err(ApproveError::MissingScope(_))));
}

#[test]
fn sec_059_who_may_approve_a_surface_depends_on_its_commands() {
    let check = |commands: &[&str], expected: &[&str]| {
        let expected: Vec<String> = expected.iter().map(|name| format!("operator.{name}")).collect();
        assert_eq!(required_approve_scopes(&node(commands)), expected, "{commands:?}");
    };
    check(&[], &["pairing"]);
    check(&["canvas.present"], &["pairing", "write"]);
    for dangerous in ["system.run", "system.which", "system.execApprovals.set", "fs.listDir", "browser.proxy.v2"] {
        check(&["canvas.present", dangerous], &["pairing", "admin"]);
    }
    assert_eq!(required_approve_scopes(&Wish::default()), ["operator.pairing"]);

    let (_dir, store) = open();
    let request = file(&store, ask(1, node(&["canvas.present", "system.run"])), NOW);
    let writer = Approver::Scopes(scopes(&["pairing", "write"]));
    assert!(matches!(approve(&store, &request, writer.clone()), Err(ApproveError::MissingScope(_))));
    // Without the dangerous one the same approver may.
    let harmless = Some(names(&["canvas.present"]));
    store.approve(request.id, writer, ApprovedVia::Owner, harmless, NOW).wait().unwrap();
}

#[test]
fn sec_060_nothing_of_a_revoked_role_works_until_somebody_grants_it_again() {
    let (dir, store) = open();
    let token = pair(&store, 1, operator(&["read"])).device.tokens.remove(0).token;
    store.revoke(id(1), Role::Operator, Approver::Owner, NOW + 1).wait().unwrap();
    drop(store);
    let store = Store::open(dir.path(), NOW).unwrap();
    let device = store.device(&id(1)).unwrap().unwrap();
    assert_eq!(verify_token(&device, Role::Operator, token.expose()), TokenCheck::Revoked);
    let minted = store.ensure_token(id(1), Role::Operator, scopes(&["read"]), NOW).wait();
    assert!(matches!(minted, Err(TokenError::Revoked { role: Role::Operator })));
    let again = store.revoke(id(1), Role::Operator, Approver::Owner, NOW + 9).wait().unwrap();
    assert_eq!(again.revoked_at_ms, Some(NOW + 1));
    let device = pair(&store, 1, operator(&["read"])).device;
    assert_eq!(verify_token(&device, Role::Operator, token.expose()), TokenCheck::Stale);
    assert!(device.has_live_role(Role::Operator));
}

#[test]
fn p5_a_token_that_is_still_good_is_kept_and_a_wider_one_replaces_it() {
    let (_dir, store) = open();
    let first = pair(&store, 1, operator(&["read", "write"])).device.tokens.remove(0).token;
    let same = store.ensure_token(id(1), Role::Operator, scopes(&["read"]), NOW).wait().unwrap();
    assert!(same.token.is(first.expose()));
    let narrow = store.rotate(id(1), Role::Operator, Some(scopes(&["read"])), Approver::Owner, NOW).wait().unwrap();
    assert!(!narrow.token.is(first.expose()) && narrow.rotated_at_ms == Some(NOW));
    let wide = store.ensure_token(id(1), Role::Operator, scopes(&["write"]), NOW + 1).wait().unwrap();
    assert_eq!(wide.scopes, scopes(&["write"]));
    let device = store.device(&id(1)).unwrap().unwrap();
    assert_eq!(verify_token(&device, Role::Operator, narrow.token.expose()), TokenCheck::Stale);
}

#[test]
fn sec_061_of_64_who_approve_or_reject_one_request_exactly_one_wins() {
    let (_dir, store) = open();
    for round in 0..10 {
        let request = file(&store, ask(round, node(&[])), NOW);
        let start = Arc::new(Barrier::new(64));
        let winners: Vec<_> = (0..64)
            .map(|n| {
                let (store, request, start) = (store.clone(), request.clone(), Arc::clone(&start));
                std::thread::spawn(move || {
                    start.wait();
                    if n % 2 == 0 {
                        approve(&store, &request, Approver::Owner).is_ok()
                    } else {
                        store.reject(request.id, NOW).wait().unwrap().is_some()
                    }
                })
            })
            .collect();
        let won: Vec<bool> = winners.into_iter().map(|thread| thread.join().unwrap()).collect();
        assert_eq!(won.iter().filter(|won| **won).count(), 1);
        let approved = won.iter().position(|won| *won).unwrap() % 2 == 0;
        assert_eq!(store.device(&id(round)).unwrap().is_some(), approved);
    }
}

#[cfg(unix)]
fn check_modes(dir: &std::path::Path) {
    use std::os::unix::fs::PermissionsExt;
    let mut seen = 0;
    for entry in std::fs::read_dir(dir).unwrap().map(Result::unwrap) {
        let mode = entry.metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0, "{} has mode {mode:o}", entry.path().display());
        if entry.path().is_dir() {
            check_modes(&entry.path());
        }
        seen += 1;
    }
    assert!(seen > 0, "{} is empty", dir.display());
}

#[cfg(unix)]
#[test]
fn sec_200_nothing_in_the_state_is_readable_by_others_whatever_the_umask() {
    use std::os::unix::fs::PermissionsExt;
    const CHILD: &str = "OPENCLAW_TEST_LOOSE_UMASK";
    if let Some(dir) = std::env::var_os(CHILD) {
        let dir = std::path::PathBuf::from(dir);
        let store = Store::open(&dir, NOW).unwrap();
        pair(&store, 1, node(&[]));
        openclaw_store::files::owner_secret(&dir, NOW).unwrap();
        openclaw_store::files::identity(&dir.join(openclaw_store::files::GATEWAY_IDENTITY), NOW).unwrap();
        return check_modes(&dir);
    }
    let outer = tempfile::tempdir().unwrap();
    let state = outer.path().join("new").join("state");
    let test = "security::sec_200_nothing_in_the_state_is_readable_by_others_whatever_the_umask";
    let script = "umask 000; exec \"$0\" --exact \"$1\"";
    let status = std::process::Command::new("sh")
        .args(["-c", script])
        .args([std::env::current_exe().unwrap().as_os_str(), test.as_ref()])
        .env(CHILD, &state)
        .status()
        .unwrap();
    assert!(status.success());
    check_modes(&state);
    // A mode that somebody loosened is tightened at the next start.
    let database = Store::path_in(&state);
    for (path, mode) in [(&database, 0o666), (&database.parent().unwrap().to_owned(), 0o755), (&state, 0o755)] {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
    }
    drop(Store::open(&state, NOW).unwrap());
    check_modes(&outer.path().join("new"));
    check_modes(&state);
}
