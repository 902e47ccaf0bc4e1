//! Events in their order, peers that do not read, ticks, and what a restart keeps (REL-001, REL-034, REL-035, REL-040).

use std::time::Duration;

use openclaw_gateway::{Options, Overrides, StartError};
use openclaw_protocol::{clock::Clock, limits::TICK_INTERVAL, version::RELEASE};
use openclaw_testkit::{
    Device, RawSocket, TOKEN, TestGateway, eventually,
    raw::{connect_request, text_frame},
};
use serde_json::{Value, json};

const COMMANDS: [&str; 2] = ["system.run", "system.which"];

#[tokio::test]
async fn rel_035_events_are_numbered_without_a_gap_on_each_connection() {
    let gateway = TestGateway::start().await;
    let mut owner = gateway.owner_peer().await;
    let (_, mut old) = gateway.operator_peer(&["operator.read", "operator.pairing"], 3).await;
    let (_, mut new) = gateway.operator_peer(&["operator.pairing"], 4).await;
    for _ in 0..6 {
        let refused = gateway.knock(&Device::node(&COMMANDS)).from_elsewhere().open().await.err().unwrap();
        let id = &refused.error["details"]["requestId"];
        owner.call("device.pair.approve", json!({"requestId": id})).await.unwrap();
    }
    for peer in [&mut owner, &mut old, &mut new] {
        peer.catch_up().await;
        let frames = peer.take_arrived();
        let numbers: Vec<u64> = frames.iter().filter_map(|frame| frame["seq"].as_u64()).collect();
        assert!(numbers.len() >= 24, "{numbers:?}");
        assert!(numbers.iter().zip(1..).all(|(seq, expected)| *seq == expected), "{numbers:?}");
        for name in ["presence", "health"] {
            let mut last = 0;
            for frame in frames.iter().filter(|frame| frame["event"] == name) {
                let version = frame["stateVersion"][name].as_u64().expect("a version");
                assert!(version >= last, "{name}");
                last = version;
            }
        }
    }
}

#[tokio::test]
async fn rel_034_a_peer_that_does_not_read_is_closed_while_others_go_on() {
    let gateway = TestGateway::start().await;
    let stuck = Device::node(&COMMANDS);
    let (mut socket, nonce) = RawSocket::open(gateway.port()).await;
    let mut params = stuck.params();
    params.auth = Some(TestGateway::auth());
    socket.write(&text_frame(&connect_request(params, stuck.key(), &nonce))).await;
    socket.read_frame().await.expect("hello-ok");
    let (node, mut host) = gateway.node_peer(&COMMANDS, 4).await;
    let mut owner = gateway.owner_peer().await;
    // Each quote is escaped once on its way in and twice on its way out: four bytes for each.
    let filling = "\"".repeat(6_700_000);
    let mut ids = Vec::new();
    for n in 0..3 {
        let params = json!({
            "nodeId": stuck.id(), "command": "system.which", "params": {"bins": [filling]}, "idempotencyKey": format!("k{n}"),
        });
        ids.push(owner.send("node.invoke", params).await);
        let other = json!({"nodeId": node.id(), "command": "system.which", "idempotencyKey": format!("o{n}")});
        let id = owner.send("node.invoke", other).await;
        let request = host.invoked().await;
        host.finish(&request, json!({"ok": true})).await.unwrap();
        owner.answer(&id).await.expect("the other node answers meanwhile");
    }
    for id in ids {
        let error = owner.answer(&id).await.unwrap_err();
        assert_eq!(error["code"], "UNAVAILABLE", "{error}");
    }
    assert_eq!(socket.closed().await, (1008, "slow consumer".to_owned()));
    let list = owner.call("node.list", json!({})).await.unwrap();
    let gone = list["nodes"].as_array().unwrap().iter().find(|found| found["nodeId"] == json!(stuck.id())).unwrap();
    assert_eq!(gone["connected"], false);
}

#[tokio::test]
async fn a_tick_comes_to_everybody_in_every_interval() {
    let gateway = TestGateway::start().await;
    let (_, mut host) = gateway.node_peer(&COMMANDS, 3).await;
    let (_, mut operator) = gateway.operator_peer(&[], 4).await;
    tokio::time::pause();
    tokio::time::advance(TICK_INTERVAL + Duration::from_millis(1)).await;
    tokio::time::resume();
    for peer in [&mut host, &mut operator] {
        assert!(peer.event("tick").await["ts"].as_u64().unwrap() > 0);
    }
}

