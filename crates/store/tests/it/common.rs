//! What the tests share.

use std::collections::BTreeSet;

use openclaw_identity::{DeviceKey, PublicKey};
use openclaw_protocol::{
    id::DeviceId,
    scope::{Role, ScopeSet},
};
use openclaw_store::{
    Store,
    pairing::{
        Approval, ApproveError, ApprovedVia, Approver, Ask, Filed, PairingRequest, Profile, Quota, Reason, Surface,
        Wish,
    },
};
use tempfile::TempDir;

/// An arbitrary moment in 2026.
pub(crate) const NOW: u64 = 1_795_000_000_000;

pub(crate) fn open() -> (TempDir, Store) {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path(), NOW).unwrap();
    (dir, store)
}

/// The key of the `n`-th device.
pub(crate) fn key(n: u32) -> PublicKey {
    let mut seed = [7; 32];
    seed[..4].copy_from_slice(&n.to_le_bytes());
    DeviceKey::from_seed(&seed).public()
}

pub(crate) fn id(n: u32) -> DeviceId {
    key(n).device_id()
}

pub(crate) fn scopes(names: &[&str]) -> ScopeSet {
    names.iter().map(|name| format!("operator.{name}")).collect()
}

pub(crate) fn names(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

pub(crate) fn surface(commands: &[&str]) -> Surface {
    Surface { caps: names(&["system"]), commands: names(commands), ..Surface::default() }
}

pub(crate) fn operator(scope_names: &[&str]) -> Wish {
    Wish { roles: [Role::Operator].into(), scopes: scopes(scope_names), surface: None }
}

pub(crate) fn node(commands: &[&str]) -> Wish {
    Wish { roles: [Role::Node].into(), scopes: ScopeSet::none(), surface: Some(surface(commands)) }
}

pub(crate) fn ask(n: u32, wish: Wish) -> Ask {
    Ask {
        device_id: id(n),
        public_key: key(n).to_wire(),
        profile: Profile { display_name: Some(format!("device {n}")), ..Profile::default() },
        wish,
        reason: Reason::NotPaired,
        is_repair: false,
    }
}

/// Files and expects a request.
pub(crate) fn file(store: &Store, ask: Ask, now_ms: u64) -> PairingRequest {
    match store.file_request(ask, Quota::default(), now_ms).wait().unwrap() {
        Filed::Created(request) | Filed::Refreshed(request) | Filed::Superseded { new: request, .. } => request,
        Filed::Refused(why) => panic!("{why}"),
    }
}

pub(crate) fn approve(store: &Store, request: &PairingRequest, approver: Approver) -> Result<Approval, ApproveError> {
    store.approve(request.id.clone(), approver, ApprovedVia::Owner, None, NOW).wait()
}

/// Files and approves as the owner.
pub(crate) fn pair(store: &Store, n: u32, wish: Wish) -> Approval {
    let request = file(store, ask(n, wish), NOW);
    approve(store, &request, Approver::Owner).unwrap()
}
