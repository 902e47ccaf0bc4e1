//! hello-ok: the answer to an accepted `connect`, in the dialect of the peer (protocol.md §3.7).
//!
//! What is the same for everybody (method and event names) is serialised once.

use bytes::Bytes;
use openclaw_protocol::{
    frame::{OutResponse, StateVersion},
    hello::{AttachmentPolicy, HelloAuth, HelloServer, Policy},
    limits,
    scope::{Role, Scope},
    version::Dialect,
};
use serde::Serialize;
use serde_json::{Value, json, value::RawValue};

use super::session::Session;
use crate::auth::admission::OWN_CAPS;
use crate::hub::Hub;

/// Presence entries in a hello-ok; `system-presence` has all of them. Keeps hello-ok small however many are there.
const MAX_PRESENCE: usize = 16;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Hello<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    protocol: u32,
    server: HelloServer,
    features: &'a RawValue,
    snapshot: Value,
    #[serde(skip_serializing_if = "Option::is_none")]
    auth: Option<HelloAuth>,
    policy: Policy,
}

/// The frame.
pub(crate) fn hello(hub: &Hub, session: &Session, request_id: &str, auth: Option<HelloAuth>) -> Bytes {
    let v4 = session.dialect == Dialect::V4;
    let hello = Hello {
        kind: "hello-ok",
        protocol: session.dialect.number(),
        server: HelloServer {
            version: hub.identity.version.clone(),
            conn_id: session.conn_id.to_string(),
            boot_id: v4.then(|| hub.identity.boot_id.clone()),
        },
        features: hub.registry.features(),
        snapshot: snapshot(hub, session),
        auth,
        policy: Policy {
            max_payload: limits::MAX_PAYLOAD_BYTES as u64,
            max_buffered_bytes: limits::MAX_BUFFERED_BYTES as u64,
            tick_interval_ms: u64::try_from(limits::TICK_INTERVAL.as_millis()).unwrap_or(30_000),
            attachments: v4.then_some(AttachmentPolicy {
                max_bytes: limits::ATTACHMENT_MAX_BYTES,
                max_image_bytes: limits::ATTACHMENT_MAX_IMAGE_BYTES,
            }),
        },
    };
    serde_json::to_vec(&OutResponse::ok(request_id, hello)).unwrap_or_default().into()
}

/// State at the moment of connecting. Who may not read gets only what the schema requires (SEC-075).
fn snapshot(hub: &Hub, session: &Session) -> Value {
    let reads = session.role == Role::Operator && session.scopes.covers(Scope::READ);
    let admin = session.role == Role::Operator && session.scopes.covers(Scope::ADMIN);
    let version: StateVersion = hub.presence.version(hub.health.version());
    let mut snapshot = json!({
        "presence": if reads { json!(hub.presence.newest(MAX_PRESENCE)) } else { json!([]) },
        "health": if reads { hub.health.cached() } else { json!({}) },
        "stateVersion": version,
        "uptimeMs": u64::try_from(hub.life.started.elapsed().as_millis()).unwrap_or_default(),
        "sessionDefaults": {
            "defaultAgentId": "main",
            "mainKey": "main",
            "mainSessionKey": "agent:main:main",
            "scope": "per-sender",
        },
    });
    let Some(members) = snapshot.as_object_mut() else { return snapshot };
    if session.dialect == Dialect::V4 {
        members.insert("suspension".into(), json!({"phase": hub.suspension.phase()}));
    }
    // Our own programs say so by a capability; the schema of others is closed (promise P7).
    if session.caps.iter().any(|cap| cap.starts_with(OWN_CAPS)) {
        let gateway = json!({"name": hub.identity.name, "instanceId": hub.identity.instance_id});
        members.insert("gateway".into(), gateway);
        let waiting = session.declared_surface().minus(&session.effective_surface());
        if !waiting.commands.is_empty() {
            members.insert("node".into(), json!({"pendingDeclaredCommands": waiting.commands}));
        }
    }
    if admin {
        members.insert("configPath".into(), json!(hub.configuration.paths().config_path));
        members.insert("stateDir".into(), json!(hub.configuration.paths().state_dir));
        members.insert("authMode".into(), json!(hub.settings().auth_mode()));
    }
    snapshot
}
