//! Changing and saving.

use openclaw_config::{
    change::Change,
    defaults::DefaultsError,
    ensure_gateway_defaults,
    json5::parse_str,
    key_path::KeyPath,
    load,
    redact::{MARKER, redact},
    start,
    write::{SaveError, check_base_hash, remove_stray_files},
};
use serde_json::{Value, json};

use crate::place::{Place, STAMP};

const FILE: &str = "// my gateway\n{\n  gateway: {\n    port: 18789, // default\n    auth: { token: '${TOK}' },\n  },\n  /* keep me */\n  messages: { custom: 1 },\n}\n";

#[test]
fn rel_010_setting_a_value_keeps_comments_order_and_unknown_parts() {
    let place = Place::new(FILE).with_env(&[("TOK", "hunter2hunter2")]);
    let saved = place.set("gateway.port", json!(18790)).unwrap();
    assert!(saved.written);
    insta::assert_snapshot!(place.text(), @r#"
    // my gateway
    {
      gateway: {
        port: 18790, // default
        auth: { token: '${TOK}' },
      },
      /* keep me */
      messages: { custom: 1 },
      meta: {
        "lastTouchedVersion": "2026.3.13",
        "lastTouchedAt": "2026-11-22T06:41:38.116Z"
      },
    }
    "#);
}

#[test]
fn sec_134_a_whole_configuration_written_back_keeps_variables_and_secrets() {
    let place = Place::new(FILE).with_env(&[("TOK", "hunter2hunter2")]);
    let mut shown = redact(&place.snapshot().resolved);
    shown["gateway"]["port"] = json!(20000);
    let change = Change::Replace { raw: shown.to_string() };
    place.apply(&change).unwrap();
    let after = parse_str(&place.text()).unwrap();
    assert_eq!(after["gateway"], json!({"port": 20000, "auth": {"token": "${TOK}"}}));
    let mut clear = place.snapshot().resolved;
    clear["messages"]["custom"] = json!(2);
    place.apply(&Change::Replace { raw: clear.to_string() }).unwrap();
    assert!(place.text().contains("${TOK}") && !place.text().contains("hunter2"));
}

#[test]
fn sec_134_a_patch_keeps_variables_and_comments() {
    let place = Place::new(FILE).with_env(&[("TOK", "hunter2hunter2")]);
    place
        .apply(&Change::Patch(json!({"gateway": {"auth": {"token": MARKER, "mode": "token"}}, "messages": null})))
        .unwrap();
    let text = place.text();
    assert!(text.contains("token: '${TOK}', mode: \"token\"") && text.contains("/* keep me */"), "{text}");
    assert!(!text.contains("custom"));
}

#[test]
fn a_change_with_an_invalid_result_is_refused_in_the_words_of_the_method() {
    let place = Place::new(FILE);
    let refused = |change: &Change| place.apply(change).unwrap_err();
    assert_eq!(
        refused(&Change::Patch(json!({"gateway": {"port": "x", "a1": 1, "a2": 2, "a3": 3}}))),
        "invalid config: gateway.port: Invalid input: expected number, received string; gateway: Unrecognized key: \"a1\"; gateway: Unrecognized key: \"a2\"; … (+1 more issues)"
    );
    assert_eq!(refused(&Change::Patch(json!([]))), "config.patch raw must be an object");
    assert_eq!(refused(&Change::Replace { raw: "[]".into() }), "the root of the configuration must be an object");
    assert!(refused(&Change::Replace { raw: "{a".into() }).starts_with("invalid config: <root>: JSON5 parse failed: "));
    assert!(place.set("gateway.port.x", json!(1)).unwrap_err().contains("gateway.port holds no object"));
    assert_eq!(
        refused(&Change::Unset { path: KeyPath::parse("gateway.nope").unwrap() }),
        "Config path not found: gateway.nope"
    );
    assert_eq!(place.text(), FILE);
}

#[test]
fn a_file_that_does_not_parse_is_only_ever_replaced_as_a_whole() {
    let place = Place::new("{oops");
    assert_eq!(place.set("gateway.port", json!(1)).unwrap_err(), "invalid config; fix before patching");
    assert_eq!(place.text(), "{oops");
    place.apply(&Change::Replace { raw: "{gateway: {port: 1}} // new".into() }).unwrap();
    assert!(place.text().contains("// new"));
}

#[test]
fn a_wrong_key_can_be_taken_out_of_an_invalid_file() {
    let place = Place::new("{\n  gateway: { bogus: 1, port: 5 }\n}\n");
    place.apply(&Change::Unset { path: KeyPath::parse("gateway.bogus").unwrap() }).unwrap();
    assert!(place.snapshot().is_valid() && place.text().contains("{ port: 5 }"), "{}", place.text());
}

#[test]
fn a_change_that_changes_nothing_writes_nothing() {
    let place = Place::new(FILE);
    let saved = place.set("gateway.port", json!(18789)).unwrap();
    assert!(!saved.written);
    assert_eq!(place.text(), FILE);
    assert!(!place.paths.config_audit_log().exists());
}

#[test]
fn an_include_stays_and_what_it_provides_is_not_overwritten_unseen() {
    let place = Place::new("{\n  gateway: { $include: 'g.json', port: 1 }\n}\n");
    place.file(".openclaw/g.json", "{bind: 'lan', trustedProxies: ['10.0.0.1']}");
    place.apply(&Change::Patch(json!({"gateway": {"port": 2}}))).unwrap();
    assert!(place.text().contains("{ $include: 'g.json', port: 2 }"), "{}", place.text());
    let text = place.text();
    let longer = Change::Patch(json!({"gateway": {"trustedProxies": ["10.0.0.1", "10.0.0.2"]}}));
    assert!(place.apply(&longer).unwrap_err().contains("included file"));
    assert!(place.set("gateway.trustedProxies", json!(["10.0.0.9"])).unwrap_err().contains("included file"));
    let gone = Change::Unset { path: KeyPath::parse("gateway.bind").unwrap() };
    assert!(place.apply(&gone).unwrap_err().contains("included file"));
    assert_eq!(place.text(), text);
}

#[test]
fn rel_002_a_file_that_changed_meanwhile_is_not_overwritten() {
    let place = Place::new(FILE);
    let current = place.snapshot();
    let change = Change::Set { path: KeyPath::parse("gateway.port").unwrap(), value: json!(1) };
    let prepared = place.prepare(&change).unwrap();
    place.file(".openclaw/openclaw.json", "{}");
    assert!(matches!(place.save(&prepared, &current), Err(SaveError::Changed)));
    assert_eq!(place.text(), "{}");
    std::fs::remove_file(&place.paths.config_path).unwrap();
    assert!(matches!(place.save(&prepared, &current), Err(SaveError::Changed)));
}

#[test]
fn sec_076_the_base_hash_is_required_and_compared() {
    let place = Place::new(FILE);
    let current = place.snapshot();
    let text = |hash: Option<&str>| check_base_hash(&current, hash).map_err(|error| error.to_string());
    assert_eq!(text(Some(&current.hash)), Ok(()));
    assert_eq!(text(None), Err("config base hash required; re-run config.get and retry".into()));
    assert_eq!(text(Some(" ")), Err("config base hash required; re-run config.get and retry".into()));
    assert_eq!(text(Some("00")), Err("config changed since last load; re-run config.get and retry".into()));
    assert!(check_base_hash(&Place::empty(&[]).snapshot(), None).is_ok());
}

#[test]
fn a_read_only_configuration_is_not_written() {
    for variable in ["OPENCLAW_NIX_MODE", "OPENCLAW_CONFIG_READONLY"] {
        let place = Place::new(FILE).with_env(&[(variable, "1")]);
        assert!(place.set("gateway.port", json!(1)).unwrap_err().contains(variable));
        assert_eq!(place.text(), FILE);
    }
}

#[test]
fn the_audit_line_has_the_fields_of_the_original_and_no_secret() {
    let place = Place::new("{gateway: {mode: 'local'}}");
    let saved = place.set("gateway.auth.token", json!("hunter2hunter2")).unwrap();
    assert_eq!(saved.audit_problem, None);
    let audit = std::fs::read_to_string(place.paths.config_audit_log()).unwrap();
    assert!(!audit.contains("hunter2"), "{audit}");
    let line: Value = serde_json::from_str(&audit).unwrap();
    assert_eq!(line["argv"][4], MARKER);
    assert_eq!(
        (line["nextHash"].as_str(), line["previousHash"].as_str()),
        (Some(&*saved.hash), Some(&*saved.previous_hash))
    );
    assert_eq!(
        (&line["gatewayModeBefore"], &line["changedPathCount"], &line["result"]),
        (&json!("local"), &json!(1), &json!("rename"))
    );
    let fields: Vec<&String> = line.as_object().unwrap().keys().collect();
    assert_eq!(fields.len(), 24, "{fields:?}");
}

#[test]
fn rel_002_backups_turn_and_strays_of_a_crash_go() {
    let place = Place::new("{gateway: {port: 1}}");
    for port in 2..5 {
        place.set("gateway.port", json!(port)).unwrap();
    }
    let backup = std::fs::read_to_string(place.paths.config_path.with_extension("json.bak")).unwrap();
    assert!(backup.contains("port: 3"));
    place.file(".openclaw/openclaw.json.1234.config-tmp", "{half");
    assert_eq!(remove_stray_files(&place.paths).unwrap(), 1);
    assert_eq!(load(&place.paths, &place.env).unwrap().config.gateway.port, 4);
}

#[cfg(unix)]
#[test]
fn a_link_to_the_file_stays_a_link() {
    let place = Place::empty(&[]);
    place.file("dotfiles/claw.json", "{gateway: {port: 1}}");
    std::fs::create_dir(&place.paths.state_dir).unwrap();
    std::os::unix::fs::symlink(place.dir.path().join("dotfiles/claw.json"), &place.paths.config_path).unwrap();
    place.set("gateway.port", json!(2)).unwrap();
    assert!(place.paths.config_path.symlink_metadata().unwrap().is_symlink());
    assert!(std::fs::read_to_string(place.dir.path().join("dotfiles/claw.json")).unwrap().contains("port: 2"));
}

/// Runs itself again below a shell with `umask 000`, for the process's own mask cannot be changed safely.
#[cfg(unix)]
#[test]
fn what_is_written_is_private_under_a_loose_umask() {
    use std::os::unix::fs::PermissionsExt;
    if std::env::var_os("LOOSE_UMASK").is_none() {
        let name = "saving::what_is_written_is_private_under_a_loose_umask";
        let status = std::process::Command::new("sh")
            .args(["-c", "umask 000; exec \"$0\" --exact \"$1\" --quiet"])
            .arg(std::env::current_exe().unwrap())
            .arg(name)
            .env("LOOSE_UMASK", "1")
            .status()
            .unwrap();
        assert!(status.success());
        return;
    }
    let place = Place::empty(&[]);
    place.set("gateway.port", json!(1)).unwrap();
    place.set("gateway.port", json!(2)).unwrap();
    let mode = |path: &std::path::Path| path.metadata().unwrap().permissions().mode() & 0o777;
    let state = &place.paths.state_dir;
    assert_eq!([mode(state), mode(&place.paths.logs_dir())], [0o700, 0o700]);
    for name in ["openclaw.json", "openclaw.json.bak", "openclaw.json.lock", "logs/config-audit.jsonl"] {
        assert_eq!(mode(&state.join(name)), 0o600, "{name}");
    }
    let loose = Place::new("{}");
    assert_eq!(mode(&loose.paths.state_dir), 0o777);
    loose.set("gateway.port", json!(1)).unwrap();
    assert_eq!([mode(&loose.paths.state_dir), mode(&loose.paths.state_dir.join("openclaw.json.bak"))], [0o700, 0o600]);
}

const TOKEN: &str = "000102030405060708090a0b0c0d0e0f1011121314151617";

#[test]
fn the_first_start_writes_what_setup_and_run_of_the_original_write() {
    let place = Place::empty(&[]);
    let done = ensure_gateway_defaults(&place.paths, &place.env, TOKEN, STAMP, &[]).unwrap();
    assert!(done.generated_token && done.saved.is_some());
    let workspace = place.paths.state_dir.join("workspace");
    assert_eq!(
        parse_str(&place.text()).unwrap(),
        json!({
            "agents": {"defaults": {"workspace": workspace}},
            "commands": {"native": "auto", "nativeSkills": "auto", "restart": true, "ownerDisplay": "raw"},
            "gateway": {"mode": "local", "auth": {"mode": "token", "token": TOKEN}},
            "meta": {"lastTouchedVersion": "2026.3.13", "lastTouchedAt": "2026-11-22T06:41:38.116Z"},
        })
    );
    let config = &done.snapshot.config;
    assert!(start::check(config, &[], &place.env).unwrap().token.unwrap().matches(TOKEN));
    let again = ensure_gateway_defaults(&place.paths, &place.env, "other", STAMP, &[]).unwrap();
    assert!(!again.generated_token && again.saved.is_none());
}

#[test]
fn only_what_is_missing_is_written() {
    let place = Place::new("{\n  // mine\n  gateway: { token: 'abc', bind: 'lan' },\n}\n");
    let done = ensure_gateway_defaults(&place.paths, &place.env, TOKEN, STAMP, &[]).unwrap();
    assert!(!done.generated_token);
    assert_eq!(done.seeded_origins, ["http://localhost:18789", "http://127.0.0.1:18789"]);
    let after = parse_str(&place.text()).unwrap();
    assert_eq!(after["gateway"]["auth"], json!({"token": "abc"}));
    assert_eq!((&after["gateway"]["mode"], after["gateway"].get("token")), (&json!("local"), None));
    assert!(place.text().contains("// mine") && after.get("agents").is_none());
}

#[test]
fn no_token_is_written_beside_another_secret_or_for_another_mode() {
    for (file, env) in [
        ("{gateway: {mode: 'local', auth: {password: 'p4ss'}}}", None),
        ("{gateway: {mode: 'local', auth: {mode: 'none'}}}", None),
        ("{gateway: {mode: 'local', auth: {token: '${NOPE}'}}}", None),
        ("{gateway: {mode: 'local'}}", Some(("OPENCLAW_GATEWAY_TOKEN", "abc"))),
    ] {
        let place = Place::new(file).with_env(env.as_slice());
        let done = ensure_gateway_defaults(&place.paths, &place.env, TOKEN, STAMP, &[]).unwrap();
        assert!(!done.generated_token && done.saved.is_none(), "{file}");
        assert_eq!(place.text(), file);
    }
}

#[test]
fn a_machine_that_is_a_client_does_not_become_a_gateway_unasked() {
    let place = Place::new("{gateway: {mode: 'remote'}}");
    let refused = ensure_gateway_defaults(&place.paths, &place.env, TOKEN, STAMP, &[]);
    assert!(matches!(refused, Err(DefaultsError::Remote)));
}
