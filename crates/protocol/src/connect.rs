//! The first request of every connection (protocol.md §3.2).

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Client ids that the reference knows; any other is a schema error (protocol.md §3.2).
pub const CLIENT_IDS: [&str; 17] = [
    "webchat-ui",
    "openclaw-control-ui",
    "webchat",
    "cli",
    "gateway-client",
    "openclaw-macos",
    "openclaw-ios",
    "openclaw-android",
    "node-host",
    "test",
    "fingerprint",
    "openclaw-probe",
    "openclaw-browser-copilot",
    "openclaw-tui",
    "openclaw-linux",
    "openclaw-watchos",
    "openclaw-worker",
];

/// Client modes that the reference knows.
pub const CLIENT_MODES: [&str; 8] = ["webchat", "cli", "ui", "backend", "node", "probe", "test", "worker"];

/// Capability by which our client asks to be kept waiting instead of refused while a person decides (promise P2).
/// Official clients do not send it and are refused with the code of their version.
pub const CAP_PAIRING_WAIT: &str = "openclaw.pairing-wait";

/// Beginning of the capability by which our node host tells why it wants in (promise P9); the rest is its user's words,
/// at most 200 characters. `connect` has no member for it, and official gateways take any text as a capability.
pub const CAP_PURPOSE_PREFIX: &str = "openclaw.purpose:";

/// Params of `connect`. A closed object: unknown members are refused.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ConnectParams {
    /// Lowest protocol that the client speaks, at least 1.
    pub min_protocol: u32,
    /// Highest protocol that the client speaks.
    pub max_protocol: u32,
    /// Who is calling.
    pub client: ClientInfo,
    /// Operators: feature flags. Nodes: capability names such as `system` or `canvas`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub caps: Vec<String>,
    /// Nodes: the commands that can be invoked.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub commands: Vec<String>,
    /// Nodes: permissions that the operating system granted, such as `{"camera": true}`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub permissions: BTreeMap<String, bool>,
    /// Nodes: the PATH that `system.run` searches.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path_env: Option<String>,
    /// `operator` (default) or `node`; checked by the handshake, which has its own error for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<String>,
    /// Scopes that an operator asks for, in the order in which they are signed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub scopes: Vec<String>,
    /// The device's key and signature.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device: Option<DeviceProof>,
    /// Credentials.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub auth: Option<ConnectAuth>,
    /// BCP 47 tag.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub locale: Option<String>,
    /// Of a browser.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_agent: Option<String>,
    /// v4: computer-use descriptor of a node. Accepted, not used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub computer_use: Option<serde_json::Value>,
    /// v4: cloud workers. Accepted, not used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub worker_runs: Option<serde_json::Value>,
    /// 2026.9.6: a Control UI asks for a model catalogue. Accepted, not used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model_catalog: Option<serde_json::Value>,
}

/// The program that connects.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ClientInfo {
    /// One of [`CLIENT_IDS`].
    pub id: String,
    /// Shown to people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub display_name: Option<String>,
    /// The program's version.
    pub version: String,
    /// Operating system; signed, pinned at pairing, selects the command allowlist.
    pub platform: String,
    /// `Linux`, `Windows`, `Mac`, `iPhone` …; signed and pinned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device_family: Option<String>,
    /// Hardware model.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model_identifier: Option<String>,
    /// One of [`CLIENT_MODES`].
    pub mode: String,
    /// Presence key of a client without a device; a node host sends the id of its node.json.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instance_id: Option<String>,
    /// v4: build of a Control UI, 1 to 96 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub build_id: Option<String>,
    /// v4: IANA name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time_zone: Option<String>,
}

/// Proof that the client holds a device's private key (protocol.md §3.5).
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DeviceProof {
    /// Lowercase hex SHA-256 of the raw public key.
    pub id: String,
    /// base64url of the raw key; PEM and standard base64 are accepted.
    pub public_key: String,
    /// base64url of the Ed25519 signature.
    pub signature: String,
    /// When it was signed, milliseconds since the epoch.
    pub signed_at: u64,
    /// The nonce of this connection's challenge.
    pub nonce: String,
}

/// Credentials of a `connect`. Never logged: `Debug` shows only which are present.
#[derive(Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ConnectAuth {
    /// The gateway's shared token, or a device token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<String>,
    /// A single-use token of an invitation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bootstrap_token: Option<String>,
    /// A device token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device_token: Option<String>,
    /// The gateway's shared password.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password: Option<String>,
    /// v4, local backends only. Accepted, not used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approval_runtime_token: Option<String>,
    /// v4, local backends only. Accepted, not used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent_runtime_identity_token: Option<String>,
}

impl ConnectAuth {
    /// The credential that goes into the signed text: token, else device token, else bootstrap token, else nothing.
    /// Passwords are never signed (protocol.md §3.5).
    pub fn signed_token(&self) -> &str {
        [&self.token, &self.device_token, &self.bootstrap_token]
            .into_iter()
            .find_map(Option::as_deref)
            .unwrap_or_default()
    }
}

