//! TLS and pins (SEC-015).

use std::{sync::Arc, time::Duration};

use openclaw_client::{DialError, DialOptions, Endpoint, EndpointError, Phase, TlsProblem, fetch_fingerprint};
use openclaw_identity::Fingerprint;
use tokio::io::AsyncReadExt as _;
use tokio_rustls::rustls;

use crate::gateway::{Gateway, dial, operator, pass, token};

#[tokio::test]
async fn sec_015_the_pinned_certificate_is_accepted_without_an_authority() {
    let (gateway, pin, _) = Gateway::start_tls("somebody.example").await;
    let endpoint = gateway.endpoint().with_pin(pin);
    let (connected, _peer) = tokio::join!(dial(&endpoint), gateway.welcome());
    assert!(connected.unwrap().connection.is_open());
}

#[tokio::test]
async fn sec_015_another_certificate_ends_the_handshake_before_the_first_websocket_byte() {
    let (gateway, found, _) = Gateway::start_tls("127.0.0.1").await;
    let pin = Fingerprint::of_der(b"another certificate");
    let endpoint = gateway.endpoint().with_pin(pin.clone());
    let serve = async {
        match gateway.accept_bytes().await {
            Err(_) => 0,
            Ok(mut stream) => {
                let mut seen = Vec::new();
                drop(stream.read_to_end(&mut seen).await);
                seen.len()
            }
        }
    };
    let (result, seen) = tokio::join!(dial(&endpoint), serve);
    assert_eq!(seen, 0);
    match result {
        Err(DialError::PinMismatch { expected, found: shown }) => assert_eq!((expected, shown), (pin, found)),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn sec_015_a_certificate_swapped_under_a_stored_pin_is_noticed() {
    let (first, pin, _) = Gateway::start_tls("127.0.0.1").await;
    let endpoint = first.endpoint().with_pin(pin.clone());
    let (connected, _peer) = tokio::join!(dial(&endpoint), first.welcome());
    connected.unwrap();
    let (second, ..) = Gateway::start_tls("127.0.0.1").await;
    let endpoint = second.endpoint().with_pin(pin);
    let (result, accepted) = tokio::join!(dial(&endpoint), second.accept_bytes());
    let error = result.unwrap_err();
    assert!(matches!(error, DialError::PinMismatch { .. }) && error.is_final(), "{error:?}");
    drop(accepted);
}

#[tokio::test]
async fn a_certificate_of_nobody_is_refused_and_its_fingerprint_shown() {
    let (gateway, fingerprint, _) = Gateway::start_tls("127.0.0.1").await;
    let (_, _, unrelated) = Gateway::start_tls("127.0.0.1").await;
    let endpoint = gateway.endpoint();
    let (result, accepted) = tokio::join!(dial_trusting(&endpoint, &unrelated), gateway.accept_bytes());
    match result {
        Err(DialError::Tls { problem: TlsProblem::UnknownIssuer, found, .. }) => assert_eq!(found, Some(fingerprint)),
        other => panic!("{other:?}"),
    }
    drop(accepted);
}

async fn dial_trusting(
    endpoint: &Endpoint,
    authority: &rustls::pki_types::CertificateDer<'static>,
) -> Result<openclaw_client::Connected, DialError> {
    let mut roots = rustls::RootCertStore::empty();
    roots.add(authority.clone()).unwrap();
    let options = DialOptions { roots: Some(Arc::new(roots)), ..DialOptions::default() };
    openclaw_client::dial(endpoint, &operator(), &token("t"), &options, &mut |_| {}).await
}

#[tokio::test]
async fn without_a_pin_an_authority_and_the_right_name_are_needed() {
    let (gateway, _, certificate) = Gateway::start_tls("127.0.0.1").await;
    let endpoint = gateway.endpoint();
    let (connected, _peer) = tokio::join!(dial_trusting(&endpoint, &certificate), gateway.welcome());
    assert!(connected.is_ok(), "{connected:?}");

    let (gateway, _, certificate) = Gateway::start_tls("elsewhere.example").await;
    let endpoint = gateway.endpoint();
    let (result, accepted) = tokio::join!(dial_trusting(&endpoint, &certificate), gateway.accept_bytes());
    assert!(matches!(result, Err(DialError::Tls { problem: TlsProblem::WrongName, .. })), "{result:?}");
    drop(accepted);
}

#[tokio::test]
async fn wss_to_a_plain_port_says_that_tls_is_not_spoken_there() {
    let gateway = Gateway::start().await;
    let pin = Fingerprint::of_der(b"x");
    let endpoint = Endpoint::parse(&format!("wss://127.0.0.1:{}", gateway.port())).unwrap().with_pin(pin);
    let serve = async {
        use tokio::io::AsyncWriteExt as _;
        let mut tcp = gateway.accept_tcp().await;
        tcp.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await.unwrap();
        let mut rest = Vec::new();
        drop(tcp.read_to_end(&mut rest).await);
    };
    let (result, ()) = tokio::join!(dial(&endpoint), serve);
    assert!(matches!(result, Err(DialError::Tls { problem: TlsProblem::NotTls, .. })), "{result:?}");
}

#[tokio::test]
async fn ws_to_a_tls_port_says_that_tls_is_spoken_there() {
    let (gateway, ..) = Gateway::start_tls("127.0.0.1").await;
    let endpoint = Endpoint::parse(&format!("ws://127.0.0.1:{}", gateway.port())).unwrap();
    let (result, accepted) = tokio::join!(dial(&endpoint), gateway.accept_bytes());
    assert!(accepted.is_err());
    assert!(result.unwrap_err().to_string().ends_with("use wss://"));
}

#[tokio::test]
async fn a_fingerprint_is_learnt_without_sending_anything() {
    let (gateway, expected, _) = Gateway::start_tls("127.0.0.1").await;
    let endpoint = gateway.endpoint();
    let serve = async {
        let mut stream = gateway.accept_bytes().await.unwrap();
        let mut seen = Vec::new();
        drop(stream.read_to_end(&mut seen).await);
        seen
    };
    let options = DialOptions::default();
    let (learnt, seen) = tokio::join!(fetch_fingerprint(&endpoint, &options, Duration::from_secs(5)), serve);
    assert_eq!(learnt.unwrap(), expected);
    assert!(seen.is_empty());
    let plain = Endpoint::parse("ws://127.0.0.1:1").unwrap();
    let error = fetch_fingerprint(&plain, &options, Duration::from_secs(5)).await.unwrap_err();
    assert!(matches!(error, DialError::Endpoint(EndpointError::PinWithoutTls)));
}

#[tokio::test]
async fn rel_037_a_stall_in_the_tls_handshake_ends_at_its_deadline() {
    let gateway = Gateway::start().await;
    let endpoint = Endpoint::parse(&format!("wss://127.0.0.1:{}", gateway.port())).unwrap();
    let endpoint = endpoint.with_pin(Fingerprint::of_der(b"x"));
    let serve = async {
        let mut tcp = gateway.accept_tcp().await;
        assert!(tcp.read(&mut [0; 4096]).await.unwrap() > 0);
        pass(Duration::from_secs(11)).await;
        tcp
    };
    let (result, _tcp) = tokio::join!(dial(&endpoint), serve);
    assert!(matches!(result, Err(DialError::Timeout { phase: Phase::Tls, .. })), "{result:?}");
}
