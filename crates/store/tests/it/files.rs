//! The files that people edit, and the lock on a state directory.

use std::{
    io::{BufRead, BufReader, Write},
    path::PathBuf,
    process::{Command, Stdio},
    sync::Barrier,
    time::Duration,
};

use openclaw_identity::{Fingerprint, Secret};
use openclaw_protocol::scope::Role;
use openclaw_store::files::{
    DEVICE_IDENTITY, DeviceAuth, Endpoint, FileError, GatewayInfo, Holder, LockError, NodeJson, StateLock, StoredToken,
    identity, load_identity, owner_secret, read_capped, write_atomic,
};
use serde_json::{Value, json};

use crate::common::{NOW, id, scopes};

fn holder(pid: u32) -> Holder {
    Holder { pid, started_at_ms: NOW, port: None, url: None }
}

#[test]
fn rel_020_of_fifty_starts_one_wins_and_the_others_hear_its_name() {
    let dir = tempfile::tempdir().unwrap();
    let (start, done) = (Barrier::new(50), Barrier::new(50));
    let won: Vec<Option<u32>> = std::thread::scope(|scope| {
        let starts: Vec<_> = (0..50)
            .map(|n| {
                let (dir, start, done) = (dir.path(), &start, &done);
                scope.spawn(move || {
                    start.wait();
                    let lock = StateLock::acquire(dir, &holder(n), Duration::ZERO);
                    done.wait();
                    match lock {
                        Ok(_held) => Some(n),
                        Err(LockError::Held(_)) => None,
                        Err(other) => panic!("{other}"),
                    }
                })
            })
            .collect();
        starts.into_iter().map(|start| start.join().unwrap()).collect()
    });
    assert_eq!(won.iter().flatten().count(), 1);
    let mut lock = StateLock::acquire(dir.path(), &holder(7), Duration::ZERO).unwrap();
    let listening = Holder { port: Some(18_789), url: Some("ws://127.0.0.1:18789".into()), ..holder(7) };
    lock.describe(&listening).unwrap();
    let refused = StateLock::acquire(dir.path(), &holder(8), Duration::ZERO).unwrap_err();
    let text = refused.to_string();
    assert!(text.contains("pid 7") && text.contains("ws://127.0.0.1:18789"), "{text}");
    assert_eq!(StateLock::holder(dir.path()).unwrap().unwrap().holder, Some(listening));
    drop(lock);
    assert_eq!(StateLock::holder(dir.path()).unwrap(), None);
}

#[test]
fn rel_020_a_killed_holder_leaves_the_directory_free_and_two_names_are_one_directory() {
    const DIR: &str = "OPENCLAW_TEST_LOCK";
    if let Some(dir) = std::env::var_os(DIR) {
        let _lock = StateLock::acquire(&PathBuf::from(dir), &holder(std::process::id()), Duration::ZERO).unwrap();
        writeln!(std::io::stdout(), "\nheld").unwrap();
        // Until it is killed, or the test has gone.
        std::io::stdin().read_line(&mut String::new()).unwrap();
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let state = dir.path().join("state");
    std::fs::create_dir(&state).unwrap();
    let test = "files::rel_020_a_killed_holder_leaves_the_directory_free_and_two_names_are_one_directory";
    let mut other = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", test, "--nocapture"])
        .env(DIR, &state)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(other.stdout.take().unwrap()).lines();
    assert!(lines.any(|line| line.unwrap() == "held"));
    let second_name = state.join("..").join("state");
    let LockError::Held(held) = StateLock::acquire(&second_name, &holder(1), Duration::ZERO).unwrap_err() else {
        panic!("not held")
    };
    assert_eq!(held.holder.unwrap().pid, other.id());
    other.kill().unwrap();
    other.wait().unwrap();
    StateLock::acquire(&state, &holder(1), Duration::from_secs(5)).unwrap();
}

#[test]
fn rel_002_a_file_is_replaced_whole_and_leaves_nothing_beside_it() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("deep").join("a.json");
    write_atomic(&path, b"old").unwrap();
    write_atomic(&path, b"new").unwrap();
    assert_eq!(read_capped(&path, 3).unwrap().unwrap(), b"new");
    assert!(matches!(read_capped(&path, 2), Err(FileError::TooLarge { max_bytes: 2, .. })));
    assert_eq!(std::fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
    assert_eq!(read_capped(&dir.path().join("none"), 9).unwrap(), None);
    // A folder in its place: the error names it, and nothing is left behind.
    let folder = dir.path().join("folder");
    std::fs::create_dir(&folder).unwrap();
    let error = write_atomic(&folder, b"x").unwrap_err().to_string();
    assert!(error.contains("folder"), "{error}");
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 2);
}

