//! What was acknowledged stays, whatever happens to the process, the disk and the file (security.md R1).

use std::{
    collections::BTreeMap,
    io::{BufRead, BufReader, Write},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
};

use openclaw_protocol::scope::Role;
use openclaw_store::{
    Step, StepHook, Store, StoreError,
    pairing::{ApprovedVia, Approver},
};

use crate::common::{NOW, ask, file, id, node, open, operator, pair, scopes};

/// Names the state directory to the process that is going to be killed.
const DIR: &str = "OPENCLAW_TEST_STATE";
/// The step at which it ends itself; 0 for never.
const KILL_AT: &str = "OPENCLAW_TEST_KILL_AT";
/// The first device that it may use.
const FIRST: &str = "OPENCLAW_TEST_FIRST_DEVICE";
const DEVICES_PER_ROUND: u32 = 12;

/// How far a device's life went: each stage takes the one before away.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Stage {
    Unknown,
    Paired,
    Rotated,
    Revoked,
    Removed,
}

impl Stage {
    fn parse(text: &str) -> Self {
        match text {
            "paired" => Self::Paired,
            "rotated" => Self::Rotated,
            "revoked" => Self::Revoked,
            "removed" => Self::Removed,
            other => panic!("{other}"),
        }
    }
}

/// What the killed process said: which stage it began, which it was told is stored, and with which token.
#[derive(Debug)]
struct Said {
    tried: Stage,
    acknowledged: Stage,
    token: String,
}

fn say(line: &str) {
    let mut out = std::io::stdout().lock();
    writeln!(out, "\n@ {line}").unwrap();
    out.flush().unwrap();
}

/// Walks devices through their lives until something kills the process.
fn live(dir: &Path, first: u32, hook: Option<StepHook>) {
    let store = Store::open_with(dir, NOW, hook).unwrap();
    for n in first..first + DEVICES_PER_ROUND {
        say(&format!("try {n} paired"));
        let device = pair(&store, n, operator(&["read"])).device;
        say(&format!("ack {n} paired {}", device.tokens[0].token.expose()));
        say(&format!("try {n} rotated"));
        let token = store.rotate(id(n), Role::Operator, None, Approver::Owner, NOW).wait().unwrap();
        say(&format!("ack {n} rotated {}", token.token.expose()));
        if n % 3 > 0 {
            say(&format!("try {n} revoked"));
            store.revoke(id(n), Role::Operator, Approver::Owner, NOW).wait().unwrap();
            say(&format!("ack {n} revoked -"));
        }
        if n % 3 > 1 {
            say(&format!("try {n} removed"));
            store.remove(id(n), NOW).wait().unwrap();
            say(&format!("ack {n} removed -"));
        }
    }
}

/// Ends the process without any clean-up at the `at`-th step.
fn kill_at(at: usize) -> StepHook {
    let steps = AtomicUsize::new(0);
    Arc::new(move |_| {
        if steps.fetch_add(1, Ordering::SeqCst) + 1 == at {
            std::process::abort();
        }
        Ok(())
    })
}

fn child(test: &str, dir: &Path, first: u32, kill_at: usize) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command
        .args(["--exact", test, "--nocapture"])
        .env(DIR, dir)
        .env(FIRST, first.to_string())
        .env(KILL_AT, kill_at.to_string())
        .current_dir(dir)
        .stdout(Stdio::piped())
        .stderr(Stdio::null());
    command
}

/// Reads one line of the killed process; a line that the kill cut off counts as not said.
fn hear(said: &mut BTreeMap<u32, Said>, line: &str) -> Option<()> {
    let mut words = line.strip_prefix("@ ")?.split(' ');
    let (kind, n, stage) = (words.next()?, words.next()?.parse().ok()?, Stage::parse(words.next()?));
    let entry =
        said.entry(n).or_insert(Said { tried: Stage::Unknown, acknowledged: Stage::Unknown, token: String::new() });
    if kind == "try" {
        entry.tried = stage;
    } else {
        entry.acknowledged = stage;
        entry.token = words.next()?.to_owned();
    }
    Some(())
}

