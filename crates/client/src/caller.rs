//! Who connects and with which secrets, and the `connect` params that follow.

use std::collections::BTreeMap;

use openclaw_identity::{DeviceKey, Secret};
use openclaw_protocol::{
    compat,
    connect::{CAP_PAIRING_WAIT, ClientInfo, ConnectAuth, ConnectParams},
    scope::Role,
    version::{MAX_PROTOCOL, MIN_PROTOCOL},
};

/// Who connects: program, role, wishes and device key.
#[derive(Clone, Debug)]
pub struct Caller {
    /// The program. `platform` holds the canonical name (`linux`, `macos`, `windows`).
    pub client: ClientInfo,
    /// Operator or node.
    pub role: Role,
    /// Scopes that an operator asks for, in the order in which they are signed.
    pub scopes: Vec<String>,
    /// Operators: feature flags. Nodes: capability names.
    pub caps: Vec<String>,
    /// Nodes: commands that can be invoked.
    pub commands: Vec<String>,
    /// Nodes: what the operating system permits.
    pub permissions: BTreeMap<String, bool>,
    /// Nodes: the PATH that `system.run` searches.
    pub path_env: Option<String>,
    /// The device's key; without one nothing is signed, and a gateway gives such a caller little.
    pub key: Option<DeviceKey>,
    /// Ask to be kept in the waiting room instead of being refused while a person decides (promise P2).
    pub wait_for_pairing: bool,
}

impl Caller {
    /// A caller on this machine that wants nothing yet. `client_id` and `mode` are of the reference's lists
    /// (protocol.md §3.2), the version is that of this package.
    pub fn new(client_id: &str, mode: &str, role: Role) -> Self {
        let (platform, family) = this_platform();
        let client = ClientInfo {
            id: client_id.to_owned(),
            mode: mode.to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            platform: platform.to_owned(),
            device_family: Some(family.to_owned()),
            ..ClientInfo::default()
        };
        Self {
            client,
            role,
            scopes: Vec::new(),
            caps: Vec::new(),
            commands: Vec::new(),
            permissions: BTreeMap::new(),
            path_env: None,
            key: None,
            wait_for_pairing: false,
        }
    }
}

/// The canonical platform name of this machine and its device family (protocol.md §3.2).
fn this_platform() -> (&'static str, &'static str) {
    match std::env::consts::OS {
        "macos" => ("macos", "Mac"),
        "windows" => ("windows", "Windows"),
        "linux" => ("linux", "Linux"),
        other => (other, "Unknown"),
    }
}

/// Secrets for one endpoint. The caller has checked that they were meant for it (SEC-010).
#[derive(Clone, Debug, Default)]
pub struct Credentials {
    /// The gateway's shared token, given explicitly.
    pub token: Option<Secret>,
    /// The token that the gateway issued to this device and role earlier.
    pub device_token: Option<Secret>,
    /// The single-use token of an invitation; sent only when there is neither of the two above.
    pub bootstrap_token: Option<Secret>,
    /// The gateway's shared password.
    pub password: Option<Secret>,
}

/// One try of a dial: what differs between the first and a second one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Attempt {
    pub(crate) protocols: Protocols,
    pub(crate) tokens: Tokens,
}

/// Which versions are offered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Protocols {
    /// All that we speak.
    All,
    /// Only 3, with the platform names of its time.
    Legacy,
}

/// Which tokens are sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tokens {
    /// The explicit token, else the stored device token, else the bootstrap token (protocol.md §3.6).
    Best,
    /// The explicit token and beside it the stored device token, as a gateway may invite to (SEC-019).
    Both,
}

impl Attempt {
    pub(crate) const FIRST: Self = Self { protocols: Protocols::All, tokens: Tokens::Best };

    /// The unsigned params of this try. Only members that the schema of 2026.3.13 has are filled, for its gateway
    /// refuses others.
    pub(crate) fn params(self, caller: &Caller, credentials: &Credentials) -> ConnectParams {
        let mut client = ClientInfo { build_id: None, time_zone: None, ..caller.client.clone() };
        let min_and_max = match self.protocols {
            Protocols::All => (MIN_PROTOCOL, MAX_PROTOCOL),
            Protocols::Legacy => {
                compat::v3::platform(&caller.client.platform).clone_into(&mut client.platform);
                (MIN_PROTOCOL, MIN_PROTOCOL)
            }
        };
        let mut caps = caller.caps.clone();
        if caller.wait_for_pairing && !caps.iter().any(|cap| cap == CAP_PAIRING_WAIT) {
            caps.push(CAP_PAIRING_WAIT.to_owned());
        }
        ConnectParams {
            min_protocol: min_and_max.0,
            max_protocol: min_and_max.1,
            client,
            caps,
            commands: caller.commands.clone(),
            permissions: caller.permissions.clone(),
            path_env: caller.path_env.clone(),
            role: Some(caller.role.as_str().to_owned()),
            scopes: caller.scopes.clone(),
            auth: self.auth(credentials),
            ..ConnectParams::default()
        }
    }