#[tokio::test]
async fn rel_001_what_was_acknowledged_is_there_after_a_restart() {
    let mut gateway = TestGateway::start().await;
    let mut owner = gateway.owner_peer().await;
    let ask = |device: &Device| {
        let knock = gateway.knock(device).from_elsewhere();
        async { knock.open().await.err().unwrap().error["details"]["requestId"].as_str().unwrap().to_owned() }
    };
    let (approved, waiting, revoked) =
        (Device::node(&COMMANDS), Device::node(&COMMANDS), Device::operator(&["operator.read"]));
    let (approved_id, waiting_id) = (ask(&approved).await, ask(&waiting).await);
    owner.call("device.pair.approve", json!({"requestId": approved_id})).await.unwrap();
    let peer = gateway.knock(&approved).from_elsewhere().open().await.unwrap();
    let token = peer.device_token();
    drop(gateway.knock(&revoked).token(TOKEN).open().await.unwrap());
    owner.call("device.token.revoke", json!({"deviceId": revoked.id(), "role": "operator"})).await.unwrap();
    let before = owner.call("gateway.identity.get", json!({})).await.unwrap();
    gateway.restart().await;
    let mut owner = gateway.owner_peer().await;
    assert_eq!(owner.call("gateway.identity.get", json!({})).await.unwrap(), before, "it is the same gateway (P7)");
    let again = gateway.knock(&approved).from_elsewhere().device_token(&token).open().await.expect("still paired");
    assert_eq!(again.device_token(), token);
    let list = owner.call("device.pair.list", json!({})).await.unwrap();
    let ids: Vec<&Value> = list["pending"].as_array().unwrap().iter().map(|request| &request["requestId"]).collect();
    assert_eq!(ids, [&json!(waiting_id)], "requests keep their ids (P4)");
    owner.call("node.pair.approve", json!({"requestId": waiting_id})).await.unwrap();
    gateway.knock(&waiting).from_elsewhere().open().await.expect("approved");
    let refused = gateway.knock(&revoked).from_elsewhere().open().await.err().unwrap();
    assert_eq!(refused.error["details"]["reason"], "role-upgrade", "a revocation does not come undone");
}

#[tokio::test]
async fn rel_040_an_invoke_that_runs_when_the_gateway_stops_ends_and_nothing_hangs() {
    let mut gateway = TestGateway::start().await;
    let (node, mut host) = gateway.node_peer(&COMMANDS, 4).await;
    let mut owner = gateway.owner_peer().await;
    owner.send("node.invoke", json!({"nodeId": node.id(), "command": "system.which", "idempotencyKey": "k"})).await;
    host.invoked().await;
    let (mut idle, _) = RawSocket::open(gateway.port()).await;
    let stopped = std::time::Instant::now();
    let ends = async {
        let owner = owner.closed().await;
        let host = host.closed().await;
        (owner, host, idle.closed().await)
    };
    let ((), (owner, host, idle)) = tokio::join!(gateway.stop(), ends);
    assert!(stopped.elapsed() < Duration::from_secs(5), "{:?}", stopped.elapsed());
    for close in [owner, host, idle] {
        assert_eq!(close, (1012, "service restart".to_owned()));
    }
}

#[tokio::test]
async fn rel_040_a_restart_on_request_is_told_to_everybody() {
    let gateway = TestGateway::start().await;
    let (_, mut peer) = gateway.operator_peer(&[], 4).await;
    let mut owner = gateway.owner_peer().await;
    owner.call("gateway.restart.request", json!({"reason": "a test"})).await.unwrap();
    gateway.running().stopping().await;
    let mut gateway = gateway;
    gateway.stop().await;
    let (frames, close) = peer.until_closed().await;
    let shutdown = frames.iter().find(|frame| frame["event"] == "shutdown").expect("a shutdown event");
    assert_eq!(shutdown["payload"]["reason"], "gateway restarting");
    assert!(shutdown["payload"]["restartExpectedMs"].is_u64());
    assert_eq!(close, (1012, "service restart".to_owned()));
}

#[tokio::test]
async fn sec_031_a_gateway_without_a_secret_does_not_listen_beyond_this_machine() {
    let gateway = TestGateway::start().await;
    let home = tempfile::tempdir().unwrap();
    for (bind, auth, good) in [
        ("lan", json!({"mode": "none"}), false),
        ("custom", json!({"mode": "none"}), false),
        ("lan", json!({"mode": "token", "token": "changeme"}), false),
        ("loopback", json!({"mode": "token", "token": "   undefined "}), false),
        ("loopback", json!({"mode": "none"}), true),
        ("loopback", json!({"mode": "token", "token": TOKEN}), true),
    ] {
        let paths = openclaw_config::Paths::under(home.path());
        let config = json!({"gateway": {"mode": "local", "bind": bind, "customBindHost": "0.0.0.0", "auth": auth}});
        let text = serde_json::to_vec(&config).unwrap();
        openclaw_store::files::write_atomic(&paths.config_path, &text).unwrap();
        let options = Options {
            paths,
            env: openclaw_config::Env::from_pairs([("HOME", home.path().to_string_lossy().into_owned())]),
            overrides: Overrides { port: Some(0), ..Overrides::default() },
            clock: Clock::system(),
            version: RELEASE.to_owned(),
        };
        match openclaw_gateway::start(options).await {
            Ok(running) => {
                running.stop();
                running.ended().await;
                assert!(good, "{bind} {auth}");
            }
            Err(StartError::Refused(why)) => assert!(!good, "{bind} {auth}: {why}"),
            Err(other) => panic!("{bind} {auth}: {other}"),
        }
    }
    drop(gateway);
}

#[tokio::test]
async fn presence_of_a_flapping_peer_is_one_entry() {
    let gateway = TestGateway::start().await;
    let node = Device::node(&COMMANDS);
    for _ in 0..20 {
        drop(gateway.knock(&node).token(TOKEN).open().await.unwrap());
    }
    let mut owner = gateway.owner_peer().await;
    eventually("one entry", || async {
        let list = gateway.owner_peer().await.call("system-presence", json!({})).await.unwrap();
        let own = list.as_array().unwrap().iter().filter(|entry| entry["deviceId"] == json!(node.id())).count();
        (own == 1).then_some(())
    })
    .await;
    owner.catch_up().await;
}
