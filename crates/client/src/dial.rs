//! Dialling a gateway.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use openclaw_protocol::{
    clock::Clock,
    hello::{HelloOk, Waiting},
    limits,
    version::Dialect,
};
use rustls::RootCertStore;
use tokio_util::task::TaskTracker;

use crate::{
    Caller, Connection, Credentials, DialError, Endpoint, EventStream,
    caller::{Attempt, Protocols, Tokens},
    connection, handshake, transport,
};

/// How to dial.
#[derive(Clone)]
pub struct DialOptions {
    /// Wall time, which is signed.
    pub clock: Clock,
    /// Where the task of the connection runs; it ends with the connection.
    pub tasks: TaskTracker,
    /// Take `ws://` to a private address (`OPENCLAW_ALLOW_INSECURE_PRIVATE_WS=1`, SEC-014).
    pub allow_private_plaintext: bool,
    /// Deadline of each step: name, TCP, TLS, upgrade, challenge. 10 s.
    pub step_timeout: Duration,
    /// Deadline of the answer to `connect`; not for the waiting room. 15 s.
    pub answer_timeout: Duration,
    /// Deadline of a call that names none. 30 s.
    pub request_timeout: Duration,
    /// Authorities for `wss://` without a pin, in place of the system's.
    pub roots: Option<Arc<RootCertStore>>,
    /// Where to connect in place of looking the host up, ports included. The address of the endpoint still decides
    /// what its certificate has to say and how far it is trusted. Empty: look it up.
    pub addresses: Vec<SocketAddr>,
}

impl Default for DialOptions {
    fn default() -> Self {
        Self {
            clock: Clock::system(),
            tasks: TaskTracker::new(),
            allow_private_plaintext: false,
            step_timeout: Duration::from_secs(10),
            answer_timeout: limits::HANDSHAKE_TIMEOUT,
            request_timeout: Duration::from_secs(30),
            roots: None,
            addresses: Vec::new(),
        }
    }
}

impl std::fmt::Debug for DialOptions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DialOptions")
            .field("allow_private_plaintext", &self.allow_private_plaintext)
            .field("step_timeout", &self.step_timeout)
            .field("request_timeout", &self.request_timeout)
            .finish_non_exhaustive()
    }
}

/// An accepted connection.
#[derive(Debug)]
pub struct Connected {
    /// The gateway's answer, its policy clamped to what this client takes (SEC-017).
    pub hello: HelloOk,
    /// The dialect of this connection.
    pub dialect: Dialect,
    /// For calls.
    pub connection: Connection,
    /// What the gateway says by itself. Drop it when nothing of that is wanted.
    pub events: EventStream,
}

/// Connects once: opens the socket, signs the challenge, and waits for the answer.
///
/// In the waiting room ([`Caller::wait_for_pairing`], promise P2) `on_waiting` is called each time the gateway says
/// what it waits for, and the future stays until a person has decided. Dropping it hangs up.
///
/// # Errors
/// [`DialError`].
pub async fn dial(
    endpoint: &Endpoint,
    caller: &Caller,
    credentials: &Credentials,
    options: &DialOptions,
    on_waiting: &mut (dyn FnMut(&Waiting) + Send),
) -> Result<Connected, DialError> {
    dial_with(Tokens::Best, endpoint, caller, credentials, options, on_waiting).await
}

/// Like [`dial`], and when the gateway refuses the explicit token but invites to a retry with the device token
/// (SEC-019): exactly one more connection with both, only to this machine or a pinned certificate.
///
/// # Errors
/// [`DialError`], of the last try.
pub async fn dial_with_retry(
    endpoint: &Endpoint,
    caller: &Caller,
    credentials: &Credentials,
    options: &DialOptions,
    on_waiting: &mut (dyn FnMut(&Waiting) + Send),
) -> Result<Connected, DialError> {
    let first = dial(endpoint, caller, credentials, options, on_waiting).await;
    let invited = matches!(&first, Err(DialError::Refused(refusal)) if refusal.can_retry_with_device_token());
    let has_both = credentials.token.is_some() && credentials.device_token.is_some();
    if !(invited && has_both && endpoint.is_trusted()) {
        return first;
    }
    tracing::debug!("the gateway refused the token, trying the stored device token once");
    dial_with(Tokens::Both, endpoint, caller, credentials, options, on_waiting).await
}

async fn dial_with(
    tokens: Tokens,
    endpoint: &Endpoint,
    caller: &Caller,
    credentials: &Credentials,
    options: &DialOptions,
    on_waiting: &mut (dyn FnMut(&Waiting) + Send),
) -> Result<Connected, DialError> {
    let mut attempt = Attempt { tokens, ..Attempt::FIRST };
    loop {
        let mut socket = transport::open(endpoint, options).await?;
        let request = handshake::Request { caller, credentials, attempt, options };
        match Box::pin(handshake::run(&mut socket, &request, on_waiting)).await {
            Ok((hello, dialect)) => {
                tracing::debug!(protocol = hello.protocol, conn.id = hello.server.conn_id, "connected to {endpoint}");
                let timeout = options.request_timeout;
                let (connection, events) = connection::start(socket, &hello, dialect, timeout, &options.tasks);
                return Ok(Connected { hello, dialect, connection, events });
            }
            Err(DialError::Refused(refusal)) if refusal.wants_protocol_3() && attempt.protocols == Protocols::All => {
                attempt.protocols = Protocols::Legacy;
            }
            Err(error) => return Err(error),
        }
    }
}
