//! `openclaw logs`.

use crate::world::World;

#[test]
fn the_log_is_read_through_the_gateway_and_without_it() {
    let world = World::new();
    let said = world.run(&["logs"]);
    assert!(said.code == 1 && said.err.contains("Gateway not reachable"), "{said:?}");
    let gateway = world.gateway();
    let text = world.run(&["logs", "--limit", "50"]).ok();
    assert!(text.starts_with("Log file: ") && text.contains("info gateway"), "{text}");
    let lines = world.run(&["logs", "--json", "--limit", "5"]).ok();
    let first: serde_json::Value = serde_json::from_str(lines.lines().next().unwrap()).unwrap();
    assert_eq!(first["type"], "meta");
    assert!(lines.lines().count() <= 6);
    for line in lines.lines().skip(1) {
        let record: serde_json::Value = serde_json::from_str(line).unwrap();
        assert!(record["type"] == "log" && record["time"].is_string() && record["message"].is_string(), "{line}");
    }
    gateway.stop();
    let said = world.run(&["logs"]);
    assert_eq!(said.code, 0);
    assert_eq!(said.err, "Local Gateway RPC unavailable; reading configured file log instead.\n");
    assert!(said.out.contains("gateway stopping"), "{said:?}");
    assert_eq!(world.run(&["logs", "--limit", "0"]).code, 1);
}

#[test]
fn following_survives_a_restart_of_the_gateway() {
    let world = World::new();
    let gateway = world.gateway();
    let follow = world.start(&["logs", "--follow", "--interval", "20"]);
    follow.wait_for_out("Log file:");
    gateway.stop();
    follow.wait_for_err("Connection to the gateway lost");
    let gateway = world.gateway();
    follow.wait_for_err("Connected to the gateway again.");
    world.run(&["gateway", "call", "node.list"]).ok();
    follow.wait_for_out(&format!("PID {}", gateway.program.pid()));
}