fn check(store: &Store, said: &BTreeMap<u32, Said>) {
    for (n, said) in said {
        let found = match store.device(&id(*n)).unwrap() {
            None if said.tried == Stage::Removed => Stage::Removed,
            None => Stage::Unknown,
            Some(device) if device.tokens[0].revoked_at_ms.is_some() => Stage::Revoked,
            Some(device) if device.tokens[0].rotated_at_ms.is_some() => Stage::Rotated,
            Some(_) => Stage::Paired,
        };
        assert!(
            found >= said.acknowledged,
            "device {n}: {:?} was acknowledged, {found:?} is stored",
            said.acknowledged
        );
        assert!(found <= said.tried, "device {n}: nobody asked for {found:?}");
        if found == said.acknowledged && matches!(found, Stage::Paired | Stage::Rotated) {
            let device = store.device(&id(*n)).unwrap().unwrap();
            assert!(device.tokens[0].token.is(&said.token), "device {n} has another token");
        }
    }
}

#[test]
fn rel_001_nothing_acknowledged_is_lost_at_any_of_260_kill_points() {
    if let Some(dir) = std::env::var_os(DIR) {
        let number = |name: &str| std::env::var(name).unwrap().parse::<usize>().unwrap();
        let first = u32::try_from(number(FIRST)).unwrap();
        return live(&PathBuf::from(dir), first, Some(kill_at(number(KILL_AT))));
    }
    let test = "durability::rel_001_nothing_acknowledged_is_lost_at_any_of_260_kill_points";
    let mut killed = 0;
    // Lanes run side by side; each begins with an empty directory and is killed again and again in the same one, so
    // that recovering from a kill is part of what is killed.
    std::thread::scope(|scope| {
        let lanes: Vec<_> = (0..4_usize)
            .map(|lane| {
                scope.spawn(move || {
                    let dir = tempfile::tempdir().unwrap();
                    let (mut said, mut killed) = (BTreeMap::new(), 0);
                    for round in 0..65_u32 {
                        let at = 1 + lane + 4 * usize::try_from(round).unwrap();
                        let output = child(test, dir.path(), round * DEVICES_PER_ROUND, at).output().unwrap();
                        let mut heard = 0;
                        for line in String::from_utf8_lossy(&output.stdout).lines() {
                            heard += usize::from(hear(&mut said, line).is_some());
                        }
                        killed += usize::from(!output.status.success());
                        assert!(at < 30 || heard > 0, "the process did nothing at {at}");
                        check(&Store::open(dir.path(), NOW).unwrap(), &said);
                    }
                    killed
                })
            })
            .collect();
        for lane in lanes {
            killed += lane.join().unwrap();
        }
    });
    assert!(killed >= 200, "only {killed} of 260 processes were killed before they were done");
}

#[test]
fn rel_001_a_process_killed_from_outside_loses_nothing_acknowledged() {
    if let Some(dir) = std::env::var_os(DIR) {
        let first = std::env::var(FIRST).unwrap().parse().unwrap();
        return live(&PathBuf::from(dir), first, None);
    }
    let test = "durability::rel_001_a_process_killed_from_outside_loses_nothing_acknowledged";
    let dir = tempfile::tempdir().unwrap();
    let mut said = BTreeMap::new();
    for round in 0..30_u32 {
        let mut running = child(test, dir.path(), round * DEVICES_PER_ROUND, 0).spawn().unwrap();
        let lines = BufReader::new(running.stdout.take().unwrap()).lines();
        let mut heard = 0;
        for line in lines.map_while(Result::ok) {
            heard += u32::from(hear(&mut said, &line).is_some());
            if heard == 1 + round {
                running.kill().unwrap();
            }
        }
        running.wait().unwrap();
        check(&Store::open(dir.path(), NOW).unwrap(), &said);
    }
}

/// A disk that is full while the flag is up, from the `after`-th step on.
fn full_disk(full: &Arc<AtomicBool>, at: Step) -> StepHook {
    let full = Arc::clone(full);
    Arc::new(move |step| {
        if step == at && full.load(Ordering::SeqCst) {
            let code = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_FULL);
            return Err(rusqlite::Error::SqliteFailure(code, None).into());
        }
        Ok(())
    })
}

#[test]
fn rel_007_a_full_disk_refuses_changes_keeps_what_is_there_and_heals_by_itself() {
    for at in [Step::Begin, Step::Statement, Step::Commit] {
        let (dir, full) = (tempfile::tempdir().unwrap(), Arc::new(AtomicBool::new(false)));
        let store = Store::open_with(dir.path(), NOW, Some(full_disk(&full, at))).unwrap();
        pair(&store, 1, operator(&["read"]));
        full.store(true, Ordering::SeqCst);
        let error = store.pair_silently(ask(2, node(&[])), ApprovedVia::Silent, NOW).wait().unwrap_err();
        assert!(matches!(error, StoreError::Full(_)) && error.is_retryable(), "{error:?}");
        assert_eq!(store.devices().unwrap().len(), 1);
        full.store(false, Ordering::SeqCst);
        store.pair_silently(ask(2, node(&[])), ApprovedVia::Silent, NOW).wait().unwrap();
        drop(store);
        assert_eq!(Store::open(dir.path(), NOW).unwrap().devices().unwrap().len(), 2);
    }
}

