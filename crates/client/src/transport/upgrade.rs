//! The HTTP upgrade. No redirect is followed and no credential is sent (SEC-016, SEC-018).

use std::{
    io::{self, IoSlice},
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll, ready},
};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_websockets::{ClientBuilder, Error};

use super::{Socket, Stream, tcp::address_of};
use crate::{CloseInfo, DialError, NotAGateway, Phase, WsUrl, ws};

/// Largest answer to the upgrade request.
const MAX_ANSWER_BYTES: usize = 64 << 10;
/// So much of a body is shown to people.
const EXCERPT_CHARS: usize = 160;

/// Asks the server to upgrade to the gateway's socket.
pub(crate) async fn upgrade(url: &WsUrl, stream: Stream) -> Result<Socket, DialError> {
    let scheme = if url.is_tls() { "wss" } else { "ws" };
    let uri = format!("{scheme}://{}{}", address_of(url), url.path());
    let builder = ClientBuilder::new().uri(&uri).map_err(|problem| DialError::Handshake {
        problem: format!("the address cannot be sent as an HTTP request: {problem}"),
    })?;
    let answer = Arc::new(Mutex::new(Vec::new()));
    let recorded = Recorded { stream, answer: Some(answer.clone()) };
    match builder.limits(ws::limits()).config(ws::config()).connect_on(recorded).await {
        Ok((mut socket, _)) => {
            socket.get_mut().answer = None;
            Ok(socket)
        }
        Err(error) => {
            let answer = std::mem::take(&mut *answer.lock().unwrap_or_else(PoisonError::into_inner));
            Err(failure(url, &error, &answer))
        }
    }
}

fn failure(url: &WsUrl, error: &Error, answer: &[u8]) -> DialError {
    let close = |detail: String| DialError::Closed { phase: Phase::Upgrade, close: CloseInfo::lost(detail) };
    match (error, answer) {
        (Error::Io(error), []) if error.kind() == io::ErrorKind::UnexpectedEof => {
            close("the server closed it without an answer".to_owned())
        }
        (Error::Io(error), []) => close(error.to_string()),
        _ => DialError::NotAGateway { address: address_of(url), answer: describe(error, answer) },
    }
}

fn describe(error: &Error, answer: &[u8]) -> NotAGateway {
    // A TLS server answers plaintext with an alert record (type 21, version 3.x).
    if let [21, 3, ..] = answer {
        return NotAGateway::Tls;
    }
    let text = String::from_utf8_lossy(answer);
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or((text.as_ref(), ""));
    let status = head.strip_prefix("HTTP/1.").and_then(|rest| rest.get(2..5)).and_then(|code| code.parse().ok());
    match status {
        Some(400) if body.contains("HTTPS") => NotAGateway::Tls,
        Some(status) if status != 101 => {
            let location = head.lines().find_map(|line| {
                let (name, value) = line.split_once(':')?;
                name.eq_ignore_ascii_case("location").then(|| excerpt(value))
            });
            NotAGateway::Http { status, location, excerpt: excerpt(body) }
        }
        _ => NotAGateway::Other { problem: format!("no WebSocket answer ({error})"), excerpt: excerpt(head) },
    }
}

/// The start of a foreign text, fit for a terminal: one line, no control characters.
fn excerpt(text: &str) -> String {
    let clean = text.split(|c: char| c.is_control() || c.is_whitespace()).filter(|word| !word.is_empty());
    let one_line = clean.collect::<Vec<_>>().join(" ");
    match one_line.char_indices().nth(EXCERPT_CHARS) {
        Some((end, _)) => format!("{}…", one_line.get(..end).unwrap_or_default()),
        None => one_line,
    }
}

/// A stream that keeps what the server answers until the upgrade is done, and limits it.
pub(crate) struct Recorded {
    stream: Stream,
    answer: Option<Arc<Mutex<Vec<u8>>>>,
}

impl AsyncRead for Recorded {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(cx, buf))?;
        if let Some(answer) = &self.answer {
            let mut answer = answer.lock().unwrap_or_else(PoisonError::into_inner);
            answer.extend_from_slice(buf.filled().get(before..).unwrap_or_default());
            if answer.len() > MAX_ANSWER_BYTES {
                return Poll::Ready(Err(io::Error::other("the answer to the upgrade request is too long")));
            }
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Recorded {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn described(answer: &[u8]) -> NotAGateway {
        describe(&Error::AlreadyClosed, answer)
    }

    #[test]
    fn answers_are_told_apart() {
        let http = |status, location: Option<&str>, excerpt: &str| NotAGateway::Http {
            status,
            location: location.map(str::to_owned),
            excerpt: excerpt.to_owned(),
        };
        assert_eq!(
            described(b"HTTP/1.1 403 Forbidden\r\nX: y\r\n\r\n<b>\x1b[2J no</b>"),
            http(403, None, "<b> [2J no</b>")
        );
        assert_eq!(
            described(b"HTTP/1.1 302 Found\r\nlocation: https://evil/\r\n\r\n"),
            http(302, Some("https://evil/"), "")
        );
        assert_eq!(described(&[21, 3, 1, 0, 2, 2, 70]), NotAGateway::Tls);
        assert!(
            matches!(described(b"SSH-2.0-OpenSSH_9.6\r\n"), NotAGateway::Other { excerpt, .. } if excerpt == "SSH-2.0-OpenSSH_9.6")
        );
        assert!(matches!(described(&[0xff; 9]), NotAGateway::Other { .. }));
    }

    #[test]
    fn an_excerpt_is_short_and_harmless() {
        let long = "é\u{7}".repeat(500);
        let short = excerpt(&long);
        assert!(short.chars().count() <= EXCERPT_CHARS + 1 && !short.contains('\u{7}'));
    }
}
