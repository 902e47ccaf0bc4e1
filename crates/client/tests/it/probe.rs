//! Layers, looked at one by one (promise P7).

use std::time::Duration;

use openclaw_client::{DialError, DialOptions, probe};
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::gateway::Gateway;

const DEADLINE: Duration = Duration::from_secs(5);

#[tokio::test]
async fn every_layer_of_a_gateway_is_seen_without_a_credential() {
    let (gateway, pin, _) = Gateway::start_tls("127.0.0.1").await;
    let endpoint = gateway.endpoint().with_pin(pin.clone());
    let serve = async {
        let (mut peer, params) = gateway.accept_connect().await;
        assert!(params.auth.is_none() && params.device.is_none());
        peer.refuse_connect("INVALID_REQUEST", "protocol mismatch", json!({"expectedProtocol": 4})).await;
    };
    let options = DialOptions::default();
    let (report, ()) = tokio::join!(probe(&endpoint, &options, DEADLINE), serve);
    assert!(report.problem().is_none(), "{report:?}");
    assert_eq!(report.tcp.unwrap().unwrap().port(), gateway.port());
    assert_eq!(report.tls.unwrap().unwrap(), pin);
    assert_eq!(report.protocol.unwrap().unwrap(), 4);
}

#[tokio::test]
async fn the_walk_stops_at_the_first_layer_that_fails() {
    let options = DialOptions::default();
    let endpoint = {
        let gateway = Gateway::start().await;
        gateway.endpoint()
    };
    let report = probe(&endpoint, &options, DEADLINE).await;
    assert!(matches!(report.resolve, Some(Ok(_))));
    assert!(matches!(report.problem(), Some(DialError::Unreachable { .. })), "{report:?}");
    assert!(report.websocket.is_none());

    let gateway = Gateway::start().await;
    let serve = async {
        let mut tcp = gateway.accept_tcp().await;
        let mut request = [0; 4096];
        assert!(tcp.read(&mut request).await.unwrap() > 0);
        tcp.write_all(b"HTTP/1.1 404 Not Found\r\n\r\n").await.unwrap();
    };
    let endpoint = gateway.endpoint();
    let (report, ()) = tokio::join!(probe(&endpoint, &options, DEADLINE), serve);
    assert!(matches!(report.tcp, Some(Ok(_))) && report.tls.is_none());
    assert!(matches!(report.problem(), Some(DialError::NotAGateway { .. })), "{report:?}");
    assert!(report.protocol.is_none());
}
