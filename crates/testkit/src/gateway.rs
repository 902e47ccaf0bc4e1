//! A real gateway in the test's process: port 0, its own state directory, a clock that the test moves.

use std::path::Path;

use openclaw_client::{Connected, Credentials, DialError, DialOptions, Endpoint};
use openclaw_config::{Env, Paths};
use openclaw_gateway::{Options, Overrides, Running};
use openclaw_identity::Secret;
use openclaw_protocol::{clock::Clock, connect::ConnectAuth, version::RELEASE};
use openclaw_store::files::owner_secret;
use serde_json::Value;
use tempfile::TempDir;

use crate::{Device, Knock, Peer, Wire, device::owner_caller, within};

/// The shared token of every test gateway.
pub const TOKEN: &str = "test-token-0123456789abcdef0123456789";
/// An address that stands for another machine: the endpoint says so, the socket goes to loopback, and the gateway sees
/// a Host header that is not its own and so no local connection.
pub(crate) const ELSEWHERE: &str = "10.9.9.9";

/// A running gateway.
pub struct TestGateway {
    running: Option<Running>,
    pub home: TempDir,
    pub clock: Clock,
    port: u16,
}

impl TestGateway {
    /// A gateway in token mode on loopback.
    pub async fn start() -> Self {
        Self::start_with(serde_json::json!({})).await
    }

    /// A gateway whose configuration has these members besides; null takes one out.
    pub async fn start_with(config: Value) -> Self {
        let home = tempfile::tempdir().expect("a temporary folder");
        let mut gateway = Self { running: None, home, clock: Clock::system(), port: 0 };
        let basis = serde_json::json!({"gateway": {"mode": "local", "auth": {"mode": "token", "token": TOKEN}}});
        gateway.write_config(basis, &config);
        gateway.boot().await;
        gateway
    }

    /// Where its files are.
    pub fn paths(&self) -> Paths {
        Paths::under(self.home.path())
    }

    /// Its state directory.
    pub fn state_dir(&self) -> std::path::PathBuf {
        self.paths().state_dir
    }

