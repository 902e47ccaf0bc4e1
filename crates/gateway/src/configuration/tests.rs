use std::{path::Path, sync::Arc};

use openclaw_config::{Config, Env, Paths, sections::gateway::Bind};
use openclaw_store::files::write_atomic;

use super::{Configuration, Reloaded, reload::Seen};
use crate::settings::AuthRule;

const TOKEN: &str = "6f1c8b0e5d2a4793b8c6";

fn write(home: &Path, text: &str) {
    write_atomic(&Paths::under(home).config_path, text.as_bytes()).unwrap();
}

fn configuration(home: &Path, text: &str) -> Configuration {
    write(home, text);
    let (paths, env) = (Paths::under(home), Env::from_pairs::<&str, &str>([]));
    let snapshot = openclaw_config::load(&paths, &env).unwrap();
    Configuration::new(paths, env, snapshot)
}

fn token(configuration: &Configuration) -> Option<String> {
    match configuration.settings().auth_rule() {
        AuthRule::Token(token) => token.map(|token| token.expose().to_owned()),
        _ => None,
    }
}

fn with_token(token: &str) -> String {
    format!("{{gateway: {{auth: {{token: '{token}'}}}}}}")
}

#[test]
fn sec_039_a_rotated_secret_counts_at_once_and_is_told_as_one() {
    let home = tempfile::tempdir().unwrap();
    let configuration = configuration(home.path(), &with_token(TOKEN));
    write(home.path(), &with_token("another-token-of-some-length"));
    let Reloaded::Applied { plan, secret_changed, .. } = configuration.reload() else { panic!("not applied") };
    assert!(secret_changed);
    assert!(!plan.restart, "{plan:?}");
    assert_eq!(token(&configuration).as_deref(), Some("another-token-of-some-length"));
}

#[test]
fn rel_009_a_broken_file_keeps_the_last_good_configuration_and_is_told_once() {
    let home = tempfile::tempdir().unwrap();
    let configuration = configuration(home.path(), &with_token(TOKEN));
    write(home.path(), "{gateway: {auth: {token: 'x'");
    assert!(matches!(configuration.reload(), Reloaded::Refused { first: true, .. }));
    assert!(matches!(configuration.reload(), Reloaded::Refused { first: false, .. }));
    assert!(configuration.problem().unwrap().starts_with("invalid config: <root>: JSON5 parse failed"));
    assert_eq!(token(&configuration).as_deref(), Some(TOKEN));
    write(home.path(), &with_token(TOKEN));
    assert!(matches!(configuration.reload(), Reloaded::Unchanged));
    assert_eq!(configuration.problem(), None);
}

#[test]
fn rel_009_unknown_keys_and_a_missing_file_are_refused_too() {
    let home = tempfile::tempdir().unwrap();
    let configuration = configuration(home.path(), &with_token(TOKEN));
    write(home.path(), "{gateway: {bogus: 1}}");
    let Reloaded::Refused { problem, .. } = configuration.reload() else { panic!("taken") };
    assert!(problem.contains("Unrecognized key: \"bogus\""), "{problem}");
    std::fs::remove_file(&configuration.paths().config_path).unwrap();
    let Reloaded::Refused { problem, .. } = configuration.reload() else { panic!("taken") };
    assert_eq!(problem, "config file not found");
    assert_eq!(token(&configuration).as_deref(), Some(TOKEN));
}

#[test]
fn sec_031_a_change_never_opens_the_addresses_that_are_listened_on() {
    let home = tempfile::tempdir().unwrap();
    let lan = format!("{{gateway: {{bind: 'lan', auth: {{token: '{TOKEN}'}}}}}}");
    let configuration = configuration(home.path(), &lan);
    write(home.path(), "{gateway: {bind: 'lan', auth: {mode: 'none'}}}");
    assert!(matches!(configuration.reload(), Reloaded::Refused { .. }));
    // Good by itself, but the gateway still listens on all addresses.
    write(home.path(), "{gateway: {bind: 'loopback', auth: {mode: 'none'}}}");
    assert!(matches!(configuration.reload(), Reloaded::RestartNeeded { .. }));
    assert_eq!(token(&configuration).as_deref(), Some(TOKEN));
}

#[test]
fn what_is_read_when_it_is_needed_asks_for_no_restart_and_the_port_does() {
    let home = tempfile::tempdir().unwrap();
    let configuration = configuration(home.path(), &with_token(TOKEN));
    let change = |text: &str| {
        write(home.path(), text);
        match configuration.reload() {
            Reloaded::Applied { plan, next_start, .. } => (plan.restart, plan.reasons, next_start),
            other => panic!("{other:?}"),
        }
    };
    let nodes = format!("{{gateway: {{auth: {{token: '{TOKEN}'}}, nodes: {{denyCommands: ['camera.snap']}}}}}}");
    assert_eq!(change(&nodes), (false, vec![], vec![]));
    let logging = format!("{{gateway: {{auth: {{token: '{TOKEN}'}}}}, logging: {{level: 'debug'}}}}");
    assert_eq!(change(&logging), (false, vec![], vec!["logging".to_owned()]));
    let port = format!("{{gateway: {{port: 4000, auth: {{token: '{TOKEN}'}}}}}}");
    assert_eq!(change(&port), (true, vec!["gateway.port".to_owned()], vec!["logging".to_owned()]));
}

#[test]
fn the_command_line_wins_over_every_later_file_too() {
    let home = tempfile::tempdir().unwrap();
    let overrides = Arc::new(|config: &mut Config| {
        config.gateway.auth.token = Some(openclaw_config::Secret::new("from-the-command-line"));
        config.gateway.bind = Bind::Loopback;
    });
    let configuration = configuration(home.path(), &with_token(TOKEN)).with_overrides(overrides);
    write(home.path(), "{gateway: {bind: 'lan', auth: {token: 'another-token-of-some-length'}}}");
    assert!(matches!(configuration.reload(), Reloaded::Applied { .. }));
    assert_eq!(token(&configuration).as_deref(), Some("from-the-command-line"));
}

#[test]
fn a_rewritten_included_file_is_noticed_as_well() {
    let home = tempfile::tempdir().unwrap();
    let included = Paths::under(home.path()).state_dir.join("more.json");
    write_atomic(&included, b"{allowCommands: ['a']}").unwrap();
    let configuration = configuration(home.path(), "{gateway: {nodes: {$include: './more.json'}}}");
    let before = Seen::now(&configuration);
    assert_eq!(before, Seen::now(&configuration));
    write_atomic(&included, b"{allowCommands: ['a', 'b']}").unwrap();
    assert_ne!(before, Seen::now(&configuration));
    assert!(matches!(configuration.reload(), Reloaded::Applied { .. }));
}
