//! From an HTTP request to a WebSocket (RFC 6455 §4.2). No extension and no subprotocol is ever agreed on.

use base64::{Engine, engine::general_purpose::STANDARD};
use hyper::{
    HeaderMap, Method, Request, Response, StatusCode, Version,
    header::{CONNECTION, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_VERSION, UPGRADE},
    upgrade::Upgraded,
};
use hyper_util::rt::TokioIo;
use ring::digest;
use tokio::net::TcpStream;

use super::socket::Transport;

/// Appended to the client's key before hashing, so that only a WebSocket server answers right.
const GUID: &str = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// What an upgrade request asks for.
pub(crate) enum Wish {
    /// An ordinary HTTP request.
    NoUpgrade,
    /// A good one: the value of `Sec-WebSocket-Accept`.
    Accept(String),
    /// It wants a WebSocket and asks for it wrongly.
    Bad(StatusCode, &'static str),
}

/// Reads the headers of a request.
pub(crate) fn wish<B>(request: &Request<B>) -> Wish {
    let headers = request.headers();
    if !has_token(headers, UPGRADE.as_str(), "websocket") {
        return Wish::NoUpgrade;
    }
    if request.method() != Method::GET || request.version() < Version::HTTP_11 {
        return Wish::Bad(StatusCode::BAD_REQUEST, "a WebSocket is opened by GET over HTTP/1.1");
    }
    if !has_token(headers, CONNECTION.as_str(), "upgrade") {
        return Wish::Bad(StatusCode::BAD_REQUEST, "the header Connection: upgrade is missing");
    }
    if headers.get(SEC_WEBSOCKET_VERSION).is_none_or(|version| version.as_bytes() != b"13") {
        return Wish::Bad(StatusCode::UPGRADE_REQUIRED, "only WebSocket version 13 is spoken here");
    }
    let key = headers.get(SEC_WEBSOCKET_KEY).and_then(|key| key.to_str().ok()).map(str::trim);
    match key.filter(|key| STANDARD.decode(key).is_ok_and(|raw| raw.len() == 16)) {
        Some(key) => Wish::Accept(accept_key(key)),
        None => Wish::Bad(StatusCode::BAD_REQUEST, "Sec-WebSocket-Key has to be 16 bytes in base64"),
    }
}

/// The answer that completes the upgrade.
pub(crate) fn switching<B: Default>(accept: &str) -> Response<B> {
    let mut response = Response::new(B::default());
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let headers = response.headers_mut();
    headers.insert(UPGRADE, hyper::header::HeaderValue::from_static("websocket"));
    headers.insert(CONNECTION, hyper::header::HeaderValue::from_static("Upgrade"));
    if let Ok(accept) = accept.parse() {
        headers.insert(SEC_WEBSOCKET_ACCEPT, accept);
    }
    response
}

/// The bytes behind an upgraded connection: the bare socket where nothing was read ahead and no TLS is in between,
/// which spares a layer for each idle connection.
pub(crate) fn transport(upgraded: Upgraded) -> Box<dyn Transport> {
    match upgraded.downcast::<TokioIo<TcpStream>>() {
        Ok(parts) if parts.read_buf.is_empty() => Box::new(parts.io.into_inner()),
        Ok(parts) => Box::new(ReadAhead { rest: parts.read_buf, inner: parts.io.into_inner() }),
        Err(upgraded) => Box::new(TokioIo::new(upgraded)),
    }
}

/// A socket some of whose bytes were read already.
struct ReadAhead {
    rest: bytes::Bytes,
    inner: TcpStream,
}

impl tokio::io::AsyncRead for ReadAhead {
    fn poll_read(
        mut self: std::pin::Pin<&mut Self>,
        cx: &mut std::task::Context<'_>,
        buffer: &mut tokio::io::ReadBuf<'_>,
    ) -> std::task::Poll<std::io::Result<()>> {
        if self.rest.is_empty() {
            return std::pin::Pin::new(&mut self.inner).poll_read(cx, buffer);
        }
        let count = self.rest.len().min(buffer.remaining());
        let some = self.rest.split_to(count);
        buffer.put_slice(&some);
        std::task::Poll::Ready(Ok(()))
    }
}

impl tokio::io::AsyncWrite for ReadAhead {
    fn poll_write(
        mut self: std::pin::Pin<&mut Self>,
        cx: &mut std::task::Context<'_>,
        bytes: &[u8],
    ) -> std::task::Poll<std::io::Result<usize>> {
        std::pin::Pin::new(&mut self.inner).poll_write(cx, bytes)
    }

    fn poll_flush(
        mut self: std::pin::Pin<&mut Self>,
        cx: &mut std::task::Context<'_>,
    ) -> std::task::Poll<std::io::Result<()>> {
        std::pin::Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(
        mut self: std::pin::Pin<&mut Self>,
        cx: &mut std::task::Context<'_>,
    ) -> std::task::Poll<std::io::Result<()>> {
        std::pin::Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}

fn has_token(headers: &HeaderMap, name: &str, token: &str) -> bool {
    headers
        .get_all(name)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|part| part.trim().eq_ignore_ascii_case(token))
}

fn accept_key(key: &str) -> String {
    let mut hash = digest::Context::new(&digest::SHA1_FOR_LEGACY_USE_ONLY);
    hash.update(key.as_bytes());
    hash.update(GUID.as_bytes());
    STANDARD.encode(hash.finish())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(change: impl FnOnce(&mut HeaderMap)) -> Request<()> {
        let mut request = Request::new(());
        let headers = request.headers_mut();
        headers.insert(UPGRADE, "WebSocket".parse().unwrap());
        headers.insert(CONNECTION, "keep-alive, Upgrade".parse().unwrap());
        headers.insert(SEC_WEBSOCKET_VERSION, "13".parse().unwrap());
        headers.insert(SEC_WEBSOCKET_KEY, "dGhlIHNhbXBsZSBub25jZQ==".parse().unwrap());
        change(headers);
        request
    }

    #[test]
    fn the_answer_of_the_rfc_is_given() {
        assert!(matches!(wish(&request(|_| {})), Wish::Accept(key) if key == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="));
    }

    #[test]
    fn sec_196_bad_upgrades_are_refused_with_a_reason() {
        let status = |change: fn(&mut HeaderMap)| match wish(&request(change)) {
            Wish::Bad(status, _) => status.as_u16(),
            Wish::NoUpgrade => 0,
            Wish::Accept(_) => 101,
        };
        assert_eq!(status(|h| drop(h.remove(CONNECTION))), 400);
        assert_eq!(status(|h| drop(h.insert(SEC_WEBSOCKET_KEY, "short".parse().unwrap()))), 400);
        assert_eq!(status(|h| drop(h.insert(SEC_WEBSOCKET_VERSION, "8".parse().unwrap()))), 426);
        assert_eq!(status(|h| drop(h.remove(UPGRADE))), 0);
    }
}
