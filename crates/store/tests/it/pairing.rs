//! Requests, approvals and records: promises P3, P4, P5, P9.

use openclaw_identity::matching_code;
use openclaw_protocol::{limits::PAIRING_TTL_MS, scope::Role};
use openclaw_store::{
    Store,
    pairing::{
        ApproveError, ApprovedVia, Approver, Filed, Found, Profile, Quota, SeenEvent, SeenUpdate, TokenCheck,
        verify_token,
    },
};

use crate::common::{NOW, approve, ask, file, id, key, names, node, open, operator, pair, scopes, surface};

#[test]
fn a_device_is_filed_approved_and_remembered_across_a_restart() {
    let (dir, store) = open();
    let request = file(&store, ask(1, node(&["system.run"])), NOW);
    assert_eq!(store.requests(NOW).unwrap(), std::slice::from_ref(&request));
    let approval = approve(&store, &request, Approver::Owner).unwrap();
    let token = approval.device.token(Role::Node).unwrap().token.clone();
    drop(store);

    let store = Store::open(dir.path(), NOW).unwrap();
    let device = store.device(&id(1)).unwrap().unwrap();
    assert_eq!(device.profile.display_name.as_deref(), Some("device 1"));
    assert_eq!(device.surface, Some(surface(&["system.run"])));
    assert!(matches!(verify_token(&device, Role::Node, token.expose()), TokenCheck::Valid { .. }));
    assert_eq!(verify_token(&device, Role::Node, "wrong"), TokenCheck::Stale);
    assert_eq!(verify_token(&device, Role::Operator, token.expose()), TokenCheck::NoToken);
    assert!(store.requests(NOW).unwrap().is_empty());
}

#[test]
fn p4_a_request_and_the_instance_id_survive_a_restart() {
    let (dir, store) = open();
    let (request, meta) = (file(&store, ask(1, node(&[])), NOW), store.gateway_meta().clone());
    drop(store);
    let store = Store::open(dir.path(), NOW + 1).unwrap();
    assert_eq!(store.request(&request.id, NOW).unwrap(), Some(request));
    assert_eq!(*store.gateway_meta(), meta);
    assert!(!store.opened().created);
}

#[test]
fn p4_a_retry_keeps_the_id_and_lengthens_the_life() {
    let (_dir, store) = open();
    let first = file(&store, ask(1, operator(&["read", "write"])), NOW);
    let later = NOW + PAIRING_TTL_MS - 1;
    let narrower = store.file_request(ask(1, operator(&["read"])), Quota::default(), later).wait().unwrap();
    let Filed::Refreshed(again) = narrower else { panic!("{narrower:?}") };
    assert_eq!((again.id.clone(), &again.wish, again.refreshed_at_ms), (first.id, &first.wish, later));
    assert!(store.request(&again.id, later + PAIRING_TTL_MS - 1).unwrap().is_some());
    assert!(store.request(&again.id, later + PAIRING_TTL_MS).unwrap().is_none());
}

#[test]
fn p3_one_request_holds_what_a_device_asks_for_in_both_roles() {
    let (_dir, store) = open();
    file(&store, ask(1, node(&["system.run"])), NOW);
    let both = file(&store, ask(1, operator(&["read"])), NOW);
    assert_eq!(both.wish, node(&["system.run"]).union(&operator(&["read"])));
    assert_eq!(store.requests(NOW).unwrap().len(), 1);
    let device = approve(&store, &both, Approver::Owner).unwrap().device;
    assert!(device.has_live_role(Role::Node) && device.has_live_role(Role::Operator));
}

#[test]
fn sec_055_the_id_that_was_shown_never_grants_what_was_added_later() {
    let (_dir, store) = open();
    let shown = file(&store, ask(1, node(&["canvas.present"])), NOW);
    let wider = file(&store, ask(1, node(&["canvas.present", "system.run"])), NOW);
    let widest = file(&store, ask(1, node(&["system.which"])), NOW);
    assert_ne!(shown.id, wider.id);
    let refused = approve(&store, &shown, Approver::Owner).unwrap_err();
    let ApproveError::Superseded { asked, now, added } = refused else { panic!("{refused}") };
    assert_eq!((asked, now.id), (shown.id.clone(), widest.id.clone()));
    assert_eq!(added.surface.unwrap().commands, names(&["system.run", "system.which"]));
    assert!(store.device(&id(1)).unwrap().is_none());
    approve(&store, &widest, Approver::Owner).unwrap();
    assert!(matches!(approve(&store, &shown, Approver::Owner), Err(ApproveError::Unknown)));
}

