//! Peers that break the rules of HTTP, WebSocket and JSON, or take more than their share (security.md §§3, 18).

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use openclaw_testkit::{
    Device, RawSocket, TOKEN, TestGateway,
    raw::{connect_request, frame, text_frame},
    within,
};
use serde_json::{Value, json};

const READ: [&str; 1] = ["operator.read"];

/// A bare socket after hello-ok.
async fn admitted(gateway: &TestGateway) -> RawSocket {
    let (mut socket, nonce) = RawSocket::open(gateway.port()).await;
    let device = Device::operator(&READ);
    let mut params = device.params();
    params.auth = Some(TestGateway::auth());
    socket.write(&text_frame(&connect_request(params, device.key(), &nonce))).await;
    let (_, answer) = socket.read_frame().await.unwrap();
    assert_eq!(serde_json::from_slice::<Value>(&answer).unwrap()["ok"], true);
    socket
}

async fn lives(gateway: &TestGateway) {
    gateway.operator_peer(&READ, 4).await.1.catch_up().await;
}

#[tokio::test]
async fn sec_032_silence_is_closed_at_the_deadline_without_a_reason() {
    let gateway = TestGateway::start_with(json!({"gateway": {"handshakeTimeoutMs": 150}})).await;
    let mut silent = RawSocket::connect(gateway.port()).await;
    let (mut half, _) = RawSocket::open(gateway.port()).await;
    assert_eq!(half.closed().await, (1000, String::new()));
    within("the bare socket to end", silent.ended()).await;
    let mut peer = gateway.operator_peer(&READ, 4).await.1;
    tokio::time::sleep(Duration::from_millis(300)).await;
    peer.catch_up().await;
}

#[tokio::test]
async fn sec_191_before_the_handshake_64_kib_are_the_limit_and_1009_the_answer() {
    let gateway = TestGateway::start().await;
    for message in [
        frame(1, true, &vec![b' '; 65_537]),
        // A header that claims 2^63 bytes, and one that claims all there are: refused before a byte of it comes.
        [vec![0x81, 0xff], vec![0x80, 0, 0, 0, 0, 0, 0, 0], vec![0; 4]].concat(),
        [vec![0x81, 0xff], vec![0xff; 8], vec![0; 4]].concat(),
        [frame(1, false, &vec![b' '; 40_000]), frame(0, false, &vec![b' '; 40_000])].concat(),
    ] {
        let (mut socket, _) = RawSocket::open(gateway.port()).await;
        socket.write(&message).await;
        assert_eq!(socket.closed().await.0, 1009, "{:?}", message.get(..10));
    }
    let (mut socket, _) = RawSocket::open(gateway.port()).await;
    socket.write(&frame(1, true, &vec![b' '; 65_536])).await;
    assert_eq!(socket.closed().await.0, 1000, "the largest message is read, and is no JSON");
    lives(&gateway).await;
}

#[tokio::test]
async fn sec_191_many_tiny_fragments_are_one_message() {
    let gateway = TestGateway::start().await;
    let (mut socket, _) = RawSocket::open(gateway.port()).await;
    let mut bytes = frame(1, false, b" ");
    for _ in 0..70_000 {
        bytes.extend(frame(0, false, b" "));
    }
    socket.write(&bytes).await;
    assert_eq!(socket.closed().await.0, 1009);
}

#[tokio::test]
async fn sec_191_after_the_handshake_25_mib_are_the_limit() {
    let gateway = TestGateway::start().await;
    let mut socket = admitted(&gateway).await;
    let mut header = vec![0x81, 0xff];
    header.extend_from_slice(&(26_214_401_u64).to_be_bytes());
    header.extend_from_slice(&[0; 4]);
    socket.write(&header).await;
    assert_eq!(socket.closed().await.0, 1009);
    lives(&gateway).await;
}

