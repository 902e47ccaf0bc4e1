//! How a connection ended.

use std::{fmt, time::Duration};

/// How a connection ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CloseInfo {
    /// The close code (protocol.md §1.5); 1006 when the link broke without one.
    pub code: u16,
    /// The reason that came with it, or what broke the link.
    pub reason: String,
    /// Who ended it, and why.
    pub kind: CloseKind,
    /// When the gateway said that it expects to be back (`shutdown` event), at most half a minute.
    pub back_after: Option<Duration>,
}

/// Who ended a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CloseKind {
    /// [`crate::Connection::close`] was called, or the last [`crate::Connection`] was dropped.
    Us,
    /// The gateway sent a close frame.
    Gateway,
    /// The link broke without one.
    Lost,
    /// The gateway was silent for two tick intervals (REL-030).
    TickTimeout,
    /// Nobody read the events, and more came than may wait.
    EventsNotRead,
    /// The gateway broke the rules of the wire (SEC-017).
    Violation,
}

/// Codes that only a client sends itself.
pub(crate) const CLIENT_CLOSED: u16 = 4000;
const NORMAL: u16 = 1000;
const ABNORMAL: u16 = 1006;
const PROTOCOL_ERROR: u16 = 1002;
/// The gateway restarts; come back (protocol.md §1.5).
pub(crate) const SERVICE_RESTART: u16 = 1012;
/// The gateway is starting.
pub(crate) const TRY_AGAIN: u16 = 1013;

impl CloseInfo {
    fn new(code: u16, reason: impl Into<String>, kind: CloseKind) -> Self {
        Self { code, reason: reason.into(), kind, back_after: None }
    }

    pub(crate) fn us() -> Self {
        Self::new(NORMAL, "", CloseKind::Us)
    }

    pub(crate) fn gateway(code: u16, reason: impl Into<String>) -> Self {
        Self::new(code, reason, CloseKind::Gateway)
    }

    pub(crate) fn lost(why: impl Into<String>) -> Self {
        Self::new(ABNORMAL, why, CloseKind::Lost)
    }

    pub(crate) fn tick_timeout() -> Self {
        Self::new(CLIENT_CLOSED, "tick timeout", CloseKind::TickTimeout)
    }

    pub(crate) fn events_not_read() -> Self {
        Self::new(CLIENT_CLOSED, "events not read", CloseKind::EventsNotRead)
    }

    pub(crate) fn violation(what: impl Into<String>) -> Self {
        Self::new(PROTOCOL_ERROR, what, CloseKind::Violation)
    }

    /// Whether the gateway ended it in order to come back soon (protocol.md §11.10).
    pub fn is_restart(&self) -> bool {
        self.kind == CloseKind::Gateway && matches!(self.code, SERVICE_RESTART | TRY_AGAIN)
    }
}

impl fmt::Display for CloseInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { code, reason, .. } = self;
        match self.kind {
            CloseKind::Us => f.write_str("closed by this side"),
            CloseKind::Gateway if reason.is_empty() => write!(f, "gateway closed ({code})"),
            CloseKind::Gateway => write!(f, "gateway closed ({code}): {reason}"),
            CloseKind::Lost => write!(f, "connection lost: {reason}"),
            CloseKind::TickTimeout => f.write_str("connection lost: the gateway has been silent for too long"),
            CloseKind::EventsNotRead => f.write_str("closed by this side: more events came than were read"),
            CloseKind::Violation => write!(f, "closed by this side: {reason}"),
        }
    }
}
