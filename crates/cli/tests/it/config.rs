//! `openclaw config …`.

use crate::world::World;

#[test]
fn values_are_set_read_and_taken_away() {
    let world = World::new();
    assert_eq!(world.run(&["config", "file"]).ok(), "~/.openclaw/openclaw.json\n");
    let said = world.run(&["config", "validate"]);
    assert!(said.code == 1 && said.err.contains("Config file not found: ~/.openclaw/openclaw.json"), "{said:?}");
    assert!(world.run(&["config", "set", "gateway.port", "19000"]).ok().starts_with("Updated gateway.port."));
    assert_eq!(world.run(&["config", "get", "gateway.port"]).ok(), "19000\n");
    assert_eq!(world.run(&["config", "get", "gateway"]).json()["port"], 19000);
    assert_eq!(world.run(&["config", "validate"]).ok(), "Config valid: ~/.openclaw/openclaw.json\n");
    let valid = world.run(&["config", "validate", "--json"]).ok();
    assert!(valid.starts_with("{\"valid\":true,\"path\":"), "{valid}");
    let said = world.run(&["config", "unset", "gateway.port"]);
    assert!(said.out.starts_with("Removed gateway.port.") && said.err.starts_with("Config overwrite: "), "{said:?}");
    let said = world.run(&["config", "get", "gateway.port"]);
    assert!(said.code == 1 && said.err.starts_with("error: Config path not found: gateway.port"), "{said:?}");
}

#[test]
fn a_wrong_value_is_refused_and_the_file_stays() {
    let world = World::new();
    world.run(&["config", "set", "gateway.port", "19000"]).ok();
    let path = world.state().join("openclaw.json");
    let before = std::fs::read_to_string(&path).unwrap();
    let said = world.run(&["config", "set", "gateway.port", "many"]);
    assert!(said.code == 1 && said.err.contains("gateway.port"), "{said:?}");
    let said = world.run(&["config", "set", "gateway.porrt", "1"]);
    assert!(said.code == 1 && said.err.contains("Unrecognized key"), "{said:?}");
    let said = world.run(&["config", "set", "__proto__.x", "1"]);
    assert_eq!(said.code, 1);
    let said = world.run(&["config", "set", "gateway.bind", "lan", "--strict-json"]);
    assert!(said.code == 1 && said.err.contains("Failed to parse"), "{said:?}");
    assert!(world.run(&["config", "set", "gateway.bind", "lan", "--dry-run"]).ok().contains("gateway.bind"));
    assert_eq!(std::fs::read_to_string(&path).unwrap(), before);
}

#[test]
fn rel_010_comments_survive_a_change() {
    let world = World::new();
    std::fs::create_dir(world.state()).unwrap();
    let path = world.state().join("openclaw.json");
    crate::world::write(&path, "{\n  // where it listens\n  gateway: { port: 19000 },\n}\n");
    world.run(&["config", "set", "gateway.port", "19001"]).ok();
    let text = std::fs::read_to_string(&path).unwrap();
    assert!(text.contains("// where it listens") && text.contains("19001"), "{text}");
    let change = world.home().join("patch.json5");
    crate::world::write(&change, "{gateway: {port: null, mode: 'local'}}");
    world.run(&["config", "patch", "--file", change.to_str().unwrap()]).ok();
    let gateway = world.run(&["config", "get", "gateway", "--json"]).json();
    assert_eq!((gateway.get("port"), &gateway["mode"]), (None, &"local".into()));
}

#[test]
fn an_invalid_file_is_listed_issue_by_issue() {
    let world = World::new();
    std::fs::create_dir(world.state()).unwrap();
    crate::world::write(&world.state().join("openclaw.json"), "{gateway: {port: 'x', bindd: 'lan'}}");
    let said = world.run(&["config", "validate", "--json"]);
    assert_eq!(said.code, 1);
    let document = said.json();
    assert_eq!((&document["valid"], document["issues"].as_array().unwrap().len()), (&false.into(), 2), "{document}");
    let said = world.run(&["config", "validate"]);
    assert!(said.err.contains("Unrecognized key: \"bindd\""), "{said:?}");
}

#[test]
fn the_schema_is_printed_whole_and_by_key() {
    let world = World::new();
    assert!(world.run(&["config", "schema"]).json()["properties"]["gateway"].is_object());
    assert_eq!(world.run(&["config", "schema", "gateway.port"]).json()["path"], "gateway.port");
    assert_eq!(world.run(&["config", "schema", "no.such"]).code, 1);
}

#[test]
fn sec_134_secrets_of_the_command_line_are_not_in_the_audit_log() {
    let world = World::new();
    world.run(&["config", "set", "gateway.auth.token", "hunter2hunter2hunter2"]).ok();
    let log = std::fs::read_to_string(world.state().join("logs/config-audit.jsonl")).unwrap();
    assert!(log.contains("config.write") && !log.contains("hunter2"), "{log}");
}