#[test]
fn an_expired_request_is_not_approved() {
    let (_dir, store) = open();
    let request = file(&store, ask(1, node(&[])), NOW);
    let late = store.approve(request.id, Approver::Owner, ApprovedVia::Owner, None, NOW + PAIRING_TTL_MS).wait();
    assert!(matches!(late, Err(ApproveError::Expired)));
}

#[test]
fn a_request_is_found_by_everything_that_a_person_sees_of_it() {
    let (_dir, store) = open();
    let mut named = ask(1, node(&[]));
    named.profile.display_name = Some("Anna's Laptop".into());
    let request = file(&store, named, NOW);
    file(&store, ask(2, node(&[])), NOW);
    let gateway = key(999);
    let code = matching_code(&gateway, &key(1), request.id.as_str());
    let selectors = [
        request.id.as_str().to_owned(),
        request.id.as_str().to_uppercase(),
        request.id.as_str()[..8].to_owned(),
        id(1).as_str().to_owned(),
        id(1).as_str()[..12].to_owned(),
        "anna's laptop".to_owned(),
        "anna-s-laptop".to_owned(),
        code.clone(),
        code.replace('-', "").to_lowercase(),
    ];
    for selector in selectors {
        let found = store.find_request(&selector, &gateway, NOW).unwrap();
        assert_eq!(found, Found::One(request.clone()), "{selector}");
    }
    for nothing in ["", "   ", "ann", "zzzz", "%", "____"] {
        assert_eq!(store.find_request(nothing, &gateway, NOW).unwrap(), Found::None, "{nothing:?}");
    }
}

#[test]
fn two_devices_of_one_name_are_ambiguous_and_a_superseded_id_is_said_to_be_one() {
    let (_dir, store) = open();
    for n in [1, 2] {
        let mut twin = ask(n, node(&[]));
        twin.profile.display_name = Some("twin".into());
        file(&store, twin, NOW);
    }
    let gateway = key(999);
    assert!(matches!(store.find_request("TWIN", &gateway, NOW).unwrap(), Found::Ambiguous(two) if two.len() == 2));
    let old = store.request_of(&id(1), NOW).unwrap().unwrap();
    let new = file(&store, ask(1, operator(&["read"])), NOW);
    for selector in [old.id.as_str(), &old.id.as_str()[..13]] {
        let found = store.find_request(selector, &gateway, NOW).unwrap();
        let Found::Superseded { asked, now, added } = found else { panic!("{found:?}") };
        assert_eq!((asked, now.id), (old.id.clone(), new.id.clone()));
        assert_eq!(added, operator(&["read"]));
    }
}

#[test]
fn a_later_approval_merges_and_loses_no_name() {
    let (_dir, store) = open();
    let node_token = pair(&store, 1, node(&["canvas.present"])).device.token(Role::Node).unwrap().token.clone();
    let mut cli = ask(1, operator(&["read"]));
    cli.profile = Profile { client_id: Some("cli".into()), ..Profile::default() };
    let request = file(&store, cli, NOW + 5);
    let device = approve(&store, &request, Approver::Owner).unwrap().device;
    assert_eq!(device.profile.display_name.as_deref(), Some("device 1"));
    assert_eq!(device.surface, Some(surface(&["canvas.present"])));
    assert!(device.token(Role::Node).unwrap().token.is(node_token.expose()));
    assert_eq!(device.created_at_ms, NOW);
    let stored = store.device(&id(1)).unwrap().unwrap();
    assert_eq!(stored.tokens.len(), 2);
    assert!(stored.token(Role::Operator).unwrap().token.is(device.token(Role::Operator).unwrap().token.expose()));
}

