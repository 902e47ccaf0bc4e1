//! The client's side of the handshake (protocol.md §3).
//!
//! 1. The gateway sends `connect.challenge` with a nonce.
//! 2. We sign nonce, time, identity, role, scopes and the credential, and send `connect`.
//! 3. The gateway answers with hello-ok or with an error and a close frame; or it sends `pairing.waiting` and answers
//!    when a person has decided (promise P2).

use std::{borrow::Cow, time::Duration};

use futures_util::{SinkExt as _, StreamExt as _};
use openclaw_identity::sign_connect;
use openclaw_protocol::{
    events::core,
    frame::{OutRequest, too_deep},
    hello::{HelloOk, WAITING_EVENT, Waiting},
    limits,
    version::Dialect,
};
use serde::Deserialize;
use serde_json::value::RawValue;
use tokio::time::{Instant, timeout, timeout_at};
use tokio_websockets::{Error, Message};

use crate::{
    Caller, CloseInfo, Credentials, DialError, DialOptions, Phase, Refusal,
    caller::Attempt,
    connection,
    transport::{Socket, within},
};

/// The id of the one request of a handshake.
pub(crate) const CONNECT_ID: &str = "connect";
/// How long the close frame may take that follows an error.
const CLOSE_FRAME_TIMEOUT: Duration = Duration::from_millis(250);
/// A clock that differs more from the gateway's is not trusted with the time of signing; the gateway allows twice that
/// ([`limits::SIGNATURE_SKEW_MS`]).
const CLOCK_SKEW_MS: u64 = limits::SIGNATURE_SKEW_MS / 2;
/// The bounds of `policy.tickIntervalMs` (SEC-017): 1 s to 10 min.
const TICK_BOUNDS_MS: (u64, u64) = (1_000, 600_000);
/// Longest nonce that is signed.
const MAX_NONCE_BYTES: usize = 256;

/// What one handshake is about.
pub(crate) struct Request<'a> {
    pub(crate) caller: &'a Caller,
    pub(crate) credentials: &'a Credentials,
    pub(crate) attempt: Attempt,
    pub(crate) options: &'a DialOptions,
}

/// The gateway's challenge.
pub(crate) struct Nonce {
    pub(crate) text: String,
    /// The gateway's clock, when it says it.
    gateway_ms: Option<u64>,
}

/// Does the handshake on an open socket.
pub(crate) async fn run(
    socket: &mut Socket,
    request: &Request<'_>,
    on_waiting: &mut (dyn FnMut(&Waiting) + Send),
) -> Result<(HelloOk, Dialect), DialError> {
    let nonce = challenge(socket, request.options.step_timeout).await?;
    let mut params = request.attempt.params(request.caller, request.credentials);
    if let Some(key) = &request.caller.key {
        let signed_at = time_of_signing(request.options.clock.now_ms(), nonce.gateway_ms);
        sign_connect(&mut params, key, request.caller.role, &nonce.text, signed_at);
    }
    let unreadable = |error: serde_json::Error| DialError::Handshake { problem: error.to_string() };
    let text = serde_json::to_string(&OutRequest::new(CONNECT_ID, "connect", &params)).map_err(unreadable)?;
    if text.len() > limits::PREAUTH_MAX_BYTES {
        let problem =
            format!("the connect request has {} bytes, a gateway takes {}", text.len(), limits::PREAUTH_MAX_BYTES);
        return Err(DialError::Handshake { problem });
    }
    send(socket, text, request.options.answer_timeout).await?;
    answer(socket, request.options.answer_timeout, on_waiting).await
}

/// Waits for the challenge and checks its nonce.
pub(crate) async fn challenge(socket: &mut Socket, deadline: Duration) -> Result<Nonce, DialError> {
    #[derive(Deserialize)]
    struct Challenge {
        nonce: String,
        #[serde(default)]
        ts: Option<u64>,
    }
    let wait = async {
        loop {
            let frame = next_frame(socket, Phase::Challenge).await?;
            let Some(frame) = Frame::read(&frame)? else { continue };
            if frame.event.as_deref() != Some(core::CONNECT_CHALLENGE.name) {
                continue;
            }
            let payload = frame.payload.map_or("null", RawValue::get);
            let challenge: Challenge = serde_json::from_str(payload)
                .map_err(|error| DialError::Handshake { problem: format!("connect.challenge: {error}") })?;
            return nonce_of(challenge.nonce, challenge.ts);
        }
    };
    within(Phase::Challenge, deadline, wait).await
}