#[test]
fn rel_007_a_revocation_finds_space_on_a_full_disk() {
    let dir = tempfile::tempdir().unwrap();
    let ballast = dir.path().join("state").join("openclaw-rs.sqlite.ballast");
    let watched = ballast.clone();
    // Full for as long as the kept space is still taken.
    let (full, armed) = (AtomicBool::new(false), Arc::new(AtomicBool::new(false)));
    let arm = Arc::clone(&armed);
    let hook: StepHook = Arc::new(move |step| {
        full.store(arm.load(Ordering::SeqCst) && watched.exists(), Ordering::SeqCst);
        if step == Step::Statement && full.load(Ordering::SeqCst) {
            let code = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_FULL);
            return Err(rusqlite::Error::SqliteFailure(code, None).into());
        }
        Ok(())
    });
    let store = Store::open_with(dir.path(), NOW, Some(hook)).unwrap();
    pair(&store, 1, operator(&["read"]));
    assert_eq!(ballast.metadata().unwrap().len(), 1 << 20);
    armed.store(true, Ordering::SeqCst);
    store.revoke(id(1), Role::Operator, Approver::Owner, NOW).wait().unwrap();
    assert!(store.device(&id(1)).unwrap().unwrap().tokens[0].revoked_at_ms.is_some());
    armed.store(false, Ordering::SeqCst);
    pair(&store, 2, operator(&["read"]));
    assert!(ballast.exists(), "the space is kept again");
}

#[cfg(unix)]
#[test]
fn rel_007_a_disk_that_really_refuses_to_write_costs_nothing_that_is_stored() {
    if let Some(dir) = std::env::var_os(DIR) {
        // The limit on the size of a file stops the journal somewhere in the middle.
        let store = Store::open(&PathBuf::from(dir), NOW).unwrap();
        for n in 0..5_000 {
            match store.pair_silently(ask(n, operator(&["read"])), ApprovedVia::Silent, NOW).wait() {
                Ok(_) => say(&format!("ack {n} paired -")),
                Err(error) => {
                    assert!(error.is_retryable(), "{error:?}");
                    assert!(store.device(&id(0)).unwrap().is_some() && store.device(&id(n)).unwrap().is_none());
                    return say("refused");
                }
            }
        }
        return;
    }
    let test = "durability::rel_007_a_disk_that_really_refuses_to_write_costs_nothing_that_is_stored";
    let dir = tempfile::tempdir().unwrap();
    let output = Command::new("sh")
        .args(["-c", "trap '' XFSZ; ulimit -f 3000; exec \"$0\" --exact \"$1\" --nocapture"])
        .args([std::env::current_exe().unwrap().as_os_str(), test.as_ref()])
        .env(DIR, dir.path())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(said.contains("@ refused") && output.status.success(), "{said}");
    let stored = said.lines().filter(|line| line.starts_with("@ ack")).count();
    let store = Store::open(dir.path(), NOW).unwrap();
    assert_eq!(store.devices().unwrap().len(), stored);
    store.pair_silently(ask(9_999, node(&[])), ApprovedVia::Silent, NOW).wait().unwrap();
}

#[test]
fn rel_052_a_panic_in_the_writer_closes_the_store_and_loses_nothing() {
    let (dir, armed) = (tempfile::tempdir().unwrap(), Arc::new(AtomicBool::new(false)));
    let arm = Arc::clone(&armed);
    let hook: StepHook = Arc::new(move |_| {
        assert!(!arm.load(Ordering::SeqCst), "a test lets the writer panic");
        Ok(())
    });
    let store = Store::open_with(dir.path(), NOW, Some(hook)).unwrap();
    pair(&store, 1, operator(&["read"]));
    armed.store(true, Ordering::SeqCst);
    for _ in 0..2 {
        let refused = store.remove(id(1), NOW).wait();
        assert!(matches!(refused, Err(StoreError::Closed)), "{refused:?}");
    }
    assert!(store.device(&id(1)).unwrap().is_some());
    drop(store);
    assert!(Store::open(dir.path(), NOW).unwrap().device(&id(1)).unwrap().is_some());
}

