//! `device.*`: pairing requests, paired devices, their tokens, invitations (protocol.md §5).

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    id::{DeviceId, RequestId},
    method::{NoParams, method},
    scope::{Role, ScopeSet},
};

method! {
    /// Everything that waits and everything that is paired, newest first.
    PairList = "device.pair.list": NoParams => PairListReply
}
method! {
    /// Approves a request: exactly what was shown under that id (SEC-055).
    PairApprove = "device.pair.approve": PairDecideParams => PairApproveReply
}
method! {
    /// Refuses a request.
    PairReject = "device.pair.reject": PairDecideParams => PairRejectReply
}
method! {
    /// Removes a device, closes its connections and drops its pending request.
    PairRemove = "device.pair.remove": DeviceParams => DeviceReply
}
method! {
    /// Gives a device a label of the operator's choice.
    PairRename = "device.pair.rename": PairRenameParams => PairRenameReply
}
method! {
    /// Issues an invitation: a setup code with a single-use bootstrap token (promise P10).
    PairSetupCode = "device.pair.setupCode": SetupCodeParams => SetupCodeReply
}
method! {
    /// Tells whether an invitation was used.
    PairSetupStatus = "device.pair.setupStatus": SetupStatusParams => SetupStatusReply
}
method! {
    /// Replaces a device's token; the old one stops working and its connections close.
    TokenRotate = "device.token.rotate": TokenRotateParams => TokenRotateReply
}
method! {
    /// Withdraws a device's token for a role; its connections close.
    TokenRevoke = "device.token.revoke": TokenRevokeParams => TokenRevokeReply
}

/// Names a pairing request.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PairDecideParams {
    /// A request id; also a unique prefix of one (6 characters or more), a device name or id, or the matching code.
    pub request_id: String,
}

/// Names a device.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DeviceParams {
    pub device_id: DeviceId,
}

/// The device that was acted on.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DeviceReply {
    pub device_id: DeviceId,
}

/// What waits for a decision. The members up to `ts` are the reference's; the rest is ours (promise P9) and appears
/// in lists, not in events, whose schema is closed.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct PendingRequest {
    pub request_id: String,
    pub device_id: String,
    /// base64url of the raw key.
    pub public_key: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub display_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub platform: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub device_family: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_mode: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub role: Option<String>,
    pub roles: Vec<String>,
    pub scopes: ScopeSet,
    /// Absent for local clients.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remote_ip: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub silent: Option<bool>,
    /// The device is paired already and asks for more.
    pub is_repair: bool,
    /// Last refresh, milliseconds since the epoch.
    pub ts: u64,
    /// Ours, flattened behind the reference's members.
    #[serde(flatten)]
    pub shown: ShownToApprover,
}

/// What an approver sees beyond the reference's members (promise P9).
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct ShownToApprover {
    /// `not-paired`, `role-upgrade`, `scope-upgrade`, `metadata-upgrade`, `surface-upgrade`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The same on the device's screen.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub matching_code: Option<String>,
    /// Why the device wants in, in its user's words (`node run --purpose`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub purpose: Option<String>,
    /// Capabilities asked for.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub caps: Vec<String>,
    /// Commands asked for, all of them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub commands: Vec<String>,
    /// Of these, the ones that the device does not have yet.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub added_commands: Vec<String>,
    /// Scopes that an approver needs (SEC-059).
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub required_approve_scopes: Vec<String>,
    /// When it expires unless refreshed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires_at_ms: Option<u64>,
}

/// A paired device as others may see it: without its tokens' secrets.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct PairedDevice {
    pub device_id: String,
    pub public_key: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub display_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub operator_label: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub platform: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub device_family: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_mode: Option<String>,
    /// The role of the first approval.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub role: Option<String>,
    pub roles: Vec<String>,
    pub scopes: ScopeSet,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remote_ip: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tokens: Vec<TokenSummary>,
    pub created_at_ms: u64,
    pub approved_at_ms: u64,
    /// `owner`, `silent`, `bootstrap`, `import` …
    #[serde(skip_serializing_if = "Option::is_none")]
    pub approved_via: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_seen_at_ms: Option<u64>,
    /// Whether a connection of it is open now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub connected: Option<bool>,
}

