//! Why a dial did not end in a connection. Each variant is a decision that a caller can take, and names what a person
//! needs to be told (promises P6 and P7).

use std::{fmt, io, time::Duration};

use openclaw_identity::Fingerprint;

use crate::{CloseInfo, EndpointError, Refusal};

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub enum DialError {
    /// The address is refused before a socket opens.
    #[error(transparent)]
    Endpoint(#[from] EndpointError),
    /// The host name has no address.
    #[error("cannot find the address of \"{host}\": {source}")]
    Resolve {
        /// The name.
        host: String,
        /// What the system's resolver said.
        source: io::Error,
    },
    /// Nobody accepts connections there.
    #[error("cannot reach {address}: {source}")]
    Unreachable {
        /// Host and port.
        address: String,
        /// The last address's error.
        source: io::Error,
    },
    /// TLS could not be set up.
    #[error("no TLS connection to {address}: {problem}")]
    Tls {
        /// Host and port.
        address: String,
        /// What is wrong.
        problem: TlsProblem,
        /// Fingerprint of the certificate that was shown, so that a person can compare and pin it.
        found: Option<Fingerprint>,
        /// The cause.
        source: io::Error,
    },
    /// The certificate is not the pinned one. Nothing was sent (SEC-015).
    #[error("the gateway's TLS certificate is not the expected one: expected {expected}, found {found}")]
    PinMismatch {
        /// The pin.
        expected: Fingerprint,
        /// What was shown.
        found: Fingerprint,
    },
    /// Something answered that does not upgrade to the gateway's socket.
    #[error("no gateway answers at {address}: {answer}")]
    NotAGateway {
        /// Host and port.
        address: String,
        /// What answered.
        answer: NotAGateway,
    },
    /// A step took too long.
    #[error("timeout after {} ms while {phase}", .after.as_millis())]
    Timeout {
        /// The step.
        phase: Phase,
        /// Its deadline.
        after: Duration,
    },
    /// The connection ended before the gateway answered.
    #[error("the connection ended while {phase}: {close}")]
    Closed {
        /// The step.
        phase: Phase,
        /// How it ended.
        close: CloseInfo,
    },
    /// The gateway answered `connect` with an error.
    #[error("{0}")]
    Refused(Box<Refusal>),
    /// The gateway's side of the handshake is not readable.
    #[error("the gateway's handshake is not understood: {problem}")]
    Handshake {
        /// What is wrong.
        problem: String,
    },
}

impl DialError {
    /// The gateway's refusal, when that is what happened.
    pub fn refusal(&self) -> Option<&Refusal> {
        match self {
            Self::Refused(refusal) => Some(refusal),
            _ => None,
        }
    }

    /// Whether trying again cannot help until a person has changed something.
    pub fn is_final(&self) -> bool {
        match self {
            Self::Endpoint(_) | Self::PinMismatch { .. } => true,
            Self::Refused(refusal) => refusal.is_final(),
            _ => false,
        }
    }
}

/// A step of a dial.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Phase {
    /// Looking up the host name.
    Resolve,
    /// Connecting TCP.
    Tcp,
    /// The TLS handshake.
    Tls,
    /// The HTTP upgrade.
    Upgrade,
    /// Waiting for `connect.challenge`.
    Challenge,
    /// Waiting for the answer to `connect`.
    Answer,
    /// In the waiting room, while a person decides.
    WaitingRoom,
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Resolve => "looking up the host name",
            Self::Tcp => "connecting",
            Self::Tls => "setting up TLS",
            Self::Upgrade => "opening the WebSocket",
            Self::Challenge => "waiting for the gateway's challenge",
            Self::Answer => "waiting for the gateway's answer",
            Self::WaitingRoom => "waiting for the approval",
        })
    }
}

/// What is wrong with TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TlsProblem {
    /// What listens there speaks something else, often the gateway without TLS.
    NotTls,
    /// The certificate was issued by nobody whom this machine trusts.
    UnknownIssuer,
    /// The certificate is for another name.
    WrongName,
    /// The certificate is not valid at this time.
    Expired,
    /// This machine has no root certificates.
    NoRoots,
    /// Anything else; the source says what.
    Other,
}

impl fmt::Display for TlsProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotTls => "the server there does not speak TLS",
            Self::UnknownIssuer => "its certificate is not issued by an authority that this machine trusts",
            Self::WrongName => "its certificate is for another host name",
            Self::Expired => "its certificate is not valid today",
            Self::NoRoots => "this machine has no root certificates",
            Self::Other => "the TLS handshake failed",
        })
    }
}

/// What answered in place of a gateway.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NotAGateway {
    /// An HTTP answer other than 101. Redirects are shown, never followed (SEC-016).
    Http {
        /// The status.
        status: u16,
        /// Where it wanted to send us.
        location: Option<String>,
        /// The start of the body, control characters removed.
        excerpt: String,
    },
    /// A TLS server at a `ws://` address.
    Tls,
    /// Something else.
    Other {
        /// What is wrong.
        problem: String,
        /// The start of what came, control characters removed.
        excerpt: String,
    },
}

impl NotAGateway {
    /// Whether a proxy or a busy gateway says that it may go better later.
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Http { status: 408 | 425 | 429 | 500..=599, .. })
    }
}

impl fmt::Display for NotAGateway {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let after_colon = |excerpt: &str| if excerpt.is_empty() { String::new() } else { format!(": {excerpt}") };
        match self {
            Self::Http { status, location: Some(location), .. } => {
                write!(f, "HTTP {status}, a redirect to {location}, which is not followed")
            }
            Self::Http { status, location: None, excerpt } => write!(f, "HTTP {status}{}", after_colon(excerpt)),
            Self::Tls => f.write_str("the server there speaks TLS, use wss://"),
            Self::Other { problem, excerpt } => write!(f, "{problem}{}", after_colon(excerpt)),
        }
    }
}