#[tokio::test]
async fn sec_192_deep_json_is_refused_and_the_connection_lives_on() {
    let gateway = TestGateway::start().await;
    let (mut socket, _) = RawSocket::open(gateway.port()).await;
    socket.write(&text_frame(&"[".repeat(60_000))).await;
    assert_eq!(socket.closed().await, (1008, "invalid request frame".to_owned()));
    let mut peer = gateway.operator_peer(&READ, 4).await.1;
    peer.send_text("[".repeat(1 << 20)).await;
    let error = peer.answer("invalid").await.unwrap_err();
    assert_eq!(error["message"], "invalid request frame: nested deeper than 64 levels");
    let deep = format!(r#"{{"type":"req","id":"d","method":"health","params":{}{}}}"#, "[".repeat(64), "]".repeat(64));
    peer.send_text(deep).await;
    assert_eq!(peer.answer("invalid").await.unwrap_err()["code"], "INVALID_REQUEST");
    peer.catch_up().await;
}

#[tokio::test]
async fn sec_192_text_that_is_no_utf_8_is_closed_with_1007() {
    let gateway = TestGateway::start().await;
    let mut socket = admitted(&gateway).await;
    socket.write(&frame(1, true, b"{\"type\":\"\xff\xfe\"}")).await;
    assert_eq!(socket.closed().await.0, 1007);
}

#[tokio::test]
async fn frames_that_are_no_requests_are_answered_under_their_id_and_no_json_is_ignored() {
    let gateway = TestGateway::start().await;
    let mut peer = gateway.operator_peer(&READ, 4).await.1;
    for (text, id, problem) in [
        (r#"{"type":"req","id":"a"}"#, "a", "must have required property 'method'"),
        (r#"{"type":"req","id":"b","method":"health","foo":1}"#, "b", "at root: unexpected property 'foo'"),
        (r#"{"type":"req","id":"c","method":""}"#, "c", "at /method: must NOT have fewer than 1 characters"),
        (r#"{"type":"req","method":"health"}"#, "invalid", "must have required property 'id'"),
        (r#"{"type":"req","id":"","method":"health"}"#, "invalid", "at /id: must NOT have fewer than 1 characters"),
    ] {
        peer.send_text(text).await;
        let error = peer.answer(id).await.unwrap_err();
        assert_eq!(error["code"], "INVALID_REQUEST");
        assert_eq!(error["message"], format!("invalid request frame: {problem}"), "{text}");
    }
    peer.send_text("this is not JSON").await;
    peer.catch_up().await;
    let name = "m".repeat(257);
    let error = peer.call(&name, json!({})).await.unwrap_err();
    assert!(error["message"].as_str().unwrap().contains("must NOT have more than 256 characters"), "{error}");
}

#[tokio::test]
async fn sec_193_one_connection_runs_at_most_256_requests_at_once() {
    let gateway = TestGateway::start().await;
    let (node, mut host) = gateway.node_peer(&["system.which"], 4).await;
    let mut owner = gateway.owner_peer().await;
    let mut ids = Vec::new();
    for n in 0..256 {
        let params = json!({
            "nodeId": node.id(), "command": "system.which", "params": {"bins": []}, "idempotencyKey": format!("k{n}"),
        });
        ids.push(owner.send("node.invoke", params).await);
    }
    let error = owner.call("health", json!({})).await.unwrap_err();
    assert_eq!((&error["code"], &error["retryable"]), (&json!("UNAVAILABLE"), &json!(true)));
    for _ in 0..256 {
        let request = host.invoked().await;
        host.finish(&request, json!({"ok": true, "payload": {}})).await.unwrap();
    }
    for id in ids {
        owner.answer(&id).await.unwrap();
    }
    owner.catch_up().await;
}

#[tokio::test]
async fn sec_196_a_flood_of_pings_ends_the_connection_and_a_few_are_answered() {
    let gateway = TestGateway::start().await;
    let mut socket = admitted(&gateway).await;
    for _ in 0..5 {
        socket.write(&frame(9, true, b"hi")).await;
    }
    let mut pongs = 0;
    while pongs < 5 {
        let (opcode, payload) = socket.read_frame().await.expect("the connection lives");
        if opcode == 10 {
            assert_eq!(payload, b"hi");
            pongs += 1;
        }
    }
    socket.write(&frame(9, true, b"hi").repeat(50)).await;
    assert_eq!(socket.closed().await, (1008, "too many pings".to_owned()));
}

#[tokio::test]
async fn sec_196_oversized_heads_are_refused() {
    let gateway = TestGateway::start().await;
    let host = format!("127.0.0.1:{}", gateway.port());
    let many: Vec<_> = (0..101).map(|n| (format!("X-H{n}"), "1".to_owned())).collect();
    let big = vec![("X-Big".to_owned(), "a".repeat(17 << 10))];
    for headers in [many, big] {
        let refused = RawSocket::upgrade(gateway.port(), &host, &headers).await.err();
        assert!(refused.is_some_and(|(status, _)| status == 431 || status == 400 || status == 0));
    }
    let mut socket = RawSocket::connect(gateway.port()).await;
    let request = format!("GET /{} HTTP/1.1\r\nHost: {host}\r\n\r\n", "a".repeat(9 << 10));
    socket.write(request.as_bytes()).await;
    socket.expect_text("414").await;
    lives(&gateway).await;
}

#[tokio::test]
async fn sec_190_idle_sockets_do_not_keep_the_owner_out_and_leak_no_place() {
    let gateway = TestGateway::start_with(json!({"gateway": {"handshakeTimeoutMs": 700}})).await;
    let silent = join_all((0..150).map(|_| RawSocket::connect(gateway.port()))).await;
    let half_open = join_all((0..150).map(|_| RawSocket::open(gateway.port()))).await;
    let asked = Instant::now();
    drop(gateway.owner_peer().await);
    assert!(asked.elapsed() < Duration::from_secs(5), "{:?}", asked.elapsed());
    let mut all: Vec<RawSocket> = silent.into_iter().chain(half_open.into_iter().map(|(socket, _)| socket)).collect();
    within("every idle socket to end", join_all(all.iter_mut().map(RawSocket::ended))).await;
    lives(&gateway).await;
}

#[tokio::test]
async fn sec_033_of_a_hundred_parallel_guesses_ten_reach_the_comparison() {
    // Another credential beside it, another address in a header: neither opens a second account.
    let config = json!({"gateway": {"auth": {"rateLimit": {"exemptLoopback": false}}}});
    let gateway = TestGateway::start_with(config).await;
    let (compared, limited) = guesses(&gateway, 100).await;
    assert_eq!((compared, limited), (10, 90));
    let right = gateway.knock(&Device::operator(&READ)).from_elsewhere().token(TOKEN).open().await.err().unwrap();
    assert_eq!(right.detail(), "AUTH_RATE_LIMITED");
}

/// Guesses in parallel from one place: how many were compared, how many were turned away before.
async fn guesses(gateway: &TestGateway, count: usize) -> (usize, usize) {
    let knocks = (0..count).map(|n| {
        let device = Device::operator(&READ);
        let knock = gateway.knock(&device).from_elsewhere().token(&format!("guess {n}"));
        let knock = if n % 3 == 1 { knock.device_token("bogus") } else { knock };
        let knock = if n % 3 == 2 { knock.header("X-Forwarded-For", &format!("203.0.113.{n}")) } else { knock };
        knock.open()
    });
    let answers = join_all(knocks).await;
    let count =
        |code: &str| answers.iter().filter(|no| no.as_ref().err().is_some_and(|no| no.detail() == code)).count();
    (count("AUTH_TOKEN_MISMATCH"), count("AUTH_RATE_LIMITED"))
}

#[tokio::test]
async fn sec_033_somebody_elses_guesses_do_not_lock_a_paired_device_out() {
    let gateway = TestGateway::start_with(json!({"gateway": {"auth": {"rateLimit": {"exemptLoopback": false}}}})).await;
    let device = Device::node(&["system.which"]);
    let token = gateway.knock(&device).token(TOKEN).open().await.unwrap().device_token();
    // Official clients show the token of their device where the shared one belongs: that is no guess.
    for _ in 0..15 {
        let knock = gateway.knock(&device).from_elsewhere().token(&token).device_token(&token);
        knock.open().await.expect("a paired device");
    }
    assert_eq!(guesses(&gateway, 30).await.0, 10, "the device's own token was not counted");
    gateway.knock(&device).from_elsewhere().token(&token).device_token(&token).open().await.expect("by its key");
    // Its key is no licence to guess: what it shows beside it is not even compared.
    let wider = device.as_other(&Device::operator(&["operator.admin"]));
    let refused = gateway.knock(&wider).from_elsewhere().token(TOKEN).open().await.err().unwrap();
    assert_eq!(refused.detail(), "AUTH_RATE_LIMITED");
}

#[tokio::test]
async fn sec_033_a_paired_device_cannot_guess_the_shared_secret_without_being_counted() {
    let gateway = TestGateway::start_with(json!({"gateway": {"auth": {"rateLimit": {"exemptLoopback": false}}}})).await;
    let device = Device::operator(&READ);
    drop(gateway.knock(&device).token(TOKEN).open().await.unwrap());
    for n in 0..10 {
        let knock = gateway.knock(&device).from_elsewhere().token(&format!("guess {n}"));
        knock.open().await.expect("it comes in by its key, whatever else it shows");
    }
    let stranger = gateway.knock(&Device::operator(&READ)).from_elsewhere().token("wrong").open().await.err().unwrap();
    assert_eq!(stranger.detail(), "AUTH_RATE_LIMITED");
}