#[test]
fn rel_008_a_damaged_file_is_kept_and_never_replaced_in_silence() {
    let (dir, store) = open();
    for n in 0..50 {
        pair(&store, n, operator(&["read"]));
    }
    drop(store);
    let path = Store::path_in(dir.path());
    // What an older installation left must not bring devices back that were removed since.
    let old = dir.path().join("devices");
    std::fs::create_dir(&old).unwrap();
    openclaw_store::files::write_atomic(&old.join("paired.json"), b"{}").unwrap();
    let mut damaged = std::fs::read(&path).unwrap();
    damaged[..64].fill(0x5a);
    openclaw_store::files::write_atomic(&path, &damaged).unwrap();
    let error = Store::open(dir.path(), NOW + 7).map(drop).unwrap_err();
    let StoreError::Corrupt { kept: Some(kept), .. } = &error else { panic!("{error:?}") };
    assert_eq!(std::fs::read(kept).unwrap(), damaged);
    assert!(error.to_string().contains(&kept.display().to_string()), "{error}");
    assert!(!path.exists());
    let store = Store::open(dir.path(), NOW + 8).unwrap();
    assert!(store.opened().created && store.opened().imported.is_none());
    assert!(store.devices().unwrap().is_empty());
}

#[test]
fn rel_008_no_damage_makes_the_store_panic_or_invents_a_device() {
    let (dir, store) = open();
    for n in 0..30 {
        pair(&store, n, operator(&["read"]));
    }
    drop(store);
    let sound = std::fs::read(Store::path_in(dir.path())).unwrap();
    for round in 0..200_usize {
        let dir = tempfile::tempdir().unwrap();
        let path = Store::path_in(dir.path());
        let mut damaged = sound.clone();
        let at = round * 7_919 % damaged.len();
        match round % 3 {
            0 => damaged[at] ^= 0xff,
            1 => damaged.truncate(at),
            _ => {
                let end = (at + 512).min(damaged.len());
                damaged[at..end].fill(0);
            }
        }
        openclaw_store::files::write_atomic(&path, &damaged).unwrap();
        // As after a crash, so that the file is checked.
        if let Ok(store) = Store::open(dir.path(), NOW)
            && let Ok(devices) = store.devices()
        {
            assert!(devices.iter().all(|device| (0..30).any(|n| device.id == id(n)) || device.tokens.is_empty()));
            assert!(devices.iter().all(|device| scopes(&["read"]).covers_all(&device.scopes)));
        }
    }
}

#[test]
fn rel_003_the_file_says_whose_it_is_and_keeps_a_write_ahead_log() {
    let (dir, store) = open();
    drop(store);
    let file = rusqlite::Connection::open(Store::path_in(dir.path())).unwrap();
    let pragma =
        |name: &str| file.pragma_query_value(None, name, |row| row.get::<_, rusqlite::types::Value>(0)).unwrap();
    assert_eq!(pragma("application_id"), 0x6f63_7273_i64.into());
    assert_eq!(pragma("user_version"), 1.into());
    assert_eq!(pragma("journal_mode"), "wal".to_owned().into());
    assert_eq!(pragma("integrity_check"), "ok".to_owned().into());
}

#[test]
fn rel_043_a_newer_schema_and_a_foreign_database_are_left_alone() {
    let (dir, store) = open();
    drop(store);
    let path = Store::path_in(dir.path());
    let change = |sql: &str| {
        let file = rusqlite::Connection::open(&path).unwrap();
        file.execute_batch(sql).unwrap();
        drop(file);
        std::fs::read(&path).unwrap()
    };
    let newer = change("PRAGMA user_version = 99");
    let error = Store::open(dir.path(), NOW).map(drop).unwrap_err();
    assert!(matches!(error, StoreError::Newer { found: 99, .. }), "{error}");
    assert_eq!(std::fs::read(&path).unwrap(), newer);
    let foreign = change("PRAGMA user_version = 1; PRAGMA application_id = 7");
    assert!(matches!(Store::open(dir.path(), NOW), Err(StoreError::Foreign { found: 7, .. })));
    assert_eq!(std::fs::read(&path).unwrap(), foreign);
}

#[test]
fn a_change_whose_answer_nobody_waits_for_is_made_nevertheless() {
    let (dir, store) = open();
    let request = file(&store, ask(1, node(&[])), NOW);
    drop(store.approve(request.id, Approver::Owner, ApprovedVia::Owner, None, NOW));
    drop(store);
    assert!(Store::open(dir.path(), NOW).unwrap().device(&id(1)).unwrap().is_some());
}
