//! Promise P1: on the machine and account that own the state directory, nothing ever needs an approval or a copied
//! token, in any order.

use crate::world::World;

/// The one connected node, and nothing that waits.
#[track_caller]
fn all_is_well(world: &World) {
    let nodes = world.until(&["nodes", "status", "--json"], |nodes| nodes["nodes"][0]["connected"] == true);
    assert_eq!(nodes["nodes"].as_array().unwrap().len(), 1, "{nodes}");
    assert_eq!(nodes["nodes"][0]["approvalState"], "approved");
    assert!(nodes["nodes"][0]["commands"].as_array().unwrap().iter().any(|command| command == "system.run"));
    let devices = world.run(&["devices", "list", "--json"]).json();
    assert_eq!(devices["pending"], serde_json::json!([]), "{devices}");
    assert_eq!(world.run(&["nodes", "pending"]).ok(), "No pending pairing requests.\n");
    let which = world.run(&["nodes", "invoke", "--command", "system.which", "--params", r#"{"bins":["sh"]}"#]);
    assert_eq!(which.code, 0, "{which:?}");
}

#[test]
fn p1_the_node_first_then_the_cli() {
    let world = World::new();
    let _gateway = world.gateway();
    let _node = world.node();
    all_is_well(&world);
}

#[test]
fn p1_the_cli_first_then_the_node() {
    let world = World::new();
    let _gateway = world.gateway();
    assert!(world.run(&["nodes", "list"]).ok().starts_with("Pending: 0 · Paired: 0"));
    let _node = world.node();
    all_is_well(&world);
}

#[test]
fn p1_the_node_even_before_the_gateway() {
    let world = World::new();
    let node = world.start(&["node", "run", "--json"]);
    let notice = node.wait_for_out("notice");
    assert!(notice.contains("openclaw gateway run"), "{notice}");
    let _gateway = world.gateway();
    node.wait_for_out("\"connected\"");
    all_is_well(&world);
}

#[test]
fn p1_everything_at_once() {
    let world = World::new();
    let _gateway = world.gateway();
    let node = world.start(&["node", "run", "--json"]);
    let calls: Vec<_> = (0..4).map(|_| world.start(&["nodes", "list"])).collect();
    node.wait_for_out("\"connected\"");
    for mut call in calls {
        assert_eq!(call.end(), 0, "{}", call.err());
    }
    all_is_well(&world);
}

#[test]
fn p1_whatever_the_bind_address() {
    let world = World::new();
    let _gateway = world.gateway_with(&["--bind", "lan"]);
    let _node = world.node();
    all_is_well(&world);
}

#[test]
fn p1_in_every_auth_mode() {
    for mode in [
        &["--auth", "none"][..],
        &["--auth", "password", "--password", "a long secret"],
        &["--token", "a-long-shared-token"],
    ] {
        let world = World::new();
        let _gateway = world.gateway_with(mode);
        let _node = world.node();
        all_is_well(&world);
    }
}

#[test]
fn p1_with_a_restart_in_between_on_another_port() {
    let world = World::new();
    let gateway = world.gateway();
    let node = world.node();
    all_is_well(&world);
    let first = gateway.url.clone();
    gateway.stop();
    let gateway = world.gateway();
    assert_ne!(gateway.url, first);
    node.wait_for_out("\"connected\"");
    all_is_well(&world);
}

#[test]
fn p1_with_a_restart_in_place_the_node_is_back_at_once() {
    let world = World::new();
    let gateway = world.gateway();
    let node = world.node();
    assert_eq!(world.run(&["gateway", "restart"]).ok(), "Gateway restarted.\n");
    node.wait_for_out("\"connected\"");
    all_is_well(&world);
    drop(gateway);
}

#[test]
fn p1_with_every_token_rotated_in_between() {
    let world = World::new();
    let _gateway = world.gateway();
    let node = world.node();
    all_is_well(&world);
    let devices = world.run(&["devices", "list", "--json"]).json();
    for device in devices["paired"].as_array().unwrap() {
        let (id, role) = (device["deviceId"].as_str().unwrap(), device["roles"][0].as_str().unwrap());
        let rotated = world.run(&["devices", "rotate", "--device", id, "--role", role]);
        assert_eq!(rotated.json()["deviceId"], id, "{rotated:?}");
    }
    // The shared token of the configuration is another one now, too.
    world.run(&["config", "set", "gateway.auth.token", "another-long-shared-token"]).ok();
    node.wait_for_out("\"connected\"");
    all_is_well(&world);
}

#[test]
fn p5_a_removed_node_asks_no_one_on_its_own_machine() {
    let world = World::new();
    let _gateway = world.gateway();
    let node = world.node();
    assert!(world.run(&["nodes", "remove", "--node", &name_of_node(&world)]).ok().starts_with("Removed paired node "));
    drop(node);
    let _node = world.node();
    all_is_well(&world);
}

fn name_of_node(world: &World) -> String {
    let nodes = world.run(&["nodes", "status", "--json"]).json();
    nodes["nodes"][0]["nodeId"].as_str().unwrap().to_owned()
}
