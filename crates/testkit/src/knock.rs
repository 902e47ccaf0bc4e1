//! Knocking at the gateway's door with frames of the test's own making: which protocol, which secrets, from where.

use openclaw_identity::{DeviceKey, sign_connect};
use openclaw_protocol::{
    connect::{ConnectAuth, ConnectParams},
    scope::Role,
};
use serde_json::Value;

use crate::{Device, Peer, TestGateway, Wire, gateway::ELSEWHERE};

/// A connection that is being prepared.
pub struct Knock<'a> {
    gateway: &'a TestGateway,
    params: ConnectParams,
    key: Option<DeviceKey>,
    host: String,
    headers: Vec<(String, String)>,
}

/// A refused connection: the error, and how the socket was closed.
#[derive(Debug)]
pub struct Refused {
    pub error: Value,
    pub code: u16,
    pub reason: String,
}

impl Refused {
    /// `error.details.code`.
    pub fn detail(&self) -> &str {
        self.error["details"]["code"].as_str().unwrap_or_default()
    }

    /// `error.message`.
    pub fn message(&self) -> &str {
        self.error["message"].as_str().unwrap_or_default()
    }
}

impl<'a> Knock<'a> {
    /// That device, protocols 3 to 4, on this machine, without a secret.
    pub(crate) fn new(gateway: &'a TestGateway, device: &Device) -> Self {
        let host = format!("127.0.0.1:{}", gateway.port());
        let key = device.caller.key.clone();
        Self { gateway, params: device.params(), key, host, headers: Vec::new() }
    }

    /// Speaks these protocols.
    #[must_use]
    pub fn protocols(mut self, min: u32, max: u32) -> Self {
        (self.params.min_protocol, self.params.max_protocol) = (min, max);
        self
    }

    /// Speaks only protocol 3, as 2026.3 does.
    #[must_use]
    pub fn v3(self) -> Self {
        self.protocols(3, 3)
    }

    /// Speaks only protocol 4, as 2026.9 does.
    #[must_use]
    pub fn v4(self) -> Self {
        self.protocols(4, 4)
    }

    /// Shows this as the shared token.
    #[must_use]
    pub fn token(mut self, token: &str) -> Self {
        self.auth_mut().token = Some(token.to_owned());
        self
    }

    /// Shows this as the shared password.
    #[must_use]
    pub fn password(mut self, password: &str) -> Self {
        self.auth_mut().password = Some(password.to_owned());
        self
    }

    /// Shows this device token.
    #[must_use]
    pub fn device_token(mut self, token: &str) -> Self {
        self.auth_mut().device_token = Some(token.to_owned());
        self
    }

    /// Shows the code of an invitation.
    #[must_use]
    pub fn bootstrap(mut self, token: &str) -> Self {
        self.auth_mut().bootstrap_token = Some(token.to_owned());
        self
    }

    /// Comes from another machine, as far as the gateway can tell.
    #[must_use]
    pub fn from_elsewhere(self) -> Self {
        let host = format!("{ELSEWHERE}:{}", self.gateway.port());
        self.host(&host)
    }

    /// Sends that Host header.
    #[must_use]
    pub fn host(mut self, host: &str) -> Self {
        host.clone_into(&mut self.host);
        self
    }

    /// Sends that header besides; a repeated one is sent twice.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Shows no device.
    #[must_use]
    pub fn without_device(mut self) -> Self {
        self.key = None;
        self
    }

    /// Changes the params before they are signed.
    #[must_use]
    pub fn with(mut self, change: impl FnOnce(&mut ConnectParams)) -> Self {
        change(&mut self.params);
        self
    }

    /// Knocks.
    ///
    /// # Errors
    /// [`Refused`], when the answer is an error.
    pub async fn open(self) -> Result<Peer, Refused> {
        self.open_changed(|_| {}).await
    }

    /// Knocks with params that were changed after they were signed.
    ///
    /// # Errors
    /// [`Refused`], when the answer is an error.
    ///
    /// # Panics
    /// When the gateway does not even open the WebSocket.
    pub async fn open_changed(mut self, change: impl FnOnce(&mut Value)) -> Result<Peer, Refused> {
        let opened = Wire::open_with(self.gateway.port(), &self.host, &self.headers).await;
        let mut wire = opened.unwrap_or_else(|no| panic!("the gateway opens no WebSocket: {no:?}"));
        if let Some(key) = &self.key {
            let role = self.params.role.as_deref().and_then(Role::parse).unwrap_or(Role::Operator);
            sign_connect(&mut self.params, key, role, &wire.nonce, self.gateway.clock.now_ms());
        }
        let mut params = serde_json::to_value(&self.params).expect("params");
        change(&mut params);
        wire.send("connect", "connect", params).await;
        let mut answer = wire.answer("connect").await;
        if answer["ok"] == true {
            return Ok(Peer::new(wire, answer["payload"].take()));
        }
        let (code, reason) = wire.closed().await;
        Err(Refused { error: answer["error"].take(), code, reason })
    }

    fn auth_mut(&mut self) -> &mut ConnectAuth {
        self.params.auth.get_or_insert_default()
    }
}
