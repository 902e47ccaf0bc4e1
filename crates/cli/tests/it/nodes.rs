//! Nodes: looking at them, calling them, running programs on them.

use crate::world::World;

/// A gateway and a node on one machine, where everything may run.
fn ready(policy: &str) -> (World, crate::world::Gateway, crate::world::Program) {
    let world = World::new();
    world.run(&["node", "policy", policy]).ok();
    let gateway = world.gateway();
    let node = world.node();
    (world, gateway, node)
}

#[test]
fn a_program_runs_with_its_output_input_and_exit_code() {
    let (world, _gateway, _node) = ready("full");
    let said = world.run(&["nodes", "run", "--", "sh", "-c", "echo out; echo err >&2; exit 7"]);
    assert_eq!((said.code, said.out.as_str()), (7, "out\n"));
    assert!(said.err.contains("err\n") && said.err.contains("run exit 7"), "{said:?}");
    let said = world.run(&["nodes", "run", "--env", "GREETING=hi", "--", "printenv", "GREETING"]);
    assert_eq!((said.code, said.out.as_str()), (0, "hi\n"), "{said:?}");
    let said = world.run(&["nodes", "run", "--raw", "echo from $(pwd)", "--cwd", "/"]);
    assert_eq!((said.code, said.out.as_str()), (0, "from /\n"), "{said:?}");
    let said = world.run(&["nodes", "run", "--command-timeout", "50", "--", "sleep", "60"]);
    assert_eq!(said.code, 124, "{said:?}");
    assert!(said.err.contains("run timed out"), "{said:?}");
    let json = world.run(&["nodes", "run", "--json", "--", "echo", "hi"]).json();
    assert_eq!((&json["payload"]["stdout"], &json["payload"]["exitCode"]), (&"hi\n".into(), &0.into()));
}

#[test]
fn output_comes_while_the_program_runs_and_ctrl_c_ends_it_there() {
    let (world, _gateway, _node) = ready("full");
    let call = world.start(&["nodes", "run", "--raw", "echo started $$; sleep 600"]);
    let line = call.wait_for_out("started");
    let pid = line.split(' ').nth(1).unwrap().to_owned();
    assert_eq!(call.interrupt(), 130);
    let proc = std::path::Path::new("/proc").join(pid);
    if std::path::Path::new("/proc/self").exists() {
        let begun = std::time::Instant::now();
        while proc.exists() {
            assert!(begun.elapsed() < crate::world::DEADLINE, "it still runs");
            std::thread::yield_now();
        }
    }
}

#[test]
fn a_long_output_arrives_whole() {
    let (world, _gateway, _node) = ready("full");
    let said = world.run(&["nodes", "run", "--raw", "i=0; while [ $i -lt 2000 ]; do echo line $i; i=$((i+1)); done"]);
    assert_eq!(said.code, 0, "{}", said.err);
    let expected: Vec<String> = (0..2000).map(|i| format!("line {i}")).collect();
    assert_eq!(said.out.lines().collect::<Vec<_>>(), expected);
}

#[test]
fn a_denied_program_runs_after_the_printed_command() {
    let (world, _gateway, _node) = ready("allowlist");
    let said = world.run(&["nodes", "run", "--", "ls", "/"]);
    assert_eq!(said.code, 1);
    assert!(said.err.contains("SYSTEM_RUN_DENIED"), "{said:?}");
    assert!(said.fix().starts_with("openclaw approvals allowlist add "), "{said:?}");
    assert!(world.paste(&said.fix()).ok().starts_with("Allowed: "));
    let said = world.run(&["nodes", "run", "--", "ls", "/"]);
    assert_eq!(said.code, 0, "{said:?}");
}