#[cfg(unix)]
#[test]
fn a_symbolic_link_stays_one() {
    let dir = tempfile::tempdir().unwrap();
    let (real, link) = (dir.path().join("real.json"), dir.path().join("link.json"));
    write_atomic(&real, b"old").unwrap();
    std::os::unix::fs::symlink(&real, &link).unwrap();
    write_atomic(&link, b"new").unwrap();
    assert!(link.symlink_metadata().unwrap().is_symlink());
    assert_eq!(std::fs::read(&real).unwrap(), b"new");
}

#[test]
fn an_identity_is_made_once_even_by_many_at_the_same_time() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join(DEVICE_IDENTITY);
    assert!(load_identity(&path, NOW).unwrap().is_none());
    let start = Barrier::new(16);
    let ids: Vec<_> = std::thread::scope(|scope| {
        let makers: Vec<_> = (0..16)
            .map(|_| {
                scope.spawn(|| {
                    start.wait();
                    (identity(&path, NOW).unwrap().device_id(), owner_secret(dir.path(), NOW).unwrap())
                })
            })
            .collect();
        makers.into_iter().map(|maker| maker.join().unwrap()).collect()
    });
    let secret = owner_secret(dir.path(), NOW).unwrap();
    assert_eq!(secret.expose().len(), 43);
    assert!(ids.iter().all(|(id, same)| *id == ids[0].0 && secret.is(same.expose())));
}

#[test]
fn rel_008_a_key_that_cannot_be_read_is_kept_and_said() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("identity").join("node.json");
    for (n, broken) in [
        &b"{\"version\":1"[..],
        b"\xff\xfe",
        b"{\"version\":2,\"deviceId\":\"\",\"publicKeyPem\":\"\",\"privateKeyPem\":\"s3cret\",\"createdAtMs\":1}",
    ]
    .into_iter()
    .enumerate()
    {
        write_atomic(&path, broken).unwrap();
        let error = identity(&path, NOW + n as u64).unwrap_err();
        let FileError::SetAside { kept, .. } = &error else { panic!("{error:?}") };
        assert_eq!(std::fs::read(kept).unwrap(), broken);
        assert!(!error.to_string().contains("s3cret"));
        identity(&path, NOW).unwrap();
    }
    write_atomic(&dir.path().join("owner.key"), b"short").unwrap();
    assert!(matches!(owner_secret(dir.path(), NOW), Err(FileError::SetAside { .. })));
    owner_secret(dir.path(), NOW).unwrap();
}

fn token(text: &str) -> StoredToken {
    StoredToken { token: Secret::new(text), scopes: scopes(&["read"]), updated_at_ms: NOW }
}

#[test]
fn sec_010_a_token_is_found_only_for_the_endpoint_that_it_came_from() {
    let dir = tempfile::tempdir().unwrap();
    let auth = DeviceAuth::at(dir.path().join("device-auth.json"), id(1));
    let pin = Fingerprint::of_der(b"certificate");
    let known = Endpoint::remote("wss://Gateway.example:443/", Some(&pin));
    auth.keep(&known, Role::Node, &token("t1")).unwrap();
    assert!(auth.token(&known, Role::Node).unwrap().unwrap().token.is("t1"));
    assert!(auth.token(&Endpoint::remote("wss://gateway.example:443", Some(&pin)), Role::Node).unwrap().is_some());
    let strangers = [
        Endpoint::Local,
        Endpoint::remote("wss://gateway.example:443", None),
        Endpoint::remote("wss://gateway.example:443", Some(&Fingerprint::of_der(b"other"))),
        Endpoint::remote("ws://gateway.example:443", Some(&pin)),
        Endpoint::remote("wss://gateway.example:444", Some(&pin)),
        Endpoint::remote("wss://gateway.example.evil:443", Some(&pin)),
    ];
    for stranger in strangers {
        assert!(auth.token(&stranger, Role::Node).unwrap().is_none(), "{stranger}");
    }
    assert!(auth.token(&known, Role::Operator).unwrap().is_none());
    auth.forget(&known, Role::Node).unwrap();
    assert!(auth.token(&known, Role::Node).unwrap().is_none());
}

