//! The first thing on every connection: a nonce to be signed.

use bytes::Bytes;
use openclaw_protocol::{connect::Challenge, events, frame::OutEvent};
use uuid::Uuid;

/// A fresh nonce and the frame that carries it. Used once, on this connection only.
pub(crate) fn challenge(now_ms: u64) -> (String, Bytes) {
    let nonce = Uuid::new_v4().to_string();
    let payload = Challenge { nonce: nonce.clone(), ts: now_ms };
    let frame = OutEvent::targeted(events::core::CONNECT_CHALLENGE.name, payload);
    (nonce, serde_json::to_vec(&frame).unwrap_or_default().into())
}
