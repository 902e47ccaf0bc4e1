//! Why a connection ends: the close code and the reason on the wire (protocol.md §1.5).

use openclaw_protocol::version::Dialect;

/// Why a connection ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Close {
    /// The peer closed, or its network did. Nothing is sent.
    PeerGone,
    /// The peer answered no ping for too long. Nothing is sent.
    HalfOpen,
    /// Nothing came before the handshake's deadline.
    HandshakeTimeout,
    /// The first message was not JSON.
    NotJson,
    /// The first message was JSON, but no request.
    InvalidFrame,
    /// The first request was another method.
    NotConnect,
    /// A message was larger than allowed.
    TooLarge,
    /// The peer does not read.
    SlowConsumer,
    /// The peer floods: pings, or calls that its role forbids.
    Flood(&'static str),
    /// Its device or the credential it rests on was removed (SEC-060).
    Removed(&'static str),
    /// A newer connection of the same node took over (REL-032).
    Replaced,
    /// The gateway ends or restarts.
    ServiceRestart,
}

impl Close {
    /// Code and reason to send, or `None` when the socket is simply dropped.
    pub(crate) fn frame(&self, dialect: Dialect) -> Option<(u16, &str)> {
        Some(match self {
            Self::PeerGone | Self::HalfOpen => return None,
            Self::HandshakeTimeout | Self::NotJson => (1000, ""),
            Self::InvalidFrame => (1008, "invalid request frame"),
            Self::NotConnect => (1008, "invalid handshake: first request must be connect"),
            Self::TooLarge => (1009, ""),
            Self::SlowConsumer => (1008, "slow consumer"),
            Self::Flood(reason) => (1008, reason),
            Self::Removed(reason) => (if dialect == Dialect::V4 { 4001 } else { 1008 }, reason),
            Self::Replaced => (1008, "replaced by a newer connection of this node"),
            Self::ServiceRestart => (1012, "service restart"),
        })
    }

    /// For the log.
    pub(crate) fn why(&self) -> &str {
        match self {
            Self::PeerGone => "the peer is gone",
            Self::HalfOpen => "the peer answers no more",
            Self::HandshakeTimeout => "no connect in time",
            Self::NotJson => "not JSON",
            Self::TooLarge => "message too large",
            other => other.frame(Dialect::V4).map_or("", |(_, reason)| reason),
        }
    }
}
