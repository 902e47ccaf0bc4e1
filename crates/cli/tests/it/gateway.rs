//! `openclaw gateway …`, `health`, `status` against a running gateway.

use crate::world::{World, settled};

#[test]
fn a_gateway_starts_from_nothing_and_says_how_to_use_it() {
    let world = World::new();
    let gateway = world.start(&["gateway", "run", "--port", "0"]);
    gateway.wait_for_out("others");
    let screen: Vec<String> = settled(&gateway.out(), &world)
        .lines()
        .skip_while(|line| !line.starts_with("Gateway "))
        .map(|line| line.split("(pid").next().unwrap().trim_end().to_owned())
        .map(|line| line.split(", [::1]").next().unwrap().to_owned())
        .map(|line| line.split("openclaw-2").next().unwrap().to_owned())
        .collect();
    insta::assert_snapshot!(screen.join("\n"), @r"
    Gateway [HOST] ([SHORT])
      instance  [UUID]
      url       ws://127.0.0.1:[PORT]
      listening 127.0.0.1:[PORT]
      log       [HOME]/.openclaw/logs/
      node here openclaw node run
      others    only this machine can connect; for others: openclaw gateway run --bind lan
    ");
    assert_eq!(gateway.interrupt(), 0);
    assert!(!world.state().join("gateway.json").exists());
}

#[cfg(unix)]
#[test]
fn a_signal_restarts_the_gateway_in_its_process_on_its_port() {
    let world = World::new();
    let gateway = world.gateway();
    let pid = gateway.program.pid().to_string();
    for signal in ["-USR1", "-USR2"] {
        assert!(std::process::Command::new("kill").args([signal, &pid]).status().unwrap().success());
        let line = gateway.program.wait_for_out("\"listening\"");
        assert!(line.contains(&gateway.url) && line.contains(&gateway.instance_id), "{line}");
    }
    assert_eq!(world.run(&["health"]).code, 0);
    gateway.stop();
}

#[test]
fn status_health_call_probe_and_identity_speak_of_the_same_gateway() {
    let world = World::new();
    let gateway = world.gateway();
    let status = world.run(&["gateway", "status", "--json"]).json();
    assert_eq!(status["rpc"]["ok"], true, "{status}");
    assert_eq!(status["rpc"]["instanceId"], gateway.instance_id.as_str());
    assert_eq!(status["gateway"]["probeUrl"], gateway.url.as_str());
    assert_eq!(status["port"]["status"], "busy");
    for member in ["service", "config", "gateway", "port", "rpc", "extraServices"] {
        assert!(status.get(member).is_some(), "{member}");
    }
    assert!(world.run(&["gateway", "status"]).ok().contains("RPC probe: ok"));
    let health = world.run(&["gateway", "health", "--json"]).json();
    assert_eq!(health["ok"], true);
    assert!(world.run(&["gateway", "health"]).ok().starts_with("Gateway Health\nOK ("));
    assert_eq!(world.run(&["health", "--json"]).json()["ok"], true);
    assert!(world.run(&["health", "--verbose"]).ok().contains("proof of the state directory"));
    let called = world.run(&["gateway", "call", "gateway.identity.get", "--json"]).json();
    assert_eq!(called["instanceId"], gateway.instance_id.as_str());
    assert!(world.run(&["gateway", "call", "health"]).ok().starts_with("Gateway call: health\n{"));
    let identity = world.run(&["gateway", "identity", "--json"]).json();
    assert_eq!((&identity["deviceId"], &identity["url"]), (&called["deviceId"], &gateway.url.as_str().into()));
    let probe = world.run(&["gateway", "probe", "--json"]).json();
    assert_eq!((&probe["ok"], &probe["targets"][0]["connect"]["rpcOk"]), (&true.into(), &true.into()), "{probe}");
    assert!(world.run(&["gateway", "probe"]).ok().contains("Reachable: yes"));
    let all = world.run(&["status", "--json", "--deep"]).json();
    assert_eq!(all["gateway"]["reachable"], true, "{all}");
    assert_eq!(all["gateway"]["self"]["instanceId"], gateway.instance_id.as_str());
    assert!(all["health"]["ok"] == true && all["sessions"].is_object() && all["nodes"].is_array());
}

#[test]
fn without_a_gateway_probes_say_so_and_only_some_fail() {
    let world = World::new();
    let status = world.run(&["gateway", "status", "--json"]);
    assert_eq!((status.code, &status.json()["rpc"]["ok"]), (0, &false.into()));
    assert_eq!(world.run(&["gateway", "status", "--require-rpc"]).code, 1);
    let probe = world.run(&["gateway", "probe", "--json"]);
    assert_eq!((probe.code, &probe.json()["ok"]), (1, &false.into()));
    assert_eq!(world.run(&["status"]).code, 0);
    for command in ["restart", "stop"] {
        let said = world.run(&["gateway", command]);
        assert!(said.code == 1 && said.err.contains("no gateway runs here"), "{said:?}");
    }
}

#[test]
fn calls_that_cannot_be_made_are_explained() {
    let world = World::new();
    let _gateway = world.gateway();
    let said = world.run(&["gateway", "call", "no.such"]);
    assert!(said.code == 1 && said.err.starts_with("error: unknown method: no.such"), "{said:?}");
    let said = world.run(&["gateway", "call", "no.such", "--json"]);
    assert_eq!(said.json()["error"]["code"], "INVALID_REQUEST");
    let said = world.run(&["gateway", "call", "health", "--params", "{no}"]);
    assert!(said.code == 1 && said.err.contains("--params is not JSON"), "{said:?}");
    let said = world.run(&["gateway", "call", "health", "--timeout", "soon"]);
    assert!(said.code == 1 && said.err.contains("'soon' is invalid"), "{said:?}");
}

#[test]
fn the_parents_secrets_count_for_its_commands() {
    let owner = World::new();
    let gateway = owner.gateway_with(&["--token", "a-long-shared-token"]);
    let stranger = World::new();
    let said = stranger.run(&["gateway", "--token", "a-long-shared-token", "health", "--url", &gateway.url]);
    assert_eq!(said.code, 0, "{said:?}");
}

#[test]
fn sec_132_the_token_is_shown_only_when_it_is_asked_for() {
    let world = World::new();
    let said = world.run(&["gateway", "auth-token"]);
    assert!(said.code == 1 && said.err.contains("no gateway token is configured"), "{said:?}");
    let _gateway = world.gateway();
    let token = world.run(&["gateway", "auth-token", "--show"]).ok();
    assert_eq!(token.trim().len(), 48);
    assert!(!world.run(&["gateway", "auth-token"]).ok().contains(token.trim()));
    assert!(!world.run(&["config", "get", "gateway.auth"]).ok().contains(token.trim()));
    let log = world.run(&["logs"]).ok();
    assert!(!log.contains(token.trim()));
}

#[test]
fn two_password_flags_are_one_too_many() {
    let world = World::new();
    let said = world.run(&["gateway", "run", "--password", "a", "--password-file", "b"]);
    assert!(said.code == 1 && said.err.contains("Use either --password or --password-file."), "{said:?}");
    let said = world.run(&["gateway", "run", "--bind", "everywhere"]);
    assert!(said.code == 1 && said.err.contains("use loopback, lan"), "{said:?}");
}