#[test]
fn device_auth_keeps_what_the_official_programs_wrote() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("device-auth.json");
    let official = json!({"version": 1, "deviceId": id(1).as_str(), "future": [1], "tokens": {
        "operator": {"token": "o", "role": "operator", "scopes": ["operator.read"], "updatedAtMs": 5, "extra": true}}});
    write_atomic(&path, &serde_json::to_vec(&official).unwrap()).unwrap();
    let auth = DeviceAuth::at(path.clone(), id(1));
    assert!(auth.token(&Endpoint::Local, Role::Operator).unwrap().unwrap().token.is("o"));
    auth.keep(&Endpoint::Local, Role::Operator, &token("o2")).unwrap();
    let text: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    assert_eq!(text["future"], json!([1]));
    assert_eq!(
        text["tokens"]["operator"],
        json!({"token": "o2", "role": "operator", "scopes": ["operator.read"], "updatedAtMs": NOW, "extra": true})
    );
    // Another device's file is not read, and is begun anew.
    let other = DeviceAuth::at(path.clone(), id(2));
    assert!(other.token(&Endpoint::Local, Role::Operator).unwrap().is_none());
    other.keep(&Endpoint::Local, Role::Node, &token("n")).unwrap();
    assert!(auth.token(&Endpoint::Local, Role::Operator).unwrap().is_none());
    // A torn one is kept aside.
    write_atomic(&path, b"{\"version\":1,").unwrap();
    assert!(matches!(auth.token(&Endpoint::Local, Role::Node), Err(FileError::Malformed { .. })));
    auth.keep(&Endpoint::Local, Role::Node, &token("n2")).unwrap();
    assert!(auth.token(&Endpoint::Local, Role::Node).unwrap().unwrap().token.is("n2"));
    assert!(dir.path().join(format!("device-auth.json.corrupt-{NOW}")).exists());
}

#[test]
fn node_json_is_read_in_both_shapes_and_written_back_with_what_is_not_known() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("node.json");
    assert_eq!(NodeJson::read(&path, NOW).unwrap(), None);
    let newer = json!({"version": 1, "nodeId": "n", "token": "legacy", "displayName": "vm", "gateway":
        {"host": "h", "port": 1, "tls": true, "tlsFingerprint": "ab", "contextPath": "/x"}, "installedAppsSharing": false});
    write_atomic(&path, &serde_json::to_vec(&newer).unwrap()).unwrap();
    let node = NodeJson::read(&path, NOW).unwrap().unwrap();
    node.write(&path).unwrap();
    let again: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    assert_eq!(again, newer);
    for broken in [json!({"version": 2, "nodeId": "n"}), json!({"version": 1, "nodeId": " "}), json!([])] {
        write_atomic(&path, &serde_json::to_vec(&broken).unwrap()).unwrap();
        assert!(matches!(NodeJson::read(&path, NOW), Err(FileError::SetAside { .. })), "{broken}");
        assert_eq!(NodeJson::read(&path, NOW).unwrap(), None);
    }
    assert_ne!(NodeJson::new().node_id, NodeJson::new().node_id);
}

#[test]
fn a_gateway_withdraws_its_own_words_only() {
    let dir = tempfile::tempdir().unwrap();
    let ours = GatewayInfo { pid: 1, port: 2, url: "ws://127.0.0.1:2".into(), ..GatewayInfo::default() };
    ours.write(dir.path()).unwrap();
    GatewayInfo { pid: 9, ..GatewayInfo::default() }.withdraw(dir.path()).unwrap();
    assert_eq!(GatewayInfo::read(dir.path()).unwrap(), Some(ours.clone()));
    ours.withdraw(dir.path()).unwrap();
    assert_eq!(GatewayInfo::read(dir.path()).unwrap(), None);
}