/// The fields of the signed text are joined by `|` without escaping, so a nonce with one could move their borders.
fn nonce_of(text: String, gateway_ms: Option<u64>) -> Result<Nonce, DialError> {
    let plain = text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'|');
    if text.is_empty() || text.len() > MAX_NONCE_BYTES || !plain {
        return Err(DialError::Handshake { problem: "the nonce of connect.challenge is not plain text".to_owned() });
    }
    Ok(Nonce { text, gateway_ms })
}

/// Our clock, unless the gateway would refuse it: then the gateway's. The nonce, not the time, makes a signature
/// single-use, so nothing is lost by it, and a machine whose clock is wrong can connect.
fn time_of_signing(own_ms: u64, gateway_ms: Option<u64>) -> u64 {
    match gateway_ms {
        Some(gateway_ms) if own_ms.abs_diff(gateway_ms) > CLOCK_SKEW_MS => {
            let seconds = own_ms.abs_diff(gateway_ms) / 1_000;
            tracing::warn!(skew_s = seconds, "this clock and the gateway's differ by {seconds} s, using the gateway's");
            gateway_ms
        }
        _ => own_ms,
    }
}

pub(crate) async fn send(socket: &mut Socket, text: String, deadline: Duration) -> Result<(), DialError> {
    match timeout(deadline, socket.send(Message::text(text))).await {
        Ok(Ok(())) => Ok(()),
        // The answer may be there although the peer takes nothing more; reading finds out.
        Ok(Err(error)) => {
            tracing::debug!(%error, "the connect request could not be sent");
            Ok(())
        }
        Err(_elapsed) => Err(DialError::Timeout { phase: Phase::Answer, after: deadline }),
    }
}

pub(crate) async fn answer(
    socket: &mut Socket,
    deadline: Duration,
    on_waiting: &mut (dyn FnMut(&Waiting) + Send),
) -> Result<(HelloOk, Dialect), DialError> {
    let mut phase = Phase::Answer;
    let give_up = Instant::now() + deadline;
    loop {
        let text = if phase == Phase::Answer {
            let text = timeout_at(give_up, next_frame(socket, phase)).await;
            text.unwrap_or(Err(DialError::Timeout { phase, after: deadline }))?
        } else {
            alive_frame(socket).await?
        };
        let Some(frame) = Frame::read(&text)? else { continue };
        if frame.event.as_deref() == Some(WAITING_EVENT) {
            phase = Phase::WaitingRoom;
            match serde_json::from_str::<Waiting>(frame.payload.map_or("null", RawValue::get)) {
                Ok(waiting) => on_waiting(&waiting),
                Err(error) => tracing::debug!(%error, "what the gateway waits for could not be read"),
            }
        } else if frame.kind == "res" && frame.id.as_deref() == Some(CONNECT_ID) {
            let error = frame.error.map(RawValue::get);
            return if frame.ok { hello(frame.payload) } else { Err(refused(socket, error).await) };
        }
    }
}

fn hello(payload: Option<&RawValue>) -> Result<(HelloOk, Dialect), DialError> {
    let problem = |problem: String| DialError::Handshake { problem: format!("hello-ok: {problem}") };
    let mut hello: HelloOk =
        serde_json::from_str(payload.map_or("null", RawValue::get)).map_err(|error| problem(error.to_string()))?;
    let dialect = Dialect::of_number(hello.protocol)
        .ok_or_else(|| problem(format!("it answers in protocol {}", hello.protocol)))?;
    let policy = &mut hello.policy;
    policy.tick_interval_ms = policy.tick_interval_ms.clamp(TICK_BOUNDS_MS.0, TICK_BOUNDS_MS.1);
    policy.max_payload = policy.max_payload.min(limits::MAX_PAYLOAD_BYTES as u64);
    policy.max_buffered_bytes = policy.max_buffered_bytes.min(limits::MAX_BUFFERED_BYTES as u64);
    Ok((hello, dialect))
}

async fn refused(socket: &mut Socket, error: Option<&str>) -> DialError {
    let error = connection::error_of(error);
    let close = timeout(CLOSE_FRAME_TIMEOUT, async {
        loop {
            if let Err(DialError::Closed { close, .. }) = next_frame(socket, Phase::Answer).await {
                return close;
            }
        }
    });
    let close = close.await.ok().filter(|close| close.kind == crate::CloseKind::Gateway);
    let (close_code, close_reason) = close.map_or((None, String::new()), |close| (Some(close.code), close.reason));
    DialError::Refused(Box::new(Refusal { error, close_code, close_reason }))
}

