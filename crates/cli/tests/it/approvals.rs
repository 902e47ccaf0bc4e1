//! What may run on this machine.

use crate::world::World;

#[test]
fn programs_are_allowed_and_disallowed() {
    let world = World::new();
    assert!(world.run(&["approvals", "get"]).ok().contains("No allowlist entries."));
    assert!(!world.state().exists(), "looking makes nothing");
    assert_eq!(world.run(&["approvals", "allowlist", "add", "/bin/ls"]).ok(), "Allowed: /bin/ls\n");
    assert_eq!(world.run(&["approvals", "allowlist", "add", "/bin/ls"]).ok(), "Already allowlisted.\n");
    assert!(world.run(&["exec-approvals", "allowlist", "list"]).ok().contains("/bin/ls"));
    assert_eq!(world.run(&["approvals", "allowlist", "remove", "/bin/ls"]).ok(), "No longer allowed: /bin/ls\n");
    assert_eq!(world.run(&["approvals", "allowlist", "remove", "/bin/ls"]).ok(), "Pattern not found.\n");
    assert_eq!(world.run(&["approvals", "allowlist", "add", " "]).code, 1);
}

#[test]
fn sec_086_the_companions_secret_is_not_printed() {
    let world = World::new();
    world.run(&["node", "policy", "deny"]).ok();
    let shown = world.run(&["approvals", "get", "--json"]).json();
    assert_eq!(shown["exists"], true);
    assert!(shown["file"]["socket"].get("token").is_none(), "{shown}");
    assert!(world.run(&["node", "policy"]).ok().contains("security=deny"));
}

#[test]
fn sec_098_a_policy_that_cannot_be_read_is_shown_as_what_it_is() {
    let world = World::new();
    world.run(&["node", "policy", "full"]).ok();
    let path = world.state().join("exec-approvals.json");
    crate::world::write(&path, "{");
    let said = world.run(&["approvals", "get"]);
    assert!(said.code == 1 && said.err.contains("nothing may run on this machine until it is repaired"), "{said:?}");
    assert_eq!(world.run(&["node", "policy", "full"]).code, 1);
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "{");
}

#[test]
fn a_nodes_policy_is_seen_and_changed_from_afar() {
    let world = World::new();
    let _gateway = world.gateway();
    let _node = world.node();
    let name = world.run(&["nodes", "status", "--json"]).json()["nodes"][0]["nodeId"].as_str().unwrap().to_owned();
    let added = world.run(&["approvals", "allowlist", "add", "/bin/ls", "--node", &name]);
    assert_eq!(added.code, 0, "{added:?}");
    assert!(world.run(&["approvals", "get", "--node", &name]).ok().contains("/bin/ls"));
}
