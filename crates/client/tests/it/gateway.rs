//! A gateway that does what a test tells it, step by step. Tests run it beside the client with `tokio::join!`.

use std::{sync::Arc, time::Duration};

use futures_util::{SinkExt as _, StreamExt as _};
use openclaw_client::{Caller, Connected, Credentials, DialError, DialOptions, Endpoint};
use openclaw_identity::{DeviceKey, Fingerprint, Secret};
use openclaw_protocol::{connect::ConnectParams, scope::Role};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpStream},
};
use tokio_rustls::{TlsAcceptor, rustls};
use tokio_websockets::{CloseCode, Limits, Message, ServerBuilder, WebSocketStream};

pub(crate) const NONCE: &str = "6200fc9c-c288-44a8-a0b7-51123237de2b";

pub(crate) trait Bytes: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Bytes for T {}

/// A listener on a free port of 127.0.0.1.
pub(crate) struct Gateway {
    listener: TcpListener,
    tls: Option<TlsAcceptor>,
}

impl Gateway {
    pub(crate) async fn start() -> Self {
        Self { listener: TcpListener::bind("127.0.0.1:0").await.unwrap(), tls: None }
    }

    /// With a fresh certificate for that name; also its fingerprint and the certificate itself.
    pub(crate) async fn start_tls(name: &str) -> (Self, Fingerprint, rustls::pki_types::CertificateDer<'static>) {
        let own = rcgen::generate_simple_self_signed(vec![name.to_owned()]).unwrap();
        let certificate = own.cert.der().clone();
        let key = rustls::pki_types::PrivateKeyDer::try_from(own.signing_key.serialize_der()).unwrap();
        let config = rustls::ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate.clone()], key)
            .unwrap();
        let gateway = Self { tls: Some(TlsAcceptor::from(Arc::new(config))), ..Self::start().await };
        (gateway, Fingerprint::of_der(&certificate), certificate)
    }

    pub(crate) fn port(&self) -> u16 {
        self.listener.local_addr().unwrap().port()
    }

    pub(crate) fn endpoint(&self) -> Endpoint {
        let scheme = if self.tls.is_some() { "wss" } else { "ws" };
        Endpoint::parse(&format!("{scheme}://127.0.0.1:{}", self.port())).unwrap()
    }

    pub(crate) async fn accept_tcp(&self) -> TcpStream {
        self.listener.accept().await.unwrap().0
    }

    /// TLS, when there is a certificate; the client may break it off.
    pub(crate) async fn accept_bytes(&self) -> std::io::Result<Box<dyn Bytes>> {
        let tcp = self.accept_tcp().await;
        match &self.tls {
            Some(tls) => Ok(Box::new(tls.accept(tcp).await?)),
            None => Ok(Box::new(tcp)),
        }
    }

    /// The next client, up to the open WebSocket.
    pub(crate) async fn accept(&self) -> Peer {
        let bytes = self.accept_bytes().await.unwrap();
        let (_, socket) = ServerBuilder::new().limits(Limits::unlimited()).accept(bytes).await.unwrap();
        Peer { socket }
    }

    /// The next client, up to its `connect`, which is not answered yet.
    pub(crate) async fn accept_connect(&self) -> (Peer, ConnectParams) {
        let mut peer = self.accept().await;
        peer.challenge().await;
        let params = peer.connect().await;
        (peer, params)
    }

    /// The next client, accepted.
    pub(crate) async fn welcome(&self) -> Peer {
        let (mut peer, _) = self.accept_connect().await;
        peer.answer_connect(&hello(4)).await;
        peer
    }

    /// Whether nobody has tried to connect (again); to be asked when the client has ended.
    pub(crate) fn nobody_came(self) -> bool {
        let listener = self.listener.into_std().unwrap();
        listener.accept().is_err_and(|error| error.kind() == std::io::ErrorKind::WouldBlock)
    }
}

/// One client, seen from the gateway.
pub(crate) struct Peer {
    pub(crate) socket: WebSocketStream<Box<dyn Bytes>>,
}

impl Peer {
    pub(crate) async fn send(&mut self, frame: &Value) {
        self.send_text(&frame.to_string()).await;
    }

    pub(crate) async fn send_text(&mut self, text: &str) {
        self.socket.send(Message::text(text.to_owned())).await.unwrap();
    }

    pub(crate) async fn event(&mut self, name: &str, payload: Value) {
        self.send(&json!({"type": "event", "event": name, "payload": payload})).await;
    }

    pub(crate) async fn challenge(&mut self) {
        self.event("connect.challenge", json!({"nonce": NONCE, "ts": 1_795_329_842_363_u64})).await;
    }

    /// The next request: id, method, params.
    pub(crate) async fn request(&mut self) -> (String, String, Value) {
        let text = self.text().await.expect("a request, but the client hung up");
        let request = openclaw_protocol::frame::decode(&text).unwrap();
        let params = serde_json::from_str(request.params()).unwrap();
        (request.id, request.method, params)
    }