    fn auth(self, credentials: &Credentials) -> Option<ConnectAuth> {
        let text = |secret: &Option<Secret>| {
            secret.as_ref().filter(|secret| !secret.is_empty()).map(|secret| secret.expose().to_owned())
        };
        let (explicit, stored) = (text(&credentials.token), text(&credentials.device_token));
        let mut auth = ConnectAuth { password: text(&credentials.password), ..ConnectAuth::default() };
        match (explicit, stored, self.tokens) {
            (Some(token), stored, Tokens::Both) => (auth.token, auth.device_token) = (Some(token), stored),
            (Some(token), _, Tokens::Best) => auth.token = Some(token),
            (None, Some(stored), _) => (auth.token, auth.device_token) = (Some(stored.clone()), Some(stored)),
            (None, None, _) => auth.bootstrap_token = text(&credentials.bootstrap_token),
        }
        let empty = auth.token.is_none() && auth.bootstrap_token.is_none() && auth.password.is_none();
        (!empty).then_some(auth)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn auth_of(credentials: &Credentials, tokens: Tokens) -> [Option<String>; 4] {
        let attempt = Attempt { protocols: Protocols::All, tokens };
        let auth = attempt.auth(credentials).unwrap_or_default();
        [auth.token, auth.device_token, auth.bootstrap_token, auth.password]
    }

    fn texts(texts: [&str; 4]) -> [Option<String>; 4] {
        texts.map(|text| (!text.is_empty()).then(|| text.to_owned()))
    }

    #[test]
    fn an_explicit_token_goes_before_the_stored_one_and_that_before_an_invitation() {
        let all = Credentials {
            token: Some(Secret::new("t")),
            device_token: Some(Secret::new("d")),
            bootstrap_token: Some(Secret::new("b")),
            password: Some(Secret::new("p")),
        };
        assert_eq!(auth_of(&all, Tokens::Best), texts(["t", "", "", "p"]));
        assert_eq!(auth_of(&all, Tokens::Both), texts(["t", "d", "", "p"]));
        let no_explicit = Credentials { token: Some(Secret::new("")), ..all.clone() };
        assert_eq!(auth_of(&no_explicit, Tokens::Best), texts(["d", "d", "", "p"]));
        let invited = Credentials { device_token: None, password: None, ..no_explicit };
        assert_eq!(auth_of(&invited, Tokens::Best), texts(["", "", "b", ""]));
        assert!(Attempt::FIRST.auth(&Credentials::default()).is_none());
    }

    #[test]
    fn params_pass_the_schema_and_have_no_member_that_2026_3_does_not_know() {
        let mut caller = Caller::new("node-host", "node", Role::Node);
        caller.client.time_zone = Some("Europe/Berlin".into());
        caller.client.build_id = Some("b".into());
        caller.caps = vec!["system".into()];
        caller.wait_for_pairing = true;
        let params = Attempt::FIRST.params(&caller, &Credentials::default());
        assert_eq!(params.problem(), None);
        let json = serde_json::to_value(&params).unwrap();
        assert_eq!((&json["minProtocol"], &json["maxProtocol"]), (&3.into(), &4.into()));
        assert_eq!(json["caps"], serde_json::json!(["system", CAP_PAIRING_WAIT]));
        assert!(json["client"].get("timeZone").is_none() && json["client"].get("buildId").is_none());
    }

    #[test]
    fn the_capability_for_the_waiting_room_is_sent_only_when_wanted() {
        let caller = Caller::new("cli", "cli", Role::Operator);
        assert!(!Attempt::FIRST.params(&caller, &Credentials::default()).waits_for_pairing());
    }

    #[test]
    fn the_legacy_attempt_offers_only_3_and_uses_its_platform_names() {
        let mut caller = Caller::new("node-host", "node", Role::Node);
        caller.client.platform = "windows".into();
        let attempt = Attempt { protocols: Protocols::Legacy, ..Attempt::FIRST };
        let params = attempt.params(&caller, &Credentials::default());
        assert_eq!((params.min_protocol, params.max_protocol), (3, 3));
        assert_eq!(params.client.platform, "win32");
    }
}