/// A device token without its secret.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TokenSummary {
    pub role: Role,
    pub scopes: ScopeSet,
    pub created_at_ms: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rotated_at_ms: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revoked_at_ms: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_used_at_ms: Option<u64>,
}

/// Reply of [`PairList`].
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
pub struct PairListReply {
    /// Newest first.
    #[serde(default)]
    pub pending: Vec<PendingRequest>,
    /// Newest approval first.
    #[serde(default)]
    pub paired: Vec<PairedDevice>,
}

/// Reply of [`PairApprove`].
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PairApproveReply {
    pub request_id: RequestId,
    pub device: PairedDevice,
}

/// Reply of [`PairReject`].
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PairRejectReply {
    pub request_id: RequestId,
    pub device_id: DeviceId,
}

/// Params of [`PairRename`].
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PairRenameParams {
    pub device_id: DeviceId,
    /// 1 to 64 characters.
    pub label: String,
}

/// Reply of [`PairRename`].
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PairRenameReply {
    pub device_id: DeviceId,
    pub label: String,
}

/// What an invitation may grant. `limited` and `node` are the reference's names; `full` is what it gives when none is
/// named: an operator with every scope of the issuer, and a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum InviteAccess {
    /// Node and operator.
    Full,
    /// Node and operator without admin.
    Limited,
    /// Node only.
    Node,
}

/// Params of [`PairSetupCode`]. The first five are the reference's.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct SetupCodeParams {
    /// Address that the invited device shall use; otherwise the gateway works one out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub public_url: Option<String>,
    /// Prefer `gateway.remote.url`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prefer_remote_url: Option<bool>,
    /// Accepted; a picture is drawn by the caller from the setup code.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub include_qr: Option<bool>,
    /// `limited` or `node`; default full.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bootstrap_profile: Option<InviteAccess>,
    /// Accepted; join links are not served.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub join_url: Option<bool>,
    /// Ours: commands that the invited node may offer; all that it declares when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub commands: Option<Vec<String>>,
    /// Ours: life in milliseconds, at most ten minutes (SEC-057).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ttl_ms: Option<u64>,
}

/// Reply of [`PairSetupCode`].
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SetupCodeReply {
    pub setup_id: String,
    /// base64url of [`crate::setup_code::SetupCode`].
    pub setup_code: String,
    pub gateway_url: String,
    /// Other addresses of the gateway, 2 to 8 together with the first, absent when there is one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub gateway_urls: Vec<String>,
    /// `token` or `password`: how this gateway authenticates otherwise.
    pub auth: String,
    /// Where the address comes from.
    pub url_source: String,
    pub access: InviteAccess,
    pub expires_at_ms: u64,
}

/// Params of [`PairSetupStatus`].
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SetupStatusParams {
    pub setup_id: String,
}

/// Reply of [`PairSetupStatus`]: empty while nobody has used the invitation.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
pub struct SetupStatusReply {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub completion: Option<SetupCompletion>,
}

/// Who used an invitation.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SetupCompletion {
    pub setup_id: String,
    pub device_id: DeviceId,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device_name: Option<String>,
    pub access: InviteAccess,
    pub ts: u64,
}

/// Params of [`TokenRotate`].
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TokenRotateParams {
    pub device_id: DeviceId,
    pub role: String,
    /// Scopes of the new token; those of the old one when absent. Never more than was approved (SEC-051).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scopes: Option<ScopeSet>,
}

/// Reply of [`TokenRotate`].
#[derive(Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TokenRotateReply {
    pub device_id: DeviceId,
    pub role: Role,
    /// v3: always; v4: only when the caller is that device.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<String>,
    pub scopes: ScopeSet,
    pub rotated_at_ms: u64,
    /// v4: `in-band` or `withheld-cross-device`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token_delivery: Option<String>,
}

/// Params of [`TokenRevoke`].
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TokenRevokeParams {
    pub device_id: DeviceId,
    pub role: String,
}

/// Reply of [`TokenRevoke`].
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TokenRevokeReply {
    pub device_id: DeviceId,
    pub role: Role,
    pub revoked_at_ms: u64,
}

/// Permissions by name, as nodes report them.
pub type Permissions = BTreeMap<String, bool>;
