//! What is not a gateway (SEC-016, REL-037).

use openclaw_client::{DialError, NotAGateway, Phase};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::gateway::{Gateway, dial};

/// Dials a server that answers the upgrade with these bytes and hangs up.
async fn answered(bytes: &[u8]) -> DialError {
    let gateway = Gateway::start().await;
    let endpoint = gateway.endpoint();
    let serve = async {
        let mut tcp = gateway.accept_tcp().await;
        let mut request = [0; 4096];
        assert!(tcp.read(&mut request).await.unwrap() > 0);
        tcp.write_all(bytes).await.unwrap();
    };
    let (result, ()) = tokio::join!(dial(&endpoint), serve);
    result.unwrap_err()
}

fn answer(error: &DialError) -> &NotAGateway {
    match error {
        DialError::NotAGateway { answer, .. } => answer,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn sec_016_no_redirect_is_followed() {
    for status in [301, 302, 303, 307, 308] {
        let gateway = Gateway::start().await;
        let other = Gateway::start().await;
        let endpoint = gateway.endpoint();
        let serve = async {
            let mut tcp = gateway.accept_tcp().await;
            let mut request = [0; 4096];
            assert!(tcp.read(&mut request).await.unwrap() > 0);
            let location = format!("http://127.0.0.1:{}/", other.port());
            let answer = format!("HTTP/1.1 {status} Elsewhere\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n");
            tcp.write_all(answer.as_bytes()).await.unwrap();
        };
        let (result, ()) = tokio::join!(dial(&endpoint), serve);
        let error = result.unwrap_err();
        assert!(matches!(answer(&error), NotAGateway::Http { location: Some(_), .. }), "{error:?}");
        assert!(error.to_string().contains("which is not followed"), "{error}");
        assert!(other.nobody_came(), "{status}");
    }
}

#[tokio::test]
async fn http_answers_are_told_with_status_and_the_start_of_the_body() {
    let busy = answered(b"HTTP/1.1 503 Busy\r\n\r\nToo many unauthenticated sockets").await;
    assert!(answer(&busy).is_transient());
    assert!(busy.to_string().ends_with("HTTP 503: Too many unauthenticated sockets"), "{busy}");
    let forbidden = answered(b"HTTP/1.1 403 Forbidden\r\n\r\n{\"error\":{}}").await;
    assert!(!answer(&forbidden).is_transient());
    let page = answered(b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n<html>\x1b]0;hello\x07</html>").await;
    assert!(page.to_string().ends_with("HTTP 200: <html> ]0;hello </html>"), "{page}");
}

#[tokio::test]
async fn an_upgrade_with_a_wrong_accept_key_is_no_gateway() {
    let fake = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
        Sec-WebSocket-Accept: AAAAAAAAAAAAAAAAAAAAAAAAAAA=\r\n\r\n";
    let error = answered(fake).await;
    assert!(matches!(answer(&error), NotAGateway::Other { .. }), "{error:?}");
}

#[tokio::test]
async fn other_servers_are_told_apart() {
    let ssh = answered(b"SSH-2.0-OpenSSH_9.6\r\n").await;
    assert!(ssh.to_string().ends_with(": SSH-2.0-OpenSSH_9.6"), "{ssh}");
    let tls = answered(&[21, 3, 1, 0, 2, 2, 70]).await;
    assert!(tls.to_string().ends_with("use wss://"), "{tls}");
}

#[tokio::test]
async fn sec_017_an_endless_answer_to_the_upgrade_is_cut_off() {
    let mut endless = b"HTTP/1.1 200 OK\r\nX: ".to_vec();
    endless.resize(200_000, b'a');
    let gateway = Gateway::start().await;
    let endpoint = gateway.endpoint();
    let serve = async {
        let mut tcp = gateway.accept_tcp().await;
        // The client hangs up in the middle of it.
        drop(tcp.write_all(&endless).await);
        tcp
    };
    let (result, _tcp) = tokio::join!(dial(&endpoint), serve);
    assert!(matches!(result, Err(DialError::NotAGateway { .. })), "{result:?}");
}

#[tokio::test]
async fn rel_037_a_server_that_hangs_up_without_a_word_is_a_closed_connection() {
    let error = answered(b"").await;
    assert!(matches!(error, DialError::Closed { phase: Phase::Upgrade, .. }), "{error:?}");
    assert!(!error.is_final());
}
