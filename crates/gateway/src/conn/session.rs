//! What the rest of the gateway knows of a connection after its handshake.

use std::{
    ops::Deref,
    sync::{
        Arc, Mutex, OnceLock, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
};

use bytes::Bytes;
use openclaw_protocol::{
    compat,
    connect::ClientInfo,
    events::EventKind,
    frame::{OutEvent, StateVersion},
    id::{ConnId, DeviceId},
    scope::{Role, ScopeSet},
    version::Dialect,
};
use openclaw_store::pairing::Surface;
use serde::Serialize;
use serde_json::value::RawValue;

use super::{
    close::Close,
    outbox::{Outbox, Pushed},
};

/// Unauthorized calls in a row after which a connection is closed (protocol.md §1.5).
const MAX_UNAUTHORIZED: usize = 10;

/// One connection after hello-ok.
pub(crate) struct Session {
    facts: Facts,
    pub outbox: Outbox,
    node: Mutex<NodeSide>,
    in_flight: AtomicUsize,
    unauthorized: AtomicUsize,
    /// Set when the connection has to end as soon as its request is answered.
    end: OnceLock<Close>,
}

/// What is fixed for the life of a connection: a change of any of it closes it.
pub(crate) struct Facts {
    pub conn_id: ConnId,
    pub role: Role,
    /// Effective scopes.
    pub scopes: ScopeSet,
    pub dialect: Dialect,
    pub device_id: Option<DeviceId>,
    pub client: ClientInfo,
    pub caps: Vec<String>,
    pub path_env: Option<String>,
    /// None for a client on this machine.
    pub remote_ip: Option<String>,
    /// Proved to be the owner of the gateway's state directory.
    pub owner: bool,
    /// How it proved who it is, in the reference's words.
    pub auth_method: &'static str,
    pub connected_at_ms: u64,
}

impl Deref for Session {
    type Target = Facts;

    fn deref(&self) -> &Facts {
        &self.facts
    }
}

/// A node's commands. Replaced as a whole when an approval changes them.
#[derive(Clone, Debug, Default)]
pub(crate) struct NodeSide {
    /// Declared, cut to what the policy lets a node of its platform offer.
    pub declared: Arc<Surface>,
    /// Declared and approved.
    pub effective: Arc<Surface>,
}

impl Session {
    pub(crate) fn new(facts: Facts, node: NodeSide) -> Self {
        Self {
            facts,
            outbox: Outbox::new(),
            node: Mutex::new(node),
            in_flight: AtomicUsize::new(0),
            unauthorized: AtomicUsize::new(0),
            end: OnceLock::new(),
        }
    }

    /// What the node offers now.
    pub(crate) fn effective_surface(&self) -> Arc<Surface> {
        Arc::clone(&self.node.lock().unwrap_or_else(PoisonError::into_inner).effective)
    }

    /// What the node declared.
    pub(crate) fn declared_surface(&self) -> Arc<Surface> {
        Arc::clone(&self.node.lock().unwrap_or_else(PoisonError::into_inner).declared)
    }

    /// Puts another set of commands into effect.
    pub(crate) fn set_effective(&self, effective: Surface) {
        self.node.lock().unwrap_or_else(PoisonError::into_inner).effective = Arc::new(effective);
    }

    /// Sends an event to this connection alone, without `seq`.
    pub(crate) fn send_event<P: Serialize>(&self, event: &EventKind, payload: &P) -> Pushed {
        let Some(payload) = payload_for(self.dialect, event, payload) else { return Pushed::Dropped };
        match serde_json::to_vec(&OutEvent::targeted(event.name, payload)) {
            Ok(frame) => self.outbox.push(frame.into()),
            Err(_) => Pushed::Dropped,
        }
    }

    /// Sends a broadcast event whose payload was serialised once for everybody.
    pub(crate) fn send_broadcast(
        &self,
        event: &EventKind,
        payload: &RawValue,
        version: Option<StateVersion>,
    ) -> Pushed {
        let seq = self.outbox.next_seq();
        let Ok(frame) = serde_json::to_vec(&OutEvent::broadcast(event.name, payload, seq, version)) else {
            return Pushed::Dropped;
        };
        let frame = Bytes::from(frame);
        if event.droppable { self.outbox.push_droppable(frame) } else { self.outbox.push(frame) }
    }

    /// Takes a place for one more request; `None` when too many run (SEC-193).
    pub(crate) fn begin_request(self: &Arc<Self>) -> Option<InFlight> {
        if self.in_flight.fetch_add(1, Ordering::AcqRel) >= openclaw_protocol::limits::MAX_IN_FLIGHT {
            self.in_flight.fetch_sub(1, Ordering::AcqRel);
            return None;
        }
        Some(InFlight(Arc::clone(self)))
    }

    /// Ends the connection, but answers its running request first: for a device that takes away its own credential.
    pub(crate) fn end_after_answer(&self, why: Close) {
        self.end.get_or_init(|| why);
    }

    /// To be called after each answer.
    pub(crate) fn answered(&self) {
        if let Some(why) = self.end.get() {
            self.outbox.close(why.clone());
        }
    }

    /// Counts a call that the role forbids; true when it was one too many.
    pub(crate) fn count_unauthorized(&self) -> bool {
        self.unauthorized.fetch_add(1, Ordering::AcqRel) >= MAX_UNAUTHORIZED
    }

    /// Any other answer ends the row.
    pub(crate) fn reset_unauthorized(&self) {
        self.unauthorized.store(0, Ordering::Release);
    }
}

/// A running request; its place is free again when this is dropped.
pub(crate) struct InFlight(Arc<Session>);

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.in_flight.fetch_sub(1, Ordering::AcqRel);
    }
}

/// The payload as that dialect knows it.
fn payload_for<P: Serialize>(dialect: Dialect, event: &EventKind, payload: &P) -> Option<Box<RawValue>> {
    match dialect {
        Dialect::V4 => serde_json::value::to_raw_value(payload).ok(),
        Dialect::V3 => {
            let value = compat::v3::event_payload(event.name, serde_json::to_value(payload).ok()?);
            serde_json::value::to_raw_value(&value).ok()
        }
    }
}
