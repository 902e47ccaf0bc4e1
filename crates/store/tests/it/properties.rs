//! The request and approval rules over histories that nobody thought of (P4, SEC-050, SEC-055).

use std::collections::BTreeSet;

use openclaw_protocol::scope::{Role, ScopeSet};
use openclaw_store::pairing::{ApproveError, Approver, Filed, Quota, Surface, Wish};
use proptest::prelude::*;

use crate::common::{NOW, approve, ask, id, open};

const SCOPES: [&str; 4] = ["operator.admin", "operator.read", "operator.write", "operator.pairing"];
const COMMANDS: [&str; 4] = ["canvas.present", "camera.snap", "system.run", "fs.listDir"];

fn pick(from: &'static [&'static str; 4], bits: u8) -> impl Iterator<Item = String> {
    from.iter().enumerate().filter(move |(at, _)| bits & (1 << at) != 0).map(|(_, name)| (*name).to_owned())
}

fn wishes() -> impl Strategy<Value = Wish> {
    (1_u8..4, 0_u8..16, proptest::option::of((0_u8..16, any::<bool>()))).prop_map(|(roles, scopes, surface)| {
        let roles: BTreeSet<Role> = [(1, Role::Operator), (2, Role::Node)]
            .into_iter()
            .filter(|(bit, _)| roles & bit != 0)
            .map(|(_, role)| role)
            .collect();
        let scopes: ScopeSet =
            if roles.contains(&Role::Operator) { pick(&SCOPES, scopes).collect() } else { ScopeSet::none() };
        let surface = surface.filter(|_| roles.contains(&Role::Node)).map(|(commands, camera)| Surface {
            caps: BTreeSet::new(),
            commands: pick(&COMMANDS, commands).collect(),
            permissions: [("camera".to_owned(), camera)].into(),
        });
        Wish { roles, scopes, surface }
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn sec_055_what_is_granted_is_what_stood_under_the_approved_id(history in prop::collection::vec(wishes(), 1..8)) {
        let (_dir, store) = open();
        let mut shown: Vec<(openclaw_protocol::id::RequestId, Wish)> = Vec::new();
        for (wish, now) in history.into_iter().zip(NOW..) {
            match store.file_request(ask(1, wish.clone()), Quota::default(), now).wait().unwrap() {
                Filed::Created(request) => {
                    prop_assert!(shown.is_empty());
                    prop_assert_eq!(&request.wish, &wish);
                    shown.push((request.id, request.wish));
                }
                Filed::Refreshed(request) => {
                    let (id, pending) = shown.last().unwrap();
                    prop_assert!(pending.covers(&wish), "a wider wish kept its id");
                    prop_assert_eq!((&request.id, &request.wish), (id, pending));
                }
                Filed::Superseded { old, new } => {
                    let (id, pending) = shown.last().unwrap();
                    prop_assert!(!pending.covers(&wish), "a wish that was covered got another id");
                    prop_assert_eq!(&old, id);
                    prop_assert!(new.wish.covers(&wish) && new.wish.covers(pending));
                    prop_assert!(!new.wish.minus(pending).eq(&Wish::default()), "nothing seems to be new");
                    shown.push((new.id, new.wish));
                }
                Filed::Refused(why) => return Err(TestCaseError::fail(why.to_string())),
            }
        }
        let (last, wish) = shown.pop().unwrap();
        for (old, _) in &shown {
            let pending = store.request(&last, NOW).unwrap().unwrap();
            let refused = approve(&store, &openclaw_store::pairing::PairingRequest { id: old.clone(), ..pending }, Approver::Owner);
            let superseded = matches!(refused, Err(ApproveError::Superseded { .. }));
            prop_assert!(superseded);
        }
        prop_assert!(store.device(&id(1)).unwrap().is_none());
        let request = store.request(&last, NOW).unwrap().unwrap();
        let device = approve(&store, &request, Approver::Owner).unwrap().device;
        prop_assert_eq!(&device.roles, &wish.roles);
        prop_assert_eq!(&device.scopes, &wish.scopes);
        prop_assert_eq!(&device.surface, &wish.surface);
        prop_assert_eq!(device.tokens.len(), wish.roles.len());
        let stored = store.device(&id(1)).unwrap().unwrap();
        prop_assert_eq!((stored.roles, stored.scopes, stored.surface), (device.roles, device.scopes, device.surface));
    }

    #[test]
    fn wishes_are_ordered_sets(a in wishes(), b in wishes(), c in wishes()) {
        let union = a.union(&b);
        prop_assert!(a.covers(&a) && union.covers(&a) && union.covers(&b));
        if a.covers(&b) && b.covers(&c) {
            prop_assert!(a.covers(&c));
        }
        // Nothing is left of a covered wish, and what is left of another is what makes the difference.
        prop_assert_eq!(a.covers(&b), b.minus(&a) == Wish::default());
        prop_assert!(a.union(&b.minus(&a)).covers(&b));
        if let (Some(own), Some(other)) = (&a.surface, &b.surface) {
            let both = own.intersection(other);
            prop_assert!(own.covers(&both) && other.covers(&both));
        }
    }
}
