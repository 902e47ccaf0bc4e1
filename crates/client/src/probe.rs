//! Looking at a gateway layer by layer, without any credential (promise P7, SEC-018).

use std::{net::SocketAddr, time::Duration};

use openclaw_identity::Fingerprint;
use openclaw_protocol::{
    connect::{ClientInfo, ConnectParams},
    frame::OutRequest,
};

use crate::{
    DialError, DialOptions, Endpoint, EndpointError, Phase, handshake,
    transport::{Stream, tcp, tls, upgrade, within},
};

/// What each layer said. A layer behind a failed one is `None`; `tls` is `None` for `ws://` too.
#[derive(Debug, Default)]
pub struct ProbeReport {
    /// The addresses of the host name.
    pub resolve: Option<Result<Vec<SocketAddr>, DialError>>,
    /// The address that answered.
    pub tcp: Option<Result<SocketAddr, DialError>>,
    /// The certificate's fingerprint.
    pub tls: Option<Result<Fingerprint, DialError>>,
    /// Whether it upgrades and sends a challenge, as a gateway does.
    pub websocket: Option<Result<(), DialError>>,
    /// The protocol that it speaks.
    pub protocol: Option<Result<u32, DialError>>,
}

impl ProbeReport {
    /// The first layer that failed.
    pub fn problem(&self) -> Option<&DialError> {
        let layers = [
            self.resolve.as_ref().and_then(|layer| layer.as_ref().err()),
            self.tcp.as_ref().and_then(|layer| layer.as_ref().err()),
            self.tls.as_ref().and_then(|layer| layer.as_ref().err()),
            self.websocket.as_ref().and_then(|layer| layer.as_ref().err()),
            self.protocol.as_ref().and_then(|layer| layer.as_ref().err()),
        ];
        layers.into_iter().flatten().next()
    }
}

/// A version that no gateway speaks, so that it names its own instead of looking at credentials.
const NO_PROTOCOL: u32 = 1_000_000;

/// Walks the layers of an endpoint and stops at the first that fails. `deadline` is for each layer. Nothing secret is
/// sent, so plaintext addresses are probed too.
pub async fn probe(endpoint: &Endpoint, options: &DialOptions, deadline: Duration) -> ProbeReport {
    let mut report = ProbeReport::default();
    // The error stands in the report; there is nothing else to do with it.
    if let Some(error) = walk(endpoint, options, deadline, &mut report).await.err() {
        tracing::debug!("probe of {endpoint} stopped: {error:?}");
    }
    report
}

/// Marks that a layer's error has been put into the report.
#[derive(Debug)]
struct Stopped;

/// Puts a layer's result into the report; goes on with what the next layer needs.
fn note<T, S>(
    layer: &mut Option<Result<S, DialError>>,
    result: Result<T, DialError>,
    shown: impl FnOnce(&T) -> S,
) -> Result<T, Stopped> {
    match result {
        Ok(value) => {
            *layer = Some(Ok(shown(&value)));
            Ok(value)
        }
        Err(error) => {
            *layer = Some(Err(error));
            Err(Stopped)
        }
    }
}

async fn walk(
    endpoint: &Endpoint,
    options: &DialOptions,
    deadline: Duration,
    report: &mut ProbeReport,
) -> Result<(), Stopped> {
    let url = &endpoint.url;
    let addresses = within(Phase::Resolve, deadline, tcp::resolve(url, options)).await;
    let addresses = note(&mut report.resolve, addresses, Clone::clone)?;
    let connected = within(Phase::Tcp, deadline, tcp::connect(url, &addresses)).await;
    let connected = connected.and_then(|stream| match stream.peer_addr() {
        Ok(peer) => Ok((stream, peer)),
        Err(source) => Err(DialError::Unreachable { address: tcp::address_of(url), source }),
    });
    let (stream, _) = note(&mut report.tcp, connected, |(_, peer)| *peer)?;
    let stream = if url.is_tls() {
        let trust = tls::Trust::of(endpoint, options);
        let secured = within(Phase::Tls, deadline, tls::handshake(url, trust, stream)).await;
        let secured = note(&mut report.tls, secured, |secured| secured.fingerprint.clone())?;
        Stream::Tls(Box::new(secured.stream))
    } else {
        Stream::Plain(stream)
    };
    let opened = async {
        let mut socket = within(Phase::Upgrade, deadline, upgrade::upgrade(url, stream)).await?;
        handshake::challenge(&mut socket, deadline).await?;
        Ok(socket)
    };
    let mut socket = note(&mut report.websocket, opened.await, |_| ())?;
    let client = ClientInfo {
        id: "openclaw-probe".to_owned(),
        mode: "probe".to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        platform: std::env::consts::OS.to_owned(),
        ..ClientInfo::default()
    };
    let params =
        ConnectParams { min_protocol: NO_PROTOCOL, max_protocol: NO_PROTOCOL, client, ..ConnectParams::default() };
    let protocol = protocol_of(&mut socket, &params, deadline).await;
    note(&mut report.protocol, protocol, |protocol| *protocol).map(drop)
}

async fn protocol_of(
    socket: &mut crate::transport::Socket,
    params: &ConnectParams,
    deadline: Duration,
) -> Result<u32, DialError> {
    let request = serde_json::to_string(&OutRequest::new(handshake::CONNECT_ID, "connect", params))
        .map_err(|error| DialError::Handshake { problem: error.to_string() })?;
    handshake::send(socket, request, deadline).await?;
    match handshake::answer(socket, deadline, &mut |_| {}).await {
        Ok((hello, _)) => Ok(hello.protocol),
        Err(DialError::Refused(refusal)) => {
            let named = refusal.expected_protocol().and_then(|protocol| u32::try_from(protocol).ok());
            named.ok_or(DialError::Refused(refusal))
        }
        Err(error) => Err(error),
    }
}

/// Learns which certificate a gateway shows, for a person to compare. Nothing is sent after the TLS handshake, and
/// what was learnt is not trusted by it (SEC-015).
///
/// # Errors
/// [`DialError`]; [`EndpointError::PinWithoutTls`] for `ws://`.
pub async fn fetch_fingerprint(
    endpoint: &Endpoint,
    options: &DialOptions,
    deadline: Duration,
) -> Result<Fingerprint, DialError> {
    let url = &endpoint.url;
    if !url.is_tls() {
        return Err(EndpointError::PinWithoutTls.into());
    }
    let addresses = within(Phase::Resolve, deadline, tcp::resolve(url, options)).await?;
    let stream = within(Phase::Tcp, deadline, tcp::connect(url, &addresses)).await?;
    let secured = within(Phase::Tls, deadline, tls::handshake(url, tls::Trust::Learn, stream)).await?;
    Ok(secured.fingerprint)
}
