//! The list, who comes and who goes.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use openclaw_protocol::{
    events,
    frame::StateVersion,
    id::{ConnId, DeviceId},
    methods::core::{PresenceEntry, SystemEventParams},
    scope::Scope,
};
use serde::Serialize;
use tokio::sync::Notify;

use super::system_event;
use crate::{conn::session::Session, hub::Hub, rpc::error::RpcError};

/// An entry without a connection is forgotten after so long.
const TTL_MS: u64 = 5 * 60_000;
/// Entries at most, the gateway's own not counted; the oldest goes first.
const MAX_ENTRIES: usize = 200;
/// The event goes out at most so often.
const BROADCAST_INTERVAL: Duration = Duration::from_millis(250);
/// Client modes that come for one question and are no participants (2026.9).
const UNTRACKED_MODES: [&str; 3] = ["cli", "probe", "backend"];

/// Everybody who takes part.
pub(crate) struct Presence {
    inner: Mutex<Inner>,
    changed: Notify,
}

pub(super) struct Inner {
    own: PresenceEntry,
    entries: HashMap<String, Tracked>,
    /// Keys by age. The second number tells entries of the same millisecond apart.
    by_age: BTreeMap<(u64, u64), String>,
    next: u64,
    version: u64,
    /// The latest time that anybody told.
    latest_ms: u64,
}

struct Tracked {
    entry: PresenceEntry,
    age: (u64, u64),
    connections: Vec<ConnId>,
}

/// Payload of the `presence` event.
#[derive(Serialize)]
struct PresenceEvent {
    presence: Vec<PresenceEntry>,
}

impl Presence {
    /// Only the gateway itself.
    pub(crate) fn new(own: PresenceEntry) -> Self {
        let inner =
            Inner { latest_ms: own.ts, own, entries: HashMap::new(), by_age: BTreeMap::new(), next: 0, version: 1 };
        Self { inner: Mutex::new(inner), changed: Notify::new() }
    }

    /// How the gateway itself shows up.
    pub(crate) fn own_entry(host: &str, ip: Option<&str>, version: &str, platform: &str, now_ms: u64) -> PresenceEntry {
        let address = ip.map(|ip| format!(" ({ip})")).unwrap_or_default();
        PresenceEntry {
            host: Some(host.to_owned()),
            ip: ip.map(str::to_owned),
            version: Some(version.to_owned()),
            platform: Some(platform.to_owned()),
            mode: Some("gateway".to_owned()),
            reason: Some("self".to_owned()),
            text: Some(format!("Gateway: {host}{address} · app {version} · mode gateway · reason self")),
            ts: now_ms,
            ..PresenceEntry::default()
        }
    }

    /// A connection came.
    pub(crate) fn connected(&self, session: &Session, now_ms: u64) {
        if !is_tracked(session) {
            return;
        }
        let entry = entry_of(session, "connect", now_ms);
        let mut inner = self.lock();
        inner.upsert(key_of(session), entry, Some(&session.conn_id), now_ms);
        drop(inner);
        self.changed.notify_one();
    }

    /// A connection went.
    pub(crate) fn disconnected(&self, session: &Session, now_ms: u64) {
        if !is_tracked(session) {
            return;
        }
        if self.lock().leave(&key_of(session), &session.conn_id, now_ms) {
            self.changed.notify_one();
        }
    }

    /// A machine tells about itself, or something tells about it.
    ///
    /// # Errors
    /// Without a text.
    pub(crate) fn system_event(&self, params: SystemEventParams, now_ms: u64) -> Result<(), RpcError> {
        let (key, entry) = system_event::entry(params, now_ms)?;
        let mut inner = self.lock();
        inner.upsert(key, entry, None, now_ms);
        drop(inner);
        self.changed.notify_one();
        Ok(())
    }

    /// The newest entries, the gateway's own first.
    pub(crate) fn newest(&self, count: usize) -> Vec<PresenceEntry> {
        let inner = self.lock();
        let now_ms = inner.latest_ms;
        inner.list(count, now_ms)
    }

    /// All entries, newest first.
    pub(crate) fn all(&self, now_ms: u64) -> Vec<PresenceEntry> {
        let mut inner = self.lock();
        inner.latest_ms = inner.latest_ms.max(now_ms);
        inner.forget_old(now_ms);
        inner.list(usize::MAX, now_ms)
    }

