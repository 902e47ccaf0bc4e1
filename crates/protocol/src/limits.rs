//! Every number on the wire, with its unit and its source (protocol.md §1.2, security.md "Constants").

use std::time::Duration;

/// The port a gateway listens on unless told otherwise.
pub const DEFAULT_PORT: u16 = 18789;
/// Largest message before the handshake is done; a larger one closes the socket with 1009.
pub const PREAUTH_MAX_BYTES: usize = 65_536;
/// Largest message after it (`policy.maxPayload`).
pub const MAX_PAYLOAD_BYTES: usize = 26_214_400;
/// Bytes that may wait for one client (`policy.maxBufferedBytes`). Past it: skip droppable events, else close.
pub const MAX_BUFFERED_BYTES: usize = 52_428_800;
/// Droppable events are skipped already when so many bytes wait (REL-034).
pub const SOFT_BUFFERED_BYTES: usize = 1 << 20;
/// How often a `tick` event is sent (`policy.tickIntervalMs`).
pub const TICK_INTERVAL: Duration = Duration::from_secs(30);
/// From the accepted TCP connection to the accepted `connect` (2026.9; 2026.3 gives 3 s, protocol.md §11.3).
pub const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(15);
/// A WebSocket ping goes out so often; a peer that answers none for [`DEAD_AFTER`] is dropped.
pub const PING_INTERVAL: Duration = Duration::from_secs(25);
/// Silence after which a connection counts as half-open (REL-030).
pub const DEAD_AFTER: Duration = Duration::from_mins(1);
/// Deepest nesting of JSON that is read (SEC-192).
pub const MAX_JSON_DEPTH: usize = 64;
/// Longest method name, and longest request id, in bytes.
pub const MAX_NAME_BYTES: usize = 256;
/// Requests of one connection that may run at the same time (SEC-193).
pub const MAX_IN_FLIGHT: usize = 256;
/// How far a device's clock may differ when it signs, in milliseconds.
pub const SIGNATURE_SKEW_MS: u64 = 120_000;
/// Life of a pairing request after its last refresh.
pub const PAIRING_TTL_MS: u64 = 5 * 60_000;
/// Life of a bootstrap token.
pub const BOOTSTRAP_TTL_MS: u64 = 10 * 60_000;
/// Answers are remembered so long for a repeated idempotency key.
pub const DEDUPE_TTL: Duration = Duration::from_mins(5);
/// So many of them.
pub const DEDUPE_ENTRIES: usize = 1_000;
/// Deadline of a `node.invoke` that names none.
pub const INVOKE_TIMEOUT_MS: u64 = 30_000;
/// Longest deadline of a `node.invoke`.
pub const MAX_INVOKE_TIMEOUT_MS: u64 = 24 * 60 * 60_000;
/// Invokes that may wait in one gateway (REL-036).
pub const MAX_PENDING_INVOKES: usize = 10_000;
/// Largest `chunk` of `node.invoke.progress` and payload of `node.invoke.input`, in bytes.
pub const MAX_CHUNK_BYTES: usize = 16_384;
/// Bytes of a close reason that are kept; the protocol allows 123.
pub const CLOSE_REASON_BYTES: usize = 120;
/// Bytes of attachments that a v4 gateway says it takes.
pub const ATTACHMENT_MAX_BYTES: u64 = 19_464_192;
/// Bytes of one image that a v4 gateway says it takes.
pub const ATTACHMENT_MAX_IMAGE_BYTES: u64 = 6_291_456;

/// Cuts a close reason to [`CLOSE_REASON_BYTES`] at a character border.
pub fn close_reason(text: &str) -> &str {
    let mut end = text.len().min(CLOSE_REASON_BYTES);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.get(..end).unwrap_or_default()
}