impl std::fmt::Debug for ConnectAuth {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ConnectAuth")
            .field("token", &self.token.is_some())
            .field("bootstrap_token", &self.bootstrap_token.is_some())
            .field("device_token", &self.device_token.is_some())
            .field("password", &self.password.is_some())
            .finish_non_exhaustive()
    }
}

impl ConnectParams {
    /// The first violation of the schema that the types do not catch, in the reference's wording.
    pub fn problem(&self) -> Option<String> {
        let client = &self.client;
        let one_of = |path: &str| Some(format!("at {path}: must be equal to one of the allowed values"));
        let empty = |path: &str| Some(format!("at {path}: must NOT have fewer than 1 characters"));
        if self.min_protocol < 1 {
            return Some("at /minProtocol: must be >= 1".into());
        }
        if self.max_protocol < 1 {
            return Some("at /maxProtocol: must be >= 1".into());
        }
        if !CLIENT_IDS.contains(&client.id.as_str()) {
            return one_of("/client/id");
        }
        if !CLIENT_MODES.contains(&client.mode.as_str()) {
            return one_of("/client/mode");
        }
        let texts = [
            ("/client/version", Some(&client.version)),
            ("/client/platform", Some(&client.platform)),
            ("/client/displayName", client.display_name.as_ref()),
            ("/client/deviceFamily", client.device_family.as_ref()),
            ("/client/modelIdentifier", client.model_identifier.as_ref()),
            ("/client/instanceId", client.instance_id.as_ref()),
            ("/client/buildId", client.build_id.as_ref()),
            ("/client/timeZone", client.time_zone.as_ref()),
            ("/role", self.role.as_ref()),
            ("/device/id", self.device.as_ref().map(|device| &device.id)),
            ("/device/publicKey", self.device.as_ref().map(|device| &device.public_key)),
            ("/device/signature", self.device.as_ref().map(|device| &device.signature)),
            ("/device/nonce", self.device.as_ref().map(|device| &device.nonce)),
        ];
        if let Some((path, _)) = texts.iter().find(|(_, text)| text.is_some_and(String::is_empty)) {
            // An empty nonce is the handshake's to refuse: it has a code of its own.
            if *path != "/device/nonce" {
                return empty(path);
            }
        }
        let lists = [("/caps", &self.caps), ("/commands", &self.commands), ("/scopes", &self.scopes)];
        for (path, list) in lists {
            if let Some(at) = list.iter().position(String::is_empty) {
                return empty(&format!("{path}/{at}"));
            }
        }
        None
    }

    /// Whether the client asked to be kept waiting for a person's decision.
    pub fn waits_for_pairing(&self) -> bool {
        self.caps.iter().any(|cap| cap == CAP_PAIRING_WAIT)
    }
}

/// Payload of the event `connect.challenge`, the first thing a gateway sends.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Challenge {
    /// To be signed; used once.
    pub nonce: String,
    /// The gateway's clock, milliseconds since the epoch.
    pub ts: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn minimal() -> ConnectParams {
        ConnectParams {
            min_protocol: 3,
            max_protocol: 4,
            client: ClientInfo {
                id: "cli".into(),
                version: "1".into(),
                platform: "linux".into(),
                mode: "cli".into(),
                ..ClientInfo::default()
            },
            ..ConnectParams::default()
        }
    }

    fn check(change: impl FnOnce(&mut ConnectParams), expected: Option<&str>) {
        let mut params = minimal();
        change(&mut params);
        assert_eq!(params.problem().as_deref(), expected);
    }

    #[test]
    fn connect_params_are_checked_as_the_schema_does() {
        check(|_| {}, None);
        check(|p| p.client.id = "mine".into(), Some("at /client/id: must be equal to one of the allowed values"));
        check(|p| p.client.mode = "x".into(), Some("at /client/mode: must be equal to one of the allowed values"));
        check(|p| p.client.version.clear(), Some("at /client/version: must NOT have fewer than 1 characters"));
        check(|p| p.scopes.push(String::new()), Some("at /scopes/0: must NOT have fewer than 1 characters"));
        check(|p| p.min_protocol = 0, Some("at /minProtocol: must be >= 1"));
    }

    #[test]
    fn sec_132_credentials_do_not_show_in_debug_output() {
        let auth = ConnectAuth { token: Some("s3cret".into()), ..ConnectAuth::default() };
        assert!(!format!("{auth:?}").contains("s3cret"));
    }

    #[test]
    fn sec_073_unknown_members_are_refused() {
        let mut value = serde_json::to_value(minimal()).unwrap();
        value["owner"] = true.into();
        assert!(serde_json::from_value::<ConnectParams>(value).is_err());
    }
}
