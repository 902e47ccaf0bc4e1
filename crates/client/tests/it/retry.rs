//! The one retry with a device token (SEC-019).

use std::{net::SocketAddr, sync::Arc};

use openclaw_client::{Connected, Credentials, DialError, DialOptions, Endpoint};
use openclaw_identity::Secret;
use openclaw_protocol::connect::ConnectAuth;
use serde_json::json;
use tokio_rustls::rustls;

use crate::gateway::{Gateway, Peer, hello, operator, token};

async fn dial(endpoint: &Endpoint, credentials: Credentials) -> Result<Connected, DialError> {
    let options = DialOptions::default();
    openclaw_client::dial_with_retry(endpoint, &operator(), &credentials, &options, &mut |_| {}).await
}

fn with_device_token() -> Credentials {
    Credentials { device_token: Some(Secret::new("stored")), ..token("stale") }
}

async fn refuse(peer: &mut Peer) {
    let details = json!({
        "code": "AUTH_TOKEN_MISMATCH", "authReason": "token_mismatch",
        "canRetryWithDeviceToken": true, "recommendedNextStep": "retry_with_device_token",
    });
    peer.refuse_connect("INVALID_REQUEST", "unauthorized: gateway token mismatch", details).await;
}

async fn next_auth(gateway: &Gateway) -> (Peer, ConnectAuth) {
    let (peer, params) = gateway.accept_connect().await;
    (peer, params.auth.unwrap())
}

#[tokio::test]
async fn sec_019_the_stored_device_token_is_offered_after_an_invitation() {
    let gateway = Gateway::start().await;
    let endpoint = gateway.endpoint();
    let serve = async {
        let (mut peer, auth) = next_auth(&gateway).await;
        assert_eq!((auth.token.as_deref(), auth.device_token), (Some("stale"), None));
        refuse(&mut peer).await;
        let (mut peer, auth) = next_auth(&gateway).await;
        assert_eq!((auth.token.as_deref(), auth.device_token.as_deref()), (Some("stale"), Some("stored")));
        peer.answer_connect(&hello(4)).await;
        peer
    };
    let (connected, _peer) = tokio::join!(dial(&endpoint, with_device_token()), serve);
    assert!(connected.is_ok(), "{connected:?}");
}

#[tokio::test]
async fn sec_019_there_is_exactly_one_retry() {
    let gateway = Gateway::start().await;
    let endpoint = gateway.endpoint();
    let serve = async {
        for _ in 0..2 {
            let (mut peer, _) = next_auth(&gateway).await;
            refuse(&mut peer).await;
        }
    };
    let (result, ()) = tokio::join!(dial(&endpoint, with_device_token()), serve);
    assert!(matches!(result, Err(DialError::Refused(_))), "{result:?}");
    assert!(gateway.nobody_came());
}

#[tokio::test]
async fn sec_019_an_untrusted_endpoint_never_sees_the_device_token() {
    // A certificate that an authority vouches for, but no pin, at a name that is not this machine's.
    let (gateway, _, certificate) = Gateway::start_tls("gateway.example").await;
    let mut roots = rustls::RootCertStore::empty();
    roots.add(certificate).unwrap();
    let options = DialOptions {
        roots: Some(Arc::new(roots)),
        addresses: vec![SocketAddr::from(([127, 0, 0, 1], gateway.port()))],
        ..DialOptions::default()
    };
    let endpoint = Endpoint::parse("wss://gateway.example").unwrap();
    let credentials = with_device_token();
    let serve = async {
        let (mut peer, _) = next_auth(&gateway).await;
        refuse(&mut peer).await;
    };
    let caller = operator();
    let mut ignore = |_: &_| {};
    let dialling = openclaw_client::dial_with_retry(&endpoint, &caller, &credentials, &options, &mut ignore);
    let (result, ()) = tokio::join!(dialling, serve);
    assert!(matches!(result, Err(DialError::Refused(_))), "{result:?}");
    assert!(gateway.nobody_came());
}

#[tokio::test]
async fn sec_019_without_an_invitation_there_is_no_retry() {
    let gateway = Gateway::start().await;
    let endpoint = gateway.endpoint();
    let serve = async {
        let (mut peer, _) = next_auth(&gateway).await;
        let details = json!({"code": "AUTH_TOKEN_MISMATCH", "canRetryWithDeviceToken": false});
        peer.refuse_connect("INVALID_REQUEST", "unauthorized: gateway token mismatch", details).await;
    };
    let (result, ()) = tokio::join!(dial(&endpoint, with_device_token()), serve);
    assert!(result.is_err());
    assert!(gateway.nobody_came());
}
