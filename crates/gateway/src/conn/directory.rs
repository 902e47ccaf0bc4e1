//! All connections: who is there, by connection and by device.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use openclaw_protocol::{
    compat,
    events::{EventKind, Gate},
    frame::StateVersion,
    id::{ConnId, DeviceId},
    scope::Role,
    version::Dialect,
};
use serde::Serialize;

use super::{close::Close, session::Session};

/// Every connection after hello-ok.
#[derive(Default)]
pub(crate) struct Directory {
    sessions: Mutex<HashMap<ConnId, Arc<Session>>>,
}

impl Directory {
    pub(crate) fn add(&self, session: Arc<Session>) {
        self.lock().insert(session.conn_id.clone(), session);
    }

    pub(crate) fn remove(&self, conn_id: &ConnId) {
        self.lock().remove(conn_id);
    }

    /// Every connection, in no order.
    pub(crate) fn all(&self) -> Vec<Arc<Session>> {
        self.lock().values().cloned().collect()
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.lock().len()
    }

    /// The connections of a device.
    pub(crate) fn of_device(&self, device: &DeviceId) -> Vec<Arc<Session>> {
        self.lock().values().filter(|session| session.device_id.as_ref() == Some(device)).cloned().collect()
    }

    /// Closes a device's connections, all or those of one role (SEC-060). The one that asked for it, `caller`, gets its
    /// answer first.
    pub(crate) fn close_device(&self, device: &DeviceId, role: Option<Role>, why: &Close, caller: &ConnId) {
        for session in self.of_device(device) {
            match role {
                Some(role) if role != session.role => {}
                _ if session.conn_id == *caller => session.end_after_answer(why.clone()),
                _ => session.outbox.close(why.clone()),
            }
        }
    }

    /// Sends an event to everybody who may see it. The payload is serialised once per dialect; nobody is waited for.
    pub(crate) fn broadcast<P: Serialize>(&self, event: &EventKind, payload: &P, version: Option<StateVersion>) {
        debug_assert!(event.gate != Gate::Addressed, "{} is addressed to one connection", event.name);
        let Ok(newest) = serde_json::value::to_raw_value(payload) else { return };
        let mut older = None;
        for session in self.lock().values().filter(|session| event.reaches(session.role, &session.scopes)) {
            let payload = match session.dialect {
                Dialect::V4 => &newest,
                Dialect::V3 => older.get_or_insert_with(|| {
                    let value = serde_json::from_str(newest.get()).unwrap_or_default();
                    let value = compat::v3::event_payload(event.name, value);
                    serde_json::value::to_raw_value(&value).unwrap_or_else(|_| newest.clone())
                }),
            };
            session.send_broadcast(event, payload, version);
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<ConnId, Arc<Session>>> {
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
