//! Every refusal says what, why and fix, and the printed fix is the fix (promise P6, issue 2 point 15).

use crate::world::{World, settled};

#[test]
fn a_gateway_that_does_not_run_is_started_by_the_printed_command() {
    let world = World::new();
    let said = world.run(&["nodes", "status"]);
    assert_eq!(said.code, 1);
    insta::assert_snapshot!(settled(&said.err, &world), @r"
    error: Gateway not reachable at ws://127.0.0.1:18789 (ECONNREFUSED).
      why: no gateway runs for ~/.openclaw
      fix: openclaw gateway run
    ");
    let mut words: Vec<String> = said.fix().split(' ').skip(1).map(str::to_owned).collect();
    // The same command, on a port that is surely free here.
    words.extend(["--port".into(), "0".into(), "--json".into()]);
    let gateway = world.start(&words.iter().map(String::as_str).collect::<Vec<_>>());
    gateway.wait_for_out("\"listening\"");
    assert_eq!(world.run(&["nodes", "status"]).code, 0);
}

#[test]
fn a_second_gateway_names_the_first_and_the_printed_command_stops_it() {
    let world = World::new();
    let mut gateway = world.gateway();
    let said = world.run(&["gateway", "run", "--port", "0"]);
    assert_eq!(said.code, 1);
    assert!(said.err.contains(&format!("pid {}", gateway.program.pid())), "{said:?}");
    let stop = said.err.lines().filter_map(|line| line.trim().strip_prefix("fix: ")).find(|fix| fix.contains("stop"));
    assert_eq!(world.paste(stop.unwrap()).ok(), "Gateway stopped.\n");
    assert_eq!(gateway.program.end(), 0);
    drop(world.gateway());
}

#[test]
fn a_port_that_is_taken_is_named_and_the_printed_command_takes_another() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let world = World::new();
    let said = world.run(&["gateway", "run", "--port", &port]);
    assert_eq!(said.code, 1, "{said:?}");
    assert!(said.err.contains(&port), "{said:?}");
    let mut words: Vec<String> = said.fix().split(' ').skip(1).map(str::to_owned).collect();
    words.push("--json".into());
    let gateway = world.start(&words.iter().map(String::as_str).collect::<Vec<_>>());
    gateway.wait_for_out("\"listening\"");
    // Whatever port it is, this user's commands find it.
    assert_eq!(world.run(&["health"]).code, 0);
}

#[test]
fn a_wrong_secret_is_called_wrong() {
    let owner = World::new();
    let gateway = owner.gateway();
    let stranger = World::new();
    let said = stranger.run(&["health", "--url", &gateway.url, "--token", "wrong-wrong-wrong"]);
    assert_eq!(said.code, 1);
    assert!(said.err.starts_with("error: unauthorized: gateway token mismatch"), "{said:?}");
    assert!(said.err.contains("fix: "), "{said:?}");
    let token = owner.run(&["gateway", "auth-token", "--show"]).ok();
    // With the right secret the device still has to be known; on this machine that is done silently.
    let said = stranger.run(&["health", "--url", &gateway.url, "--token", token.trim()]);
    assert_eq!(said.code, 0, "{said:?}");
}

#[test]
fn sec_014_plaintext_to_another_machine_is_refused_before_a_socket_opens() {
    let world = World::new();
    let said = world.run(&["health", "--url", "ws://192.0.2.1:18789", "--token", "a-secret-of-mine"]);
    assert_eq!(said.code, 1);
    insta::assert_snapshot!(said.err, @r#"
    error: SECURITY ERROR: Gateway URL "ws://192.0.2.1:18789" uses plaintext ws:// to a non-loopback address.
      why: tokens and what is said would be readable on the way
      fix: on the gateway's machine: openclaw devices invite, then here the line that it prints
      fix: or use its wss:// address and --tls-fingerprint, which openclaw gateway identity prints there
      fix: or a tunnel: ssh -N -L 18789:127.0.0.1:18789 user@192.0.2.1, then ws://127.0.0.1:18789
      fix: or, in a network that you trust, set OPENCLAW_ALLOW_INSECURE_PRIVATE_WS=1
    "#);
}

#[test]
fn what_is_no_gateway_is_called_so() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("ws://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        use std::io::{Read, Write};
        for mut stream in listener.incoming().map_while(Result::ok) {
            drop(stream.read(&mut [0; 1024]));
            drop(stream.write_all(b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n"));
        }
    });
    let world = World::new();
    let said = world.run(&["health", "--url", &url]);
    assert_eq!(said.code, 1);
    assert!(said.err.contains("no gateway answers at") && said.err.contains("404"), "{said:?}");
    // The printed fix looks at that very address and says where it stops.
    let looked = world.paste(&said.fix());
    assert_eq!(looked.code, 0, "{looked:?}");
    assert!(looked.out.contains("first: gateway.websocket"), "{looked:?}");
}

#[test]
fn p7_doctor_says_whether_it_is_the_right_gateway() {
    let (owner, other) = (World::new(), World::new());
    let (_mine, theirs) = (owner.gateway(), other.gateway());
    let well = owner.run(&["doctor", "--json"]).json();
    assert_eq!((&well["ok"], &well["stopsAt"]), (&true.into(), &serde_json::Value::Null), "{well}");
    let token = other.run(&["gateway", "auth-token", "--show"]).ok();
    let looked = owner.run(&["doctor", "--url", &theirs.url, "--token", token.trim()]);
    assert!(looked.out.contains("but the gateway of this state directory is"), "{looked:?}");
    let stopped = World::new().run(&["doctor", "--json"]).json();
    assert_eq!(stopped["stopsAt"], "gateway.tcp", "{stopped}");
}

#[test]
fn a_broken_configuration_is_shown_with_its_place_and_nothing_is_lost() {
    let world = World::new();
    std::fs::create_dir(world.state()).unwrap();
    let path = world.state().join("openclaw.json");
    let text = "{ gateway: { port: 1, }, \n  oops }";
    crate::world::write(&path, text);
    let said = world.run(&["gateway", "run", "--port", "0"]);
    assert_eq!(said.code, 78, "{said:?}");
    assert!(said.err.contains("~/.openclaw/openclaw.json:2"), "{said:?}");
    assert_eq!(world.paste(&said.fix()).code, 1);
    assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
}

#[test]
fn a_profile_is_repeated_in_every_printed_command() {
    let world = World::new();
    let said = world.run(&["--profile", "work", "health"]);
    assert_eq!(said.fix(), "openclaw --profile work gateway run");
    let gateway = world.start(&["--profile", "work", "gateway", "run", "--port", "0", "--json"]);
    gateway.wait_for_out("\"listening\"");
    assert_eq!(world.run(&["--profile", "work", "health"]).code, 0);
    assert!(world.home().join(".openclaw-work").exists() && !world.state().exists());
}
