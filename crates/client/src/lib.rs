//! A connection to a gateway: dial, handshake, request and reply, events, reconnect.
//!
//! The way of a connection:
//! 1. [`Endpoint::parse`] reads the address; [`Endpoint::check_plaintext`] refuses one that would show secrets to the
//!    network (SEC-014). `dial` checks again before it opens a socket.
//! 2. [`dial()`] opens TCP (both address families raced), TLS (a pin is compared inside the TLS handshake, SEC-015) and
//!    the WebSocket (no redirects, SEC-016), waits for the challenge, signs, and waits for the answer; in the waiting
//!    room for as long as a person needs (promise P2).
//! 3. [`Connected`] holds the hello-ok, a [`Connection`] to call methods and an [`EventStream`] to listen.
//! 4. [`stay_connected`] does that for ever, with a backoff that does not storm a restarted gateway (REL-031).
//!
//! Every byte of the gateway is taken for hostile: sizes, nesting, numbers and queues are bounded (SEC-017).
//! This crate reads no configuration and no files but the system's root certificates: its callers pass values.

mod backoff;
mod caller;
mod connection;
mod dial;
mod endpoint;
mod error;
mod handshake;
mod probe;
mod reconnect;
mod refusal;
mod transport;
pub mod ws;

pub use backoff::Backoff;
pub use caller::{Caller, Credentials};
pub use connection::{CallError, CloseInfo, CloseKind, Connection, EventStream};
pub use dial::{Connected, DialOptions, dial, dial_with_retry};
pub use endpoint::{Endpoint, EndpointError, Host, WsUrl};
pub use error::{DialError, NotAGateway, Phase, TlsProblem};
pub use probe::{ProbeReport, fetch_fingerprint, probe};
pub use reconnect::{AfterSession, Dialer, Ended, SessionHandler, stay_connected, stay_connected_with};
pub use refusal::{PairingRefusal, Refusal, Retry};