    async fn text(&mut self) -> Option<String> {
        loop {
            let message = self.socket.next().await?.ok()?;
            if let Some(text) = message.as_text() {
                return Some(text.to_owned());
            }
        }
    }

    /// Waits until the client has read all that was sent: it answers pings in their turn.
    pub(crate) async fn is_read(&mut self) {
        self.socket.send(Message::ping(&b"read?"[..])).await.unwrap();
        while !self.socket.next().await.unwrap().unwrap().is_pong() {}
    }

    pub(crate) async fn connect(&mut self) -> ConnectParams {
        let (id, method, params) = self.request().await;
        assert_eq!((id.as_str(), method.as_str()), ("connect", "connect"));
        let params: ConnectParams = serde_json::from_value(params).unwrap();
        assert_eq!(params.problem(), None);
        params
    }

    pub(crate) async fn answer(&mut self, id: &str, payload: &Value) {
        self.send(&json!({"type": "res", "id": id, "ok": true, "payload": payload})).await;
    }

    pub(crate) async fn answer_connect(&mut self, hello: &Value) {
        self.answer("connect", hello).await;
    }

    pub(crate) async fn refuse(&mut self, id: &str, error: &Value) {
        self.send(&json!({"type": "res", "id": id, "ok": false, "error": error})).await;
    }

    /// Refuses `connect` as the reference does: the error, then a close frame with the message as the reason.
    pub(crate) async fn refuse_connect(&mut self, code: &str, message: &str, details: Value) {
        self.refuse("connect", &json!({"code": code, "message": message, "details": details})).await;
        self.close(1008, message).await;
    }

    pub(crate) async fn close(&mut self, code: u16, reason: &str) {
        self.socket.send(Message::close(CloseCode::try_from(code).ok(), reason)).await.unwrap();
        while let Some(Ok(_)) = self.socket.next().await {}
    }

    /// Waits for the client's close frame: its code and reason; `None` when it left without one.
    pub(crate) async fn closed(&mut self) -> Option<(u16, String)> {
        while let Some(Ok(message)) = self.socket.next().await {
            if let Some((code, reason)) = message.as_close() {
                let close = (code.into(), reason.to_owned());
                while let Some(Ok(_)) = self.socket.next().await {}
                return Some(close);
            }
        }
        None
    }
}

/// A hello-ok as the release of that protocol sends it, shortened.
pub(crate) fn hello(protocol: u32) -> Value {
    let mut hello = json!({
        "type": "hello-ok",
        "protocol": protocol,
        "server": {"version": "2026.3.13", "connId": "000835b1-2ca6-4f4a-87d0-8e4c8b6ca535"},
        "features": {"methods": ["health"], "events": ["tick"]},
        "snapshot": {"presence": [], "health": {}, "stateVersion": {"presence": 3, "health": 9}, "uptimeMs": 302_080},
        "policy": {"maxPayload": 26_214_400, "maxBufferedBytes": 52_428_800, "tickIntervalMs": 30_000},
        "someFutureMember": {"x": 1},
    });
    let auth = match protocol {
        3 => json!({"deviceToken": "d3vice", "role": "operator", "scopes": ["operator.read"], "issuedAtMs": 5}),
        _ => json!({"method": "token", "role": "operator", "scopes": ["operator.read"]}),
    };
    hello["auth"] = auth;
    hello
}

pub(crate) fn operator() -> Caller {
    let mut caller = Caller::new("cli", "cli", Role::Operator);
    caller.scopes = vec!["operator.read".into(), "operator.pairing".into()];
    caller.key = Some(DeviceKey::from_seed(&[7; 32]));
    caller
}

pub(crate) fn token(text: &str) -> Credentials {
    Credentials { token: Some(Secret::new(text)), ..Credentials::default() }
}

/// Dials as [`operator`] with a token.
pub(crate) async fn dial(endpoint: &Endpoint) -> Result<Connected, DialError> {
    dial_as(endpoint, &operator()).await
}

pub(crate) async fn dial_as(endpoint: &Endpoint, caller: &Caller) -> Result<Connected, DialError> {
    openclaw_client::dial(endpoint, caller, &token("t0ken"), &DialOptions::default(), &mut |_| {}).await
}

/// An accepted connection and the gateway's side of it.
pub(crate) async fn connected(gateway: &Gateway) -> (Connected, Peer) {
    let endpoint = gateway.endpoint();
    let (connected, peer) = tokio::join!(dial(&endpoint), gateway.welcome());
    (connected.unwrap(), peer)
}

/// Lets time pass without waiting. Sockets need real time, so it stands still only for the jump.
pub(crate) async fn pass(time: Duration) {
    tokio::time::pause();
    tokio::time::advance(time).await;
    tokio::time::resume();
}