    /// The counters for hello-ok and events.
    pub(crate) fn version(&self, health_version: u64) -> StateVersion {
        StateVersion { presence: self.lock().version, health: health_version }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn upsert(&mut self, key: String, entry: PresenceEntry, connection: Option<&ConnId>, now_ms: u64) {
        self.touch(now_ms);
        let age = (entry.ts, self.next);
        self.next += 1;
        self.by_age.insert(age, key.clone());
        if let Some(tracked) = self.entries.get_mut(&key) {
            self.by_age.remove(&tracked.age);
            tracked.age = age;
            tracked.entry = entry;
            tracked.connections.extend(connection.cloned());
            return;
        }
        let connections = connection.cloned().into_iter().collect();
        self.entries.insert(key, Tracked { entry, age, connections });
        if self.entries.len() > MAX_ENTRIES
            && let Some((_, oldest)) = self.by_age.pop_first()
        {
            self.entries.remove(&oldest);
        }
    }

    /// True when that was somebody's last connection.
    fn leave(&mut self, key: &str, connection: &ConnId, now_ms: u64) -> bool {
        let Some(tracked) = self.entries.get_mut(key) else { return false };
        let Some(position) = tracked.connections.iter().position(|known| known == connection) else { return false };
        tracked.connections.swap_remove(position);
        if !tracked.connections.is_empty() {
            return false;
        }
        let entry = PresenceEntry { reason: Some("disconnect".to_owned()), ts: now_ms, ..tracked.entry.clone() };
        self.upsert(key.to_owned(), entry, None, now_ms);
        true
    }

    fn touch(&mut self, now_ms: u64) {
        self.latest_ms = self.latest_ms.max(now_ms);
        self.version += 1;
    }

    fn forget_old(&mut self, now_ms: u64) {
        let limit = now_ms.saturating_sub(TTL_MS);
        let old: Vec<(u64, u64)> = self.by_age.range(..(limit, 0)).map(|(age, _)| *age).collect();
        for age in old {
            let Some(key) = self.by_age.get(&age) else { continue };
            if self.entries.get(key).is_none_or(|tracked| tracked.connections.is_empty()) {
                self.entries.remove(key);
                self.by_age.remove(&age);
            }
        }
    }

    fn list(&self, count: usize, now_ms: u64) -> Vec<PresenceEntry> {
        let limit = now_ms.saturating_sub(TTL_MS);
        let own = PresenceEntry { ts: now_ms.max(self.own.ts), ..self.own.clone() };
        let others = self.by_age.values().rev().filter_map(|key| self.entries.get(key));
        let others = others.filter(|tracked| tracked.entry.ts >= limit || !tracked.connections.is_empty());
        std::iter::once(own).chain(others.map(|tracked| tracked.entry.clone())).take(count).collect()
    }
}

fn is_tracked(session: &Session) -> bool {
    !UNTRACKED_MODES.contains(&session.client.mode.as_str())
}

/// Devices by their key, others by the instance that they say they are, else each connection alone.
fn key_of(session: &Session) -> String {
    let device = session.device_id.as_ref().map(DeviceId::as_str);
    let instance = session.client.instance_id.as_deref().map(str::trim).filter(|text| !text.is_empty());
    device.or(instance).unwrap_or(session.conn_id.as_str()).to_lowercase()
}

fn entry_of(session: &Session, reason: &str, now_ms: u64) -> PresenceEntry {
    let client = &session.client;
    let given = |text: Option<&str>| text.map(|text| bounded(text.trim())).filter(|text| !text.is_empty());
    let host = given(client.display_name.as_deref()).or_else(|| given(Some(&client.id)));
    let mode = given(Some(client.mode.as_str()));
    let text =
        format!("Node: {} · mode {}", host.as_deref().unwrap_or("unknown"), mode.as_deref().unwrap_or("unknown"));
    PresenceEntry {
        host,
        ip: session.remote_ip.clone(),
        version: given(Some(&client.version)),
        platform: given(Some(&client.platform)),
        device_family: given(client.device_family.as_deref()),
        model_identifier: given(client.model_identifier.as_deref()),
        mode,
        reason: Some(reason.to_owned()),
        text: Some(text),
        ts: now_ms,
        device_id: session.device_id.as_ref().map(ToString::to_string),
        roles: vec![session.role.as_str().to_owned()],
        scopes: session.scopes.iter().map(Scope::to_string).collect(),
        instance_id: given(client.instance_id.as_deref()),
        ..PresenceEntry::default()
    }
}

/// Longest text of others that is kept in an entry, in characters (SEC-130).
const MAX_TEXT: usize = 300;

pub(super) fn bounded(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(MAX_TEXT).collect()
}

/// Tells everybody who may see it that the list changed.
pub(crate) async fn broadcast_loop(hub: Arc<Hub>) {
    loop {
        tokio::select! {
            () = hub.life.stop.cancelled() => return,
            () = hub.presence.changed.notified() => {}
        }
        tokio::select! {
            () = hub.life.stop.cancelled() => return,
            () = tokio::time::sleep(BROADCAST_INTERVAL) => {}
        }
        let payload = PresenceEvent { presence: hub.presence.all(hub.clock.now_ms()) };
        let version = hub.presence.version(hub.health.version());
        hub.connections.broadcast(&events::core::PRESENCE, &payload, Some(version));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn presence() -> Presence {
        Presence::new(Presence::own_entry("gw", None, "1", "linux", 1_000))
    }

    fn come(presence: &Presence, key: &str, connection: &str, now_ms: u64) {
        let entry = PresenceEntry { host: Some(key.to_owned()), ts: now_ms, ..PresenceEntry::default() };
        presence.lock().upsert(key.to_owned(), entry, Some(&ConnId::new(connection)), now_ms);
    }

    fn hosts(presence: &Presence, now_ms: u64) -> Vec<String> {
        presence.all(now_ms).into_iter().map(|entry| entry.host.unwrap()).collect()
    }

    #[test]
    fn the_gateway_comes_first_and_then_the_newest() {
        let presence = presence();
        come(&presence, "a", "1", 1_000);
        come(&presence, "b", "2", 2_000);
        assert_eq!(hosts(&presence, 3_000), ["gw", "b", "a"]);
        assert_eq!(presence.newest(2).len(), 2);
        assert_eq!(presence.all(3_000)[0].text.as_deref(), Some("Gateway: gw · app 1 · mode gateway · reason self"));
    }

    #[test]
    fn who_is_connected_stays_and_who_left_is_forgotten_after_five_minutes() {
        let presence = presence();
        come(&presence, "stays", "1", 0);
        come(&presence, "leaves", "2", 0);
        assert!(presence.lock().leave("leaves", &ConnId::new("2"), 10));
        assert_eq!(hosts(&presence, TTL_MS + 10), ["gw", "leaves", "stays"]);
        assert_eq!(hosts(&presence, TTL_MS + 11), ["gw", "stays"]);
        assert_eq!(presence.lock().entries.len(), 1);
    }

    #[test]
    fn a_device_with_two_connections_leaves_with_the_second() {
        let presence = presence();
        come(&presence, "a", "1", 0);
        come(&presence, "a", "2", 1);
        assert!(!presence.lock().leave("a", &ConnId::new("1"), 2));
        assert!(presence.lock().leave("a", &ConnId::new("2"), 3));
        assert_eq!(presence.all(4)[1].reason.as_deref(), Some("disconnect"));
        assert!(!presence.lock().leave("a", &ConnId::new("2"), 5), "it left already");
    }

    #[test]
    fn the_list_is_bounded_and_the_oldest_goes_first() {
        let presence = presence();
        for n in 0..1_000_u64 {
            come(&presence, &n.to_string(), &n.to_string(), n);
        }
        let inner = presence.lock();
        assert_eq!((inner.entries.len(), inner.by_age.len()), (MAX_ENTRIES, MAX_ENTRIES));
        assert!(inner.entries.contains_key("999") && !inner.entries.contains_key("799"));
    }

    #[test]
    fn every_change_has_a_version_of_its_own() {
        let presence = presence();
        let before = presence.version(7);
        come(&presence, "a", "1", 0);
        assert_eq!(presence.version(7), StateVersion { presence: before.presence + 1, health: 7 });
    }
}
