//! What all parts of a running gateway share. Each part owns its state behind its own type; the hub only holds them.

use std::{sync::Arc, time::Instant};

use openclaw_identity::{DeviceKey, Secret};
use openclaw_protocol::{clock::Clock, scope::Role};
use openclaw_store::Store;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    auth::rate_limit::RateLimiter,
    configuration::Configuration,
    conn::{directory::Directory, session::Session},
    health::Health,
    nodes::{dedupe::Dedupe, registry::Nodes},
    pairing::waiters::Waiters,
    presence::Presence,
    reach::Reach,
    rpc::registry::Registry,
    settings::Settings,
    suspension::Suspension,
};

/// The shared parts of a running gateway.
pub(crate) struct Hub {
    pub identity: Identity,
    pub life: Life,
    pub clock: Clock,
    pub store: Store,
    pub configuration: Configuration,
    pub registry: Registry,
    pub connections: Directory,
    pub nodes: Nodes,
    pub dedupe: Dedupe,
    pub waiters: Waiters,
    pub presence: Presence,
    pub health: Health,
    pub limiter: RateLimiter,
    pub suspension: Suspension,
    pub reach: Reach,
}

/// Who this gateway is (promise P7).
pub(crate) struct Identity {
    /// As people know it.
    pub name: String,
    /// Stable over restarts; another state directory has another.
    pub instance_id: String,
    pub key: DeviceKey,
    /// By which the person who owns the state directory is known on this machine (promise P1).
    pub owner_secret: Secret,
    pub version: String,
    /// Another after each start.
    pub boot_id: String,
}

/// The life of a running gateway.
pub(crate) struct Life {
    pub tasks: TaskTracker,
    /// Cancelled when the gateway stops taking anything new and ends its connections.
    pub stop: CancellationToken,
    /// Asks whoever runs the gateway to start it again after it stopped.
    pub restart: CancellationToken,
    pub started: Instant,
}

impl Hub {
    /// The current settings. Asked for at each use, never kept (SEC-039).
    pub(crate) fn settings(&self) -> Arc<Settings> {
        self.configuration.settings()
    }

    /// Makes a session known; it is unknown again when the guard is dropped.
    pub(crate) fn register(self: &Arc<Self>, session: &Arc<Session>) -> Registration {
        self.connections.add(Arc::clone(session));
        if session.role == Role::Node {
            self.nodes.attach(session);
        }
        self.presence.connected(session, self.clock.now_ms());
        Registration { hub: Arc::clone(self), session: Arc::clone(session) }
    }
}

/// A registered session.
pub(crate) struct Registration {
    hub: Arc<Hub>,
    session: Arc<Session>,
}

impl Drop for Registration {
    fn drop(&mut self) {
        let Self { hub, session } = self;
        hub.connections.remove(&session.conn_id);
        if session.role == Role::Node {
            hub.nodes.detach(session);
        }
        hub.presence.disconnected(session, hub.clock.now_ms());
        crate::pairing::seen::note_disconnect(hub, session);
    }
}
