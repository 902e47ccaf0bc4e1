//! `gateway.*`: identity, restart, suspension (protocol.md §§8.2, 9.2).

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    id::DeviceId,
    method::{NoParams, method},
};

method! {
    /// The gateway's own device identity, its name and its instance id.
    IdentityGet = "gateway.identity.get": NoParams => IdentityReply
}
method! {
    /// Whether a restart would interrupt anything now.
    RestartPreflight = "gateway.restart.preflight": NoParams => RestartPreflightReply
}
method! {
    /// Restarts the gateway in its process.
    RestartRequest = "gateway.restart.request": RestartRequestParams => RestartReply
}
method! {
    /// Stops taking new work, so that the machine can be suspended or the program replaced.
    SuspendPrepare = "gateway.suspend.prepare": SuspendPrepareParams => SuspendPrepareReply
}
method! {
    /// Where a suspension stands.
    SuspendStatus = "gateway.suspend.status": SuspensionParams => SuspendStatusReply
}
method! {
    /// Takes work again.
    SuspendResume = "gateway.suspend.resume": SuspensionParams => SuspendResumeReply
}

/// Reply of [`IdentityGet`]. `name` and `instanceId` are ours (promise P7).
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct IdentityReply {
    pub device_id: DeviceId,
    pub public_key: String,
    #[serde(default)]
    pub name: String,
    #[serde(default)]
    pub instance_id: String,
}

/// Work that a restart would interrupt.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Blocker {
    /// One of the reference's kinds; here `root-request`: an invoke that waits for its node.
    pub kind: String,
    pub count: u64,
    pub message: String,
}

/// Reply of [`RestartPreflight`].
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RestartPreflightReply {
    pub safe: bool,
    pub active_count: u64,
    pub blockers: Vec<Blocker>,
}

/// Params of [`RestartRequest`].
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct RestartRequestParams {
    /// For the log and the `shutdown` event.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Wait before it, milliseconds, at most 60,000.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub delay_ms: Option<u64>,
}

/// Reply of [`RestartRequest`].
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RestartReply {
    pub ok: bool,
    pub pid: u32,
    pub delay_ms: u64,
}

/// Params of [`SuspendPrepare`].
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SuspendPrepareParams {
    /// Chosen by the caller; the same id again is the same wish.
    pub request_id: String,
    /// Accepted, not used: there are no terminals yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub terminal_policy: Option<String>,
    /// Refuse new work at once and wait for the running one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub drain: Option<bool>,
}

/// Names a suspension.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SuspensionParams {
    pub suspension_id: String,
}

/// Reply of [`SuspendPrepare`].
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "status", rename_all = "lowercase", rename_all_fields = "camelCase")]
pub enum SuspendPrepareReply {
    /// Nothing was changed: there is work.
    Busy { reason: String, retry_after_ms: u64, active_count: u64, blockers: Vec<Blocker> },
    /// New work is refused, running work goes on.
    Draining {
        suspension_id: String,
        expires_at_ms: u64,
        retry_after_ms: u64,
        active_count: u64,
        blockers: Vec<Blocker>,
    },
    /// New work is refused and none runs.
    Ready { suspension_id: String, expires_at_ms: u64, active_count: u64, blockers: Vec<Blocker> },
}

/// Reply of [`SuspendStatus`].
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "status", rename_all = "lowercase", rename_all_fields = "camelCase")]
pub enum SuspendStatusReply {
    /// No such suspension: the gateway takes work.
    Running,
    /// See [`SuspendPrepareReply::Draining`].
    Draining { expires_at_ms: u64, retry_after_ms: u64, active_count: u64, blockers: Vec<Blocker> },
    /// See [`SuspendPrepareReply::Ready`].
    Ready { expires_at_ms: u64 },
}

/// Reply of [`SuspendResume`].
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct SuspendResumeReply {
    pub ok: bool,
    pub status: String,
    /// Whether there was a suspension to end.
    pub resumed: bool,
}
