//! The answer to an accepted `connect` (protocol.md §3.7).

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::scope::{Role, ScopeSet};

/// Payload of the first response. Written member by member by the gateway, whose shared parts are serialised once;
/// read leniently by clients.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct HelloOk {
    /// The dialect of this connection, 3 or 4.
    pub protocol: u32,
    /// The gateway.
    pub server: HelloServer,
    /// What it offers.
    #[serde(default)]
    pub features: Features,
    /// State at the moment of connecting.
    #[serde(default)]
    pub snapshot: Value,
    /// v3: where the canvas is served.
    #[serde(default)]
    pub canvas_host_url: Option<String>,
    /// v4: scoped addresses by surface.
    #[serde(default)]
    pub plugin_surface_urls: BTreeMap<String, String>,
    /// What this connection is allowed to do. Optional in v3.
    #[serde(default)]
    pub auth: Option<HelloAuth>,
    /// Limits that the client has to respect.
    pub policy: Policy,
}

/// `hello-ok.server`.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct HelloServer {
    /// The gateway's version.
    pub version: String,
    /// This connection.
    pub conn_id: String,
    /// v4: differs after each start.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub boot_id: Option<String>,
}

/// `hello-ok.features`.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
pub struct Features {
    /// Methods that work.
    #[serde(default)]
    pub methods: Vec<String>,
    /// Events that may arrive.
    #[serde(default)]
    pub events: Vec<String>,
    /// v4: feature flags.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub capabilities: Vec<String>,
}

/// `hello-ok.auth`: mandatory in v4, where `method`, `role` and `scopes` are always there.
#[derive(Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct HelloAuth {
    /// `none`, `token`, `password`, `trusted-proxy`, `device-token`, `bootstrap-token`. v4 only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub method: Option<String>,
    /// The role of this connection.
    pub role: Role,
    /// What it may do.
    #[serde(default)]
    pub scopes: ScopeSet,
    /// A token of this device for this role, to be kept for the next connect.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device_token: Option<String>,
    /// When it was issued.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub issued_at_ms: Option<u64>,
}

impl std::fmt::Debug for HelloAuth {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("HelloAuth")
            .field("method", &self.method)
            .field("role", &self.role)
            .field("scopes", &self.scopes)
            .finish_non_exhaustive()
    }
}

/// `hello-ok.policy`.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Policy {
    /// Largest message, bytes.
    pub max_payload: u64,
    /// Bytes that may wait for this client.
    pub max_buffered_bytes: u64,
    /// Milliseconds between two `tick` events.
    pub tick_interval_ms: u64,
    /// v4.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attachments: Option<AttachmentPolicy>,
}

/// `hello-ok.policy.attachments` (v4).
#[derive(Clone, Copy, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AttachmentPolicy {
    /// Bytes of all attachments of one message.
    pub max_bytes: u64,
    /// Bytes of one image.
    pub max_image_bytes: u64,
}

/// Payload of our event `pairing.waiting`: the client is in the waiting room (promise P2). Its answer to `connect`
/// is still to come: hello-ok after the approval, an error after a rejection or expiry.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Waiting {
    /// What an approver names.
    pub request_id: String,
    /// Why it has to wait: `not-paired`, `role-upgrade`, `scope-upgrade`, `metadata-upgrade`.
    pub reason: String,
    /// The gateway's name, as people know it.
    pub gateway_name: String,
    /// The gateway's instance id, stable over restarts.
    pub instance_id: String,
    /// The gateway's public key, base64url; both keys and the request id give the matching code.
    pub gateway_public_key: String,
    /// When the request expires unless it is refreshed, milliseconds since the epoch.
    pub expires_at_ms: u64,
    /// A page where it can be decided, when the gateway serves one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approval_url: Option<String>,
}

/// Name of the event that carries [`Waiting`].
pub const WAITING_EVENT: &str = "pairing.waiting";