#[test]
fn nodes_are_listed_described_renamed_and_forgotten() {
    let (world, _gateway, node) = ready("full");
    let status = world.run(&["nodes", "status", "--json"]).json();
    let id = status["nodes"][0]["nodeId"].as_str().unwrap();
    let known = world.run(&["nodes", "status"]).ok();
    assert!(known.starts_with("Known: 1 · Paired: 1 · Connected: 1\n"), "{known}");
    assert_eq!(world.run(&["nodes", "status", "--connected", "--json"]).json()["nodes"].as_array().unwrap().len(), 1);
    let described = world.run(&["nodes", "describe", "--node", &id[..10], "--json"]).json();
    assert_eq!(described["nodeId"], id);
    assert!(world.run(&["nodes", "describe", "--node", id]).ok().contains("- system.run\n"));
    let renamed = world.run(&["nodes", "rename", "--node", id, "--name", "Cellar Box"]).ok();
    assert_eq!(renamed, format!("node rename ok: {id} -> Cellar Box\n"));
    let which = world.run(&[
        "nodes",
        "invoke",
        "--node",
        "cellar-box",
        "--command",
        "system.which",
        "--params",
        r#"{"bins":["sh"]}"#,
    ]);
    assert_eq!(which.json()["ok"], true, "{which:?}");
    drop(node);
    world.until(&["nodes", "status", "--json"], |nodes| nodes["nodes"][0]["connected"] == false);
    let since = world.run(&["nodes", "list", "--last-connected", "24h"]).ok();
    assert!(since.starts_with("Pending: 0 · Paired: 1 (of 1)\n"), "{since}");
    let said = world.run(&["nodes", "invoke", "--node", id, "--command", "system.which"]);
    assert!(said.code == 1 && said.err.contains("node not connected"), "{said:?}");
    let said = world.run(&["nodes", "run", "--", "ls"]);
    assert!(said.code == 1 && said.err.contains("none is connected of: Cellar Box"), "{said:?}");
    assert_eq!(world.run(&["nodes", "remove", "--node", id]).ok(), format!("Removed paired node {id}\n"));
    assert_eq!(world.run(&["nodes", "status", "--json"]).json()["nodes"], serde_json::json!([]));
}

#[test]
fn calls_to_nodes_that_cannot_be_made_are_explained() {
    let (world, _gateway, _node) = ready("full");
    let cases: [(&[&str], &str); 5] = [
        (&["nodes", "describe", "--node", "nobody"], "unknown node: nobody (known: "),
        (&["nodes", "invoke", "--command", "system.which", "--params", "no"], "--params must be valid JSON."),
        (&["nodes", "invoke", "--command", "camera.snap"], "node command not allowed"),
        (&["nodes", "approve", "nothing"], "unknown requestId"),
        (&["nodes", "run", "--", "no-such-program"], "no-such-program"),
    ];
    for (arguments, expected) in cases {
        let said = world.run(arguments);
        assert!(said.code == 1 && said.err.contains(expected), "{arguments:?}: {said:?}");
    }
}

#[test]
fn the_node_of_this_machine_tells_about_itself() {
    let world = World::new();
    let said = world.run(&["node", "identity"]);
    assert!(said.code == 1 && said.err.contains("no node device identity found"), "{said:?}");
    assert!(world.run(&["node", "status"]).ok().contains("This machine is not a node yet."));
    let gateway = world.gateway();
    let node = world.node();
    let identity = world.run(&["node", "identity", "--json"]).json();
    let status = world.until(&["node", "status", "--json"], |status| status["node"]["last"]["link"] == "connected");
    assert_eq!(status["node"]["deviceId"], identity["deviceId"]);
    assert_eq!(status["service"]["runtime"]["status"], "running");
    let shown = world.run(&["node", "status"]).ok();
    assert!(shown.contains("connected since") && shown.contains(&gateway.instance_id[..8]), "{shown}");
    let second = world.run(&["node", "run"]);
    assert!(second.code == 1 && second.err.contains("a node host runs already"), "{second:?}");
    assert_eq!(node.interrupt(), 0);
    assert!(world.run(&["node", "status"]).ok().contains("not running"));
}

#[test]
fn only_the_named_commands_are_offered() {
    let world = World::new();
    let _gateway = world.gateway();
    let node = world.start(&["node", "run", "--json", "--commands", "system.which,nope"]);
    let connected = node.wait_for_out("\"connected\"");
    assert!(connected.contains("system.which") && !connected.contains("system.run"), "{connected}");
    assert!(node.out().contains("unknown or unavailable commands: nope"));
    drop(node);
    let said = world.run(&["node", "run", "--commands", "nope"]);
    assert!(said.code == 1 && said.err.contains("retained no available commands"), "{said:?}");
}
