//! Taking over the state of an `OpenClaw` installation (promise W2, REL-044).

use std::path::Path;

use openclaw_protocol::scope::Role;
use openclaw_store::{
    Store,
    files::write_atomic,
    pairing::{ApprovedVia, TokenCheck, verify_token},
};
use serde_json::{Value, json};

use crate::common::{NOW, id, key, names, scopes};

const TOKEN: &str = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

/// An entry as 2026.3.13 writes it: an operator that became a node too.
fn device(n: u32) -> Value {
    json!({
        "deviceId": id(n).as_str(), "publicKey": key(n).to_wire(), "displayName": "vm", "platform": "linux",
        "clientId": "cli", "clientMode": "cli", "role": "operator", "roles": ["node", "operator"],
        "scopes": ["operator.read"], "approvedScopes": ["operator.admin", "operator.read"], "remoteIp": "192.0.2.7",
        "tokens": {
            "node": {"token": TOKEN, "role": "node", "scopes": [], "createdAtMs": 11},
            "operator": {"token": "operator-token", "role": "operator", "scopes": ["operator.read"], "createdAtMs": 12,
                "rotatedAtMs": 13, "revokedAtMs": 14, "lastUsedAtMs": 15}
        },
        "createdAtMs": 10, "approvedAtMs": 20
    })
}

fn put(dir: &Path, name: &str, value: &Value) -> Vec<u8> {
    let text = serde_json::to_vec_pretty(value).unwrap();
    write_atomic(&dir.join(name), &text).unwrap();
    text
}

#[test]
fn rel_044_devices_of_2026_3_need_not_pair_again_and_its_files_stay_as_they_are() {
    let dir = tempfile::tempdir().unwrap();
    let devices = put(dir.path(), "devices/paired.json", &json!({id(1).as_str(): device(1)}));
    let nodes = put(
        dir.path(),
        "nodes/paired.json",
        &json!({
            id(1).as_str(): {"nodeId": id(1).as_str(), "token": TOKEN, "displayName": "node name", "platform": "linux",
                "version": "2026.3.13", "coreVersion": "c", "uiVersion": "u", "deviceFamily": "Linux", "modelIdentifier": "m",
                "caps": ["system"], "commands": ["system.run"], "permissions": {"camera": true}, "remoteIp": "192.0.2.7",
                "createdAtMs": 1, "approvedAtMs": 2, "lastConnectedAtMs": 3},
            "legacy-node": {"nodeId": "legacy-node", "token": TOKEN}
        }),
    );
    let store = Store::open(dir.path(), NOW).unwrap();
    let report = store.opened().imported.clone().unwrap();
    assert_eq!((report.devices, report.sources.len(), report.skipped.len()), (1, 2, 1), "{report:?}");
    assert!(report.skipped[0].contains("legacy-node"));

    let device = store.device(&id(1)).unwrap().unwrap();
    assert_eq!(device.profile.display_name.as_deref(), Some("vm"));
    assert_eq!(device.profile.version.as_deref(), Some("2026.3.13"));
    assert_eq!(device.scopes, scopes(&["admin", "read"]));
    let surface = device.surface.as_ref().unwrap();
    assert_eq!((&surface.commands, &surface.caps), (&names(&["system.run"]), &names(&["system"])));
    assert_eq!((device.created_at_ms, device.approved_at_ms), (10, 20));
    assert_eq!((device.approved_via, device.seen.last_connected_at_ms), (ApprovedVia::Import, Some(3)));
    assert!(matches!(verify_token(&device, Role::Node, TOKEN), TokenCheck::Valid { .. }));
    assert_eq!(verify_token(&device, Role::Operator, "operator-token"), TokenCheck::Revoked);

    // Once: what is removed here does not come back from the files.
    store.remove(id(1), NOW).wait().unwrap();
    drop(store);
    let store = Store::open(dir.path(), NOW).unwrap();
    assert!(store.opened().imported.is_none() && store.devices().unwrap().is_empty());
    assert_eq!(std::fs::read(dir.path().join("devices/paired.json")).unwrap(), devices);
    assert_eq!(std::fs::read(dir.path().join("nodes/paired.json")).unwrap(), nodes);
}

#[test]
fn what_cannot_be_read_is_reported_and_skipped_and_the_rest_is_taken_over() {
    let dir = tempfile::tempdir().unwrap();
    let mut stolen = device(3);
    stolen["publicKey"] = json!(key(4).to_wire());
    let mut keyless = device(5);
    keyless["publicKey"] = json!("s3cret");
    put(
        dir.path(),
        "devices/paired.json",
        &json!({
            id(1).as_str(): device(1), id(2).as_str(): {"publicKey": 7}, id(3).as_str(): stolen, id(5).as_str(): keyless
        }),
    );
    write_atomic(&dir.path().join("nodes/paired.json"), br#"{"torn": {"token": "s3cret"#).unwrap();
    let store = Store::open(dir.path(), NOW).unwrap();
    let report = store.opened().imported.clone().unwrap();
    assert_eq!((report.devices, report.skipped.len()), (1, 4), "{report:?}");
    assert!(!format!("{report:?}").contains("s3cret"));
    assert_eq!(store.devices().unwrap().len(), 1);
}

#[test]
fn a_torn_file_of_2026_3_is_no_reason_not_to_start() {
    let dir = tempfile::tempdir().unwrap();
    let whole = serde_json::to_vec(&json!({id(1).as_str(): device(1)})).unwrap();
    for length in (0..whole.len()).step_by(97) {
        let state = dir.path().join(length.to_string());
        write_atomic(&state.join("devices/paired.json"), &whole[..length]).unwrap();
        let store = Store::open(&state, NOW).unwrap();
        assert_eq!(store.opened().imported.as_ref().unwrap().skipped.len(), 1);
        assert!(store.devices().unwrap().is_empty());
    }
}

#[test]
fn nothing_to_take_over_is_nothing_to_say() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path(), NOW).unwrap();
    assert!(store.opened().created && store.opened().imported.is_none());
    assert!(store.audit_lines(10).unwrap().is_empty());
}

