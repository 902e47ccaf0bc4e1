//! `openclaw up`.

use crate::world::World;

#[test]
fn up_starts_everything_and_ctrl_c_ends_it() {
    let world = World::new();
    let up = world.start(&["up", "--port", "0"]);
    up.wait_for_out("Node connected");
    up.wait_for_out("policy");
    let nodes = world.run(&["nodes", "status", "--json"]).json();
    assert_eq!(nodes["nodes"][0]["connected"], true);
    let out = up.out();
    assert!(out.contains("openclaw up --bind lan") && out.contains("can run anything: "), "{out}");
    assert_eq!(up.interrupt(), 0);
    assert_eq!(world.run(&["gateway", "status", "--require-rpc"]).code, 1);
    assert!(world.run(&["node", "status"]).ok().contains("not running"));
}

#[test]
fn a_second_up_attaches_and_leaves_the_first_alone() {
    let world = World::new();
    let first = world.start(&["up", "--port", "0"]);
    first.wait_for_out("Node connected");
    let second = world.start(&["up"]);
    let line = second.wait_for_out("runs      already");
    assert!(line.contains(&format!("pid {}", first.pid())), "{line}");
    second.wait_for_out("a node of this machine runs already");
    assert_eq!(second.interrupt(), 0);
    assert_eq!(world.run(&["health"]).code, 0);
}

#[test]
fn up_brings_the_node_to_a_gateway_that_runs_already() {
    let world = World::new();
    let gateway = world.gateway();
    let up = world.start(&["up", "--json"]);
    let attached = up.wait_for_out("\"attached\":true");
    assert!(attached.contains(&gateway.instance_id));
    up.wait_for_out("\"connected\"");
    assert_eq!(up.interrupt(), 0);
    world.until(&["nodes", "status", "--json"], |nodes| nodes["nodes"][0]["connected"] == false);
}

#[test]
fn up_shows_who_wants_in_with_the_command_that_lets_it_in() {
    let (world, stranger) = (World::new(), World::new());
    let up = world.start(&["up", "--port", "0", "--no-node"]);
    let url = up.wait_for_out("  here ").split_whitespace().nth(1).unwrap().to_owned();
    let node = stranger.start(&["node", "run", "--json", "--url", &url, "--display-name", "Far Box"]);
    up.wait_for_out("Far Box");
    let line = up.wait_for_out("approve ");
    assert_eq!(world.paste(line.trim().strip_prefix("approve").unwrap()).code, 0);
    node.wait_for_out("\"connected\"");
    up.wait_for_out("node: Far Box connected");
    drop(node);
    up.wait_for_out("node: Far Box went away");
}
