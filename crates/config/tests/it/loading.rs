//! Loading good files.

use openclaw_config::{
    Env, inspect, load,
    redact::{MARKER, snapshot_json},
    sections::gateway::{AuthMode, Bind},
};
use serde_json::json;

use crate::place::Place;

#[test]
fn a_missing_file_is_an_empty_valid_configuration() {
    let place = Place::empty(&[]);
    let snapshot = load(&place.paths, &place.env).unwrap();
    assert!(!snapshot.exists && snapshot.is_valid());
    assert_eq!(snapshot.parsed, json!({}));
    let gateway = &snapshot.config.gateway;
    assert_eq!((gateway.port, gateway.bind, gateway.mode), (18789, Bind::Loopback, None));
    assert!(
        snapshot.config.canvas_host.enabled && gateway.control_ui.enabled && gateway.nodes.pairing.auto_approve_local
    );
    assert!(!place.paths.state_dir.exists(), "looking creates nothing");
}

#[test]
fn a_byte_order_mark_crlf_and_json5_are_fine() {
    let place = Place::new("\u{feff}// mine\r\n{\r\n  gateway: {port: 0x4e20, bind: 'lan',},\r\n}\r\n");
    let snapshot = load(&place.paths, &place.env).unwrap();
    assert_eq!((snapshot.config.gateway.port, snapshot.config.gateway.bind), (20000, Bind::Lan));
}

#[test]
fn the_file_of_a_real_installation_loads_with_everything_in_it() {
    let place = Place::new(include_str!("fixtures/onboarded-2026.3.13.json"));
    let snapshot = load(&place.paths, &place.env).unwrap();
    assert_eq!(snapshot.config.gateway.auth.effective_mode(), AuthMode::Token);
    assert!(snapshot.config.other.contains_key("models") && snapshot.config.other.contains_key("agents"));
    assert_eq!(snapshot.warnings, []);
}

#[test]
fn keys_that_have_no_type_here_are_known_all_the_same() {
    let place = Place::new(
        "{$schema: 'x', gateway: {tools: {deny: ['x']}, push: {}, channelHealthCheckMinutes: 5, http: {endpoints: {}}, nodes: {pairing: {sshVerify: true}}}, tools: {profile: 'full', exec: {applyPatch: {}, ask: 'on-miss'}}, meta: {migrations: {}}, channels: {telegram: {botToken: null}}}",
    );
    assert_eq!(place.snapshot().issues, []);
}

#[test]
fn variables_come_from_the_process_then_dotenv_then_the_file() {
    let place = Place::new(
        "{env: {vars: {A: 'file', B: 'file', C: 'file'}, D: '${A}-flat'}, messages: {a: '${A}', b: '${B}', c: '${C}', d: '${D}', e: '$${A}'}}",
    );
    place.file(".openclaw/.env", "B=dotenv\nOPENCLAW_NIX_MODE=1\n");
    let place = place.with_env(&[("A", "process")]);
    let snapshot = place.snapshot();
    assert_eq!(
        snapshot.resolved["messages"],
        json!({"a": "process", "b": "dotenv", "c": "file", "d": "process-flat", "e": "${A}"})
    );
    assert_eq!(snapshot.env.get("C").as_deref(), Some("file"));
    assert_eq!(snapshot.env.get("OPENCLAW_NIX_MODE"), None, "only the process decides about the host");
}

#[test]
fn a_missing_variable_is_kept_and_warned_about_and_never_becomes_a_secret() {
    let place = Place::new("{gateway: {auth: {token: '${NOPE}'}}, channels: {x: {botToken: 'a${NOPE}'}}}");
    let snapshot = load(&place.paths, &place.env).unwrap();
    let warned: Vec<&str> = snapshot.warnings.iter().map(|warning| warning.message.as_str()).collect();
    assert_eq!(
        warned,
        [
            "missing env var \"NOPE\" at gateway.auth.token — feature using this value will be unavailable",
            "missing env var \"NOPE\" at channels.x.botToken — feature using this value will be unavailable"
        ]
    );
    assert!(snapshot.config.gateway.auth.token.is_none());
    assert_eq!(snapshot.unresolved_secrets[0].path, "gateway.auth.token");
}

#[test]
fn a_secret_reference_leads_to_the_secret_and_is_shown_as_a_reference() {
    let place = Place::new("{gateway: {auth: {token: {source: 'env', provider: 'default', id: 'TOK'}}}}")
        .with_env(&[("TOK", "hunter2")]);
    let snapshot = load(&place.paths, &place.env).unwrap();
    assert!(snapshot.config.gateway.auth.token.as_ref().unwrap().matches("hunter2"));
    let shown = snapshot_json(&snapshot);
    assert_eq!(shown["config"]["gateway"]["auth"]["token"]["id"], "TOK");
    assert!(!shown.to_string().contains("hunter2"));
}

#[test]
fn legacy_keys_are_read_as_what_they_mean_now() {
    let place = Place::new("{gateway: {token: 'abc', bind: '0.0.0.0'}}");
    let snapshot = load(&place.paths, &place.env).unwrap();
    assert!(snapshot.config.gateway.auth.token.as_ref().unwrap().matches("abc"));
    assert_eq!(snapshot.config.gateway.bind, Bind::Lan);
    assert_eq!(snapshot.legacy_issues.len(), 2);
}

#[test]
fn sec_075_no_seeded_secret_is_in_what_config_get_answers() {
    let mut channels = serde_json::Map::new();
    for (number, key) in [
        "token",
        "botToken",
        "appToken",
        "password",
        "secret",
        "apiKey",
        "signingSecret",
        "privateKey",
        "webhookSecret",
        "authToken",
    ]
    .iter()
    .cycle()
    .take(50)
    .enumerate()
    {
        channels.insert(
            format!("c{number}"),
            json!({*key: format!("seed-{number}-secret"), "deep": [{*key: {"x": format!("seed-{number}-more")}}]}),
        );
    }
    let file = json!({"channels": channels, "env": {"vars": {"FOO": "seed-env"}}, "gateway": {"auth": {"token": "seed-token"}, "remote": {"url": "wss://u:seed-url@h"}}});
    let place = Place::new(&serde_json::to_string_pretty(&file).unwrap());
    let shown = snapshot_json(&place.snapshot()).to_string();
    assert!(!shown.contains("seed-"), "{shown}");
    assert!(shown.contains(MARKER));
}

#[test]
fn sec_113_a_dotenv_file_of_the_working_directory_is_not_read() {
    // The crate's own folder is the working directory of tests; a loader that read it would find this variable.
    let place = Place::empty(&[]);
    place.file("workspace/.env", "OPENCLAW_GATEWAY_TOKEN=evil\n");
    let snapshot =
        inspect(&place.paths, &Env::from_pairs([("PWD", place.dir.path().join("workspace").display().to_string())]))
            .unwrap();
    assert_eq!(snapshot.env.get("OPENCLAW_GATEWAY_TOKEN"), None);
}