/// The table with the columns that 2026.9 has.
const COLUMNS: &str =
    "device_id TEXT PRIMARY KEY, public_key TEXT, display_name TEXT, operator_label TEXT, platform TEXT,
    device_family TEXT, client_id TEXT, client_mode TEXT, browser_origin TEXT, role TEXT, roles_json TEXT,
    scopes_json TEXT, approved_scopes_json TEXT, remote_ip TEXT, tokens_json TEXT, approved_via TEXT,
    node_surface_json TEXT, pending_node_surface_json TEXT, created_at_ms INTEGER, approved_at_ms INTEGER,
    last_seen_at_ms INTEGER, last_seen_reason TEXT";

fn newer_state(dir: &Path, columns: &str) -> rusqlite::Connection {
    std::fs::create_dir_all(dir.join("state")).unwrap();
    let newer = rusqlite::Connection::open(dir.join("state").join("openclaw.sqlite")).unwrap();
    newer.execute_batch(&format!("CREATE TABLE device_pairing_paired ({columns})")).unwrap();
    newer
}

fn fill(newer: &rusqlite::Connection, n: u32) {
    let tokens = json!({
        "node": {"token": TOKEN, "role": "node", "scopes": [], "createdAtMs": 11},
        "operator": {"token": "of-a-browser", "role": "operator", "scopes": ["operator.read"], "createdAtMs": 1,
            "issuer": {"kind": "shared-gateway-auth", "generation": "g"}}
    });
    let surface = json!({"displayName": "n", "version": "2026.9.6", "caps": ["system"], "commands": ["system.run"],
        "permissions": {"camera": false}, "createdAtMs": 1, "approvedAtMs": 2});
    newer
        .execute(
            "INSERT INTO device_pairing_paired (device_id, public_key, display_name, operator_label, roles_json,
                 approved_scopes_json, tokens_json, node_surface_json, created_at_ms, approved_at_ms, last_seen_at_ms)
             VALUES (?1, ?2, 'vm', 'Anna', '[\"node\",\"operator\"]', '[\"operator.read\"]', ?3, ?4, 1, 2, 3)",
            rusqlite::params![id(n).as_str(), key(n).to_wire(), tokens.to_string(), surface.to_string()],
        )
        .unwrap();
}

#[test]
fn rel_044_devices_of_2026_9_are_taken_over_in_place_of_older_files() {
    let dir = tempfile::tempdir().unwrap();
    // In the database of 2026.9 device 2 is gone.
    put(dir.path(), "devices/paired.json", &json!({id(2).as_str(): device(2)}));
    let newer = newer_state(dir.path(), COLUMNS);
    fill(&newer, 1);
    drop(newer);
    let before = std::fs::read(dir.path().join("state/openclaw.sqlite")).unwrap();
    let store = Store::open(dir.path(), NOW).unwrap();
    let devices = store.devices().unwrap();
    let [device] = devices.as_slice() else { panic!("{devices:?}") };
    assert_eq!((device.name(), &device.scopes, device.seen.last_seen_at_ms), ("Anna", &scopes(&["read"]), Some(3)));
    assert_eq!(device.surface.as_ref().unwrap().commands, names(&["system.run"]));
    assert!(matches!(verify_token(device, Role::Node, TOKEN), TokenCheck::Valid { .. }));
    assert_eq!(verify_token(device, Role::Operator, "of-a-browser"), TokenCheck::NoToken);
    assert_eq!(std::fs::read(dir.path().join("state/openclaw.sqlite")).unwrap(), before);
}

#[test]
fn rel_044_a_2026_9_database_that_is_in_use_is_read_with_its_log() {
    let dir = tempfile::tempdir().unwrap();
    let newer = newer_state(dir.path(), COLUMNS);
    newer.pragma_update(None, "journal_mode", "WAL").unwrap();
    fill(&newer, 1);
    let store = Store::open(dir.path(), NOW).unwrap();
    assert_eq!(store.opened().imported.as_ref().unwrap().devices, 1);
    drop(newer);
}

#[test]
fn rel_044_an_unknown_shape_of_the_2026_9_database_is_said_and_skipped() {
    let check = |columns: &str, expected: &str| {
        let dir = tempfile::tempdir().unwrap();
        drop(newer_state(dir.path(), columns));
        let store = Store::open(dir.path(), NOW).unwrap();
        let report = store.opened().imported.clone().unwrap();
        assert!(report.skipped[0].contains(expected), "{report:?}");
        assert_eq!(report.devices, 0);
    };
    check(&format!("{COLUMNS}, denied_at_ms INTEGER"), "denied_at_ms");
    check("device_id TEXT", "public_key");
    let dir = tempfile::tempdir().unwrap();
    write_atomic(&dir.path().join("state/openclaw.sqlite"), b"this is no database, but long enough to look").unwrap();
    let store = Store::open(dir.path(), NOW).unwrap();
    assert_eq!(store.opened().imported.as_ref().unwrap().skipped.len(), 1);
}