/// A frame of the handshake, payload still raw.
#[derive(Deserialize)]
struct Frame<'a> {
    #[serde(borrow, rename = "type")]
    kind: Cow<'a, str>,
    #[serde(borrow, default)]
    id: Option<Cow<'a, str>>,
    #[serde(default)]
    ok: bool,
    #[serde(borrow, default)]
    payload: Option<&'a RawValue>,
    #[serde(borrow, default)]
    error: Option<&'a RawValue>,
    #[serde(borrow, default)]
    event: Option<Cow<'a, str>>,
}

impl<'a> Frame<'a> {
    /// `None` for what is no frame and is ignored; an error for what only an attacker sends (SEC-017).
    fn read(text: &'a str) -> Result<Option<Self>, DialError> {
        if too_deep(text) {
            return Err(DialError::Handshake { problem: "a message is nested too deep".to_owned() });
        }
        Ok(serde_json::from_str(text).ok())
    }
}

/// The next text of the gateway. Pings are answered by the socket itself.
async fn next_frame(socket: &mut Socket, phase: Phase) -> Result<String, DialError> {
    loop {
        if let Some(text) = next_message(socket, phase).await? {
            return Ok(text);
        }
    }
}

/// The same in the waiting room: no deadline for the decision, but silence, not even a ping, means that the gateway is
/// gone (REL-030).
async fn alive_frame(socket: &mut Socket) -> Result<String, DialError> {
    let phase = Phase::WaitingRoom;
    loop {
        match timeout(limits::DEAD_AFTER, next_message(socket, phase)).await {
            Ok(Ok(Some(text))) => return Ok(text),
            Ok(Ok(None)) => {}
            Ok(Err(error)) => return Err(error),
            Err(_elapsed) => return Err(DialError::Closed { phase, close: CloseInfo::tick_timeout() }),
        }
    }
}

/// The next message: its text, or `None` for a ping or pong.
async fn next_message(socket: &mut Socket, phase: Phase) -> Result<Option<String>, DialError> {
    let close = match socket.next().await {
        Some(Ok(message)) => {
            if let Some((code, reason)) = message.as_close() {
                CloseInfo::gateway(code.into(), reason)
            } else if message.is_ping() || message.is_pong() {
                return Ok(None);
            } else {
                return Ok(Some(String::from_utf8_lossy(message.as_payload()).into_owned()));
            }
        }
        Some(Err(Error::Io(error))) => CloseInfo::lost(error.to_string()),
        Some(Err(error)) => CloseInfo::violation(error.to_string()),
        None => CloseInfo::lost("no close frame came"),
    };
    Err(DialError::Closed { phase, close })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_clock_gives_way_to_the_gateways() {
        assert_eq!(time_of_signing(1_000_000, Some(1_030_000)), 1_000_000);
        assert_eq!(time_of_signing(1_000_000, Some(9_000_000)), 9_000_000);
        assert_eq!(time_of_signing(1_000_000, None), 1_000_000);
    }

    #[test]
    fn a_nonce_that_could_move_the_borders_of_the_signed_fields_is_not_signed() {
        for nonce in ["", "a|b", "a b", "a\n", "é", &"a".repeat(257)] {
            assert!(nonce_of(nonce.to_owned(), None).is_err(), "{nonce:?}");
        }
        assert!(nonce_of("6200fc9c-c288-44a8-a0b7-51123237de2b".into(), None).is_ok());
    }

    #[test]
    fn sec_017_policy_values_are_clamped() {
        let raw = |tick: &str, payload: &str| {
            let text = format!(
                r#"{{"protocol":4,"server":{{"version":"1","connId":"c"}},
                "policy":{{"maxPayload":{payload},"maxBufferedBytes":{payload},"tickIntervalMs":{tick}}}}}"#
            );
            let raw: Box<RawValue> = serde_json::from_str(&text).unwrap();
            hello(Some(&raw)).unwrap().0.policy
        };
        assert_eq!(raw("0", "1").tick_interval_ms, 1_000);
        assert_eq!(raw("18446744073709551615", "18446744073709551615").tick_interval_ms, 600_000);
        assert_eq!(raw("30000", "18446744073709551615").max_payload, limits::MAX_PAYLOAD_BYTES as u64);
        assert_eq!(raw("30000", "1024").max_payload, 1024);
    }
}
