//! The health object (protocol.md §8.2): worked out once a minute, serialised once, answered from there.

use std::{
    path::Path,
    sync::{
        Arc, PoisonError, RwLock,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use openclaw_config::sections::gateway::ReloadMode;
use openclaw_protocol::events;
use serde_json::{Value, json, value::RawValue};

use crate::hub::Hub;

/// A new snapshot is made so often.
const REFRESH_INTERVAL: Duration = Duration::from_mins(1);

/// The last health snapshot.
pub(crate) struct Health {
    current: RwLock<Current>,
    version: AtomicU64,
}

struct Current {
    full: Value,
    full_text: Arc<RawValue>,
    public_text: Arc<RawValue>,
}

impl Health {
    pub(crate) fn new() -> Self {
        Self { current: RwLock::new(Current::of(payload_of(0, 0, None, true))), version: AtomicU64::new(1) }
    }

    /// The last snapshot.
    pub(crate) fn cached(&self) -> Value {
        self.current.read().unwrap_or_else(PoisonError::into_inner).full.clone()
    }

    /// The same, serialised. Who may not read gets it without paths (SEC-075).
    pub(crate) fn cached_text(&self, reads: bool) -> Arc<RawValue> {
        let current = self.current.read().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(if reads { &current.full_text } else { &current.public_text })
    }

    /// Grows with every snapshot; starts at 1.
    pub(crate) fn version(&self) -> u64 {
        self.version.load(Ordering::Acquire)
    }

    /// Makes a new snapshot and keeps it.
    pub(crate) fn payload(&self, hub: &Hub) -> Value {
        let started = Instant::now();
        let snapshot = hub.configuration.snapshot();
        let reloads = snapshot.config.gateway.reload.mode != ReloadMode::Off;
        let duration_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or_default();
        let state_dir = &hub.configuration.paths().state_dir;
        let payload = payload_of(hub.clock.now_ms(), duration_ms, Some(state_dir), reloads);
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = Current::of(payload.clone());
        self.version.fetch_add(1, Ordering::AcqRel);
        payload
    }
}

impl Current {
    fn of(full: Value) -> Self {
        let text =
            |value: &Value| -> Arc<RawValue> { serde_json::value::to_raw_value(value).unwrap_or_default().into() };
        let mut public = full.clone();
        for pointer in ["/agents/0/sessions/path", "/sessions/path"] {
            if let Some(path) = public.pointer_mut(pointer) {
                *path = Value::from("");
            }
        }
        Self { full_text: text(&full), public_text: text(&public), full }
    }
}

/// Valid for both releases: 2026.9 closes the object, and the 2026.3 CLI reads `agents[].heartbeat` and
/// `agents[].sessions` without asking whether they are there. No agent runs here yet, so its heartbeat is off.
fn payload_of(ts: u64, duration_ms: u64, state_dir: Option<&Path>, reloads: bool) -> Value {
    let sessions_file = |state_dir: &Path| state_dir.join("agents").join("main").join("sessions").join("sessions.json");
    let sessions = json!({
        "path": state_dir.map(|dir| sessions_file(dir).display().to_string()).unwrap_or_default(),
        "count": 0,
        "recent": [],
    });
    json!({
        "ok": true,
        "ts": ts,
        "durationMs": duration_ms,
        "configReload": {"hotReloadStatus": if reloads { "active" } else { "disabled" }},
        "channels": {},
        "channelOrder": [],
        "channelLabels": {},
        "heartbeatSeconds": 0,
        "defaultAgentId": "main",
        "agents": [{
            "agentId": "main",
            "isDefault": true,
            "heartbeat": {
                "enabled": false, "every": "disabled", "everyMs": null,
                "prompt": "", "target": "none", "ackMaxChars": 300,
            },
            "sessions": sessions,
        }],
        "sessions": sessions,
    })
}

/// Makes a snapshot now and then, and tells everybody who may see it.
pub(crate) async fn refresh_loop(hub: Arc<Hub>) {
    loop {
        let payload = hub.health.payload(&hub);
        let version = hub.presence.version(hub.health.version());
        hub.connections.broadcast(&events::core::HEALTH, &payload, Some(version));
        tokio::select! {
            () = hub.life.stop.cancelled() => return,
            () = tokio::time::sleep(REFRESH_INTERVAL) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_official_cli_finds_every_member_that_it_reads() {
        let payload = payload_of(5, 0, Some(Path::new("state")), true);
        for pointer in [
            "/agents/0/agentId",
            "/agents/0/heartbeat/everyMs",
            "/agents/0/heartbeat/every",
            "/agents/0/sessions/path",
            "/agents/0/sessions/count",
            "/agents/0/sessions/recent",
            "/sessions/recent",
            "/channelOrder",
            "/channelLabels",
            "/heartbeatSeconds",
        ] {
            assert!(payload.pointer(pointer).is_some(), "{pointer}");
        }
    }

    #[test]
    fn sec_075_who_may_not_read_learns_no_path_from_health() {
        let health = Health::new();
        *health.current.write().unwrap() = Current::of(payload_of(5, 0, Some(Path::new("secret-place")), true));
        assert!(health.cached_text(true).get().contains("secret-place"));
        assert!(!health.cached_text(false).get().contains("secret-place"));
    }
}