#[test]
fn approving_with_chosen_commands_grants_no_other() {
    let (_dir, store) = open();
    let request = file(&store, ask(1, node(&["canvas.present", "system.run"])), NOW);
    let limit = Some(names(&["canvas.present", "camera.snap"]));
    let approval = store.approve(request.id, Approver::Owner, ApprovedVia::Owner, limit, NOW).wait().unwrap();
    assert_eq!(approval.device.surface.unwrap().commands, names(&["canvas.present"]));
}

#[test]
fn a_given_name_outlives_what_the_device_calls_itself() {
    let (_dir, store) = open();
    pair(&store, 1, node(&[]));
    store.rename(id(1), "kitchen".into(), NOW).wait().unwrap().unwrap();
    let seen = SeenUpdate {
        device_id: id(1),
        at_ms: NOW + 9,
        event: SeenEvent::Connected,
        reason: Some("connect".into()),
        profile: Some(Profile { display_name: Some("vm".into()), version: Some("2".into()), ..Profile::default() }),
        used_role: Some(Role::Node),
    };
    store.note_seen(vec![seen]).wait().unwrap();
    let device = store.device(&id(1)).unwrap().unwrap();
    assert_eq!(device.profile.display_name.as_deref(), Some("kitchen"));
    assert_eq!(device.profile.version.as_deref(), Some("2"));
    assert_eq!(device.seen.last_connected_at_ms, Some(NOW + 9));
    assert_eq!(device.token(Role::Node).unwrap().last_used_at_ms, Some(NOW + 9));
    let labelled = store.label(id(1), Some("Anna's".into()), NOW).wait().unwrap().unwrap();
    assert_eq!(labelled.name(), "Anna's");
    assert!(store.rename(id(2), "nobody".into(), NOW).wait().unwrap().is_none());
}

#[test]
fn pairing_silently_takes_the_request_along_only_when_nothing_more_was_asked() {
    let (_dir, store) = open();
    file(&store, ask(1, node(&["a"])), NOW);
    store.pair_silently(ask(1, node(&["a", "b"])), ApprovedVia::Silent, NOW).wait().unwrap();
    assert!(store.request_of(&id(1), NOW).unwrap().is_none());
    file(&store, ask(1, operator(&["admin"])), NOW);
    store.pair_silently(ask(1, operator(&["read"])), ApprovedVia::Silent, NOW).wait().unwrap();
    assert!(store.request_of(&id(1), NOW).unwrap().is_some());
    assert_eq!(store.device(&id(1)).unwrap().unwrap().scopes, scopes(&["read"]));
}

#[test]
fn removing_forgets_everything_and_removing_a_role_the_rest_of_that_role() {
    let (_dir, store) = open();
    pair(&store, 1, node(&["a"]).union(&operator(&["admin"])));
    let gone = store.remove_role(id(1), Role::Operator, NOW).wait().unwrap().unwrap();
    assert!(!gone.is_gone && gone.device.scopes == scopes(&["admin"]));
    let left = store.device(&id(1)).unwrap().unwrap();
    assert!(left.scopes.is_empty() && left.token(Role::Operator).is_none() && left.has_live_role(Role::Node));
    assert_eq!(store.node_devices().unwrap().len(), 1);
    file(&store, ask(1, node(&["b"])), NOW);
    assert!(store.remove_role(id(1), Role::Node, NOW).wait().unwrap().unwrap().is_gone);
    assert!(store.device(&id(1)).unwrap().is_none() && store.requests(NOW).unwrap().is_empty());
    assert!(store.remove(id(1), NOW).wait().unwrap().is_none());
}

#[test]
fn a_rejected_request_is_gone() {
    let (_dir, store) = open();
    let request = file(&store, ask(1, node(&[])), NOW);
    assert_eq!(store.reject(request.id.clone(), NOW).wait().unwrap(), Some(request.clone()));
    assert!(store.reject(request.id.clone(), NOW).wait().unwrap().is_none());
    assert!(matches!(approve(&store, &request, Approver::Owner), Err(ApproveError::Unknown)));
    let trail = store.audit_lines(10).unwrap();
    assert_eq!((trail[0].action.as_str(), &trail[0].request_id), ("pairing.rejected", &Some(request.id)));
}