    /// `ws://127.0.0.1:PORT`.
    pub fn url(&self) -> String {
        format!("ws://127.0.0.1:{}", self.port)
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// The gateway as its program holds it.
    pub fn running(&self) -> &Running {
        self.running.as_ref().expect("the gateway runs")
    }

    /// Ends it in order.
    pub async fn stop(&mut self) {
        if let Some(running) = self.running.take() {
            running.stop();
            within("the gateway to end", running.ended()).await;
        }
    }

    /// Ends it and starts it again on the same state and port.
    pub async fn restart(&mut self) {
        self.stop().await;
        self.boot().await;
    }

    /// Starts it again after [`TestGateway::stop`].
    pub async fn boot(&mut self) {
        let options = Options {
            paths: self.paths(),
            env: Env::from_pairs([("HOME", self.home.path().to_string_lossy().into_owned())]),
            overrides: Overrides { port: Some(self.port), ..Overrides::default() },
            clock: self.clock.clone(),
            version: RELEASE.to_owned(),
        };
        let running = within("the gateway to start", openclaw_gateway::start(options)).await;
        let running = running.unwrap_or_else(|error| panic!("the gateway did not start: {error}"));
        self.port = running.port();
        self.running = Some(running);
    }

    /// Puts these members into the configuration file, as a person would with an editor.
    pub fn configure(&self, config: &Value) {
        let text = std::fs::read(self.paths().config_path).expect("the configuration");
        self.write_config(serde_json::from_slice(&text).expect("JSON"), config);
    }

    fn write_config(&self, mut whole: Value, more: &Value) {
        merge(&mut whole, more);
        let paths = self.paths();
        let text = serde_json::to_vec_pretty(&whole).expect("JSON");
        openclaw_store::files::write_atomic(&paths.config_path, &text).expect("the configuration is written");
    }

    /// The secret by which the owner of the state directory is known.
    pub fn owner_secret(&self) -> Secret {
        owner_secret(Path::new(&self.state_dir()), self.clock.now_ms()).expect("the owner's secret")
    }

    /// Credentials with the shared token.
    pub fn shared_token(&self) -> Credentials {
        Credentials { token: Some(Secret::new(TOKEN)), ..Credentials::default() }
    }

    /// The owner's own connection: an operator with all scopes on this machine.
    pub async fn owner(&self) -> Connected {
        let credentials = Credentials { token: Some(self.owner_secret()), ..Credentials::default() };
        self.dial(&Device::with(owner_caller()), &credentials).await.expect("the owner comes in")
    }

    /// Dials from this machine.
    pub async fn dial(&self, device: &Device, credentials: &Credentials) -> Result<Connected, DialError> {
        let endpoint = Endpoint::parse(&self.url()).expect("the address");
        let options = DialOptions::default();
        within("an answer", openclaw_client::dial(&endpoint, &device.caller, credentials, &options, &mut |_| {})).await
    }

    /// Dials as if from another machine.
    pub async fn dial_from_elsewhere(
        &self,
        device: &Device,
        credentials: &Credentials,
    ) -> Result<Connected, DialError> {
        let (endpoint, options) = self.elsewhere();
        within("an answer", openclaw_client::dial(&endpoint, &device.caller, credentials, &options, &mut |_| {})).await
    }

    /// Endpoint and options of a client on another machine.
    pub fn elsewhere(&self) -> (Endpoint, DialOptions) {
        let endpoint = Endpoint::parse(&format!("ws://{ELSEWHERE}:{}", self.port)).expect("the address");
        let options = DialOptions {
            allow_private_plaintext: true,
            addresses: vec![([127, 0, 0, 1], self.port).into()],
            ..DialOptions::default()
        };
        (endpoint, options)
    }

    /// Prepares a connection of that device over a bare wire.
    pub fn knock(&self, device: &Device) -> Knock<'_> {
        Knock::new(self, device)
    }

    /// The owner over a bare wire: an operator with all scopes on this machine.
    ///
    /// # Panics
    /// When it is refused.
    pub async fn owner_peer(&self) -> Peer {
        let knock = self.knock(&Device::with(owner_caller())).token(self.owner_secret().expose());
        knock.open().await.unwrap_or_else(|no| panic!("the owner is refused: {no:?}"))
    }

    /// A node on this machine that offers these commands, in that version of the protocol.
    ///
    /// # Panics
    /// When it is refused.
    pub async fn node_peer(&self, commands: &[&str], protocol: u32) -> (Device, Peer) {
        let device = Device::node(commands);
        let knock = self.knock(&device).protocols(protocol, protocol).token(TOKEN);
        let peer = knock.open().await.unwrap_or_else(|no| panic!("the node is refused: {no:?}"));
        (device, peer)
    }

    /// An operator on this machine with these scopes, in that version of the protocol.
    ///
    /// # Panics
    /// When it is refused.
    pub async fn operator_peer(&self, scopes: &[&str], protocol: u32) -> (Device, Peer) {
        let device = Device::operator(scopes);
        let knock = self.knock(&device).protocols(protocol, protocol).token(TOKEN);
        let peer = knock.open().await.unwrap_or_else(|no| panic!("the operator is refused: {no:?}"));
        (device, peer)
    }

    /// A bare WebSocket from this machine.
    pub async fn wire(&self) -> Wire {
        Wire::open(self.port, &[]).await
    }

    /// The auth member with the shared token.
    pub fn auth() -> ConnectAuth {
        ConnectAuth { token: Some(TOKEN.to_owned()), ..ConnectAuth::default() }
    }
}

fn merge(into: &mut Value, from: &Value) {
    match (into, from) {
        (Value::Object(into), Value::Object(from)) => {
            for (key, value) in from {
                if value.is_null() {
                    into.remove(key);
                } else {
                    merge(into.entry(key.clone()).or_insert(Value::Null), value);
                }
            }
        }
        (into, from) => *into = from.clone(),
    }
}
