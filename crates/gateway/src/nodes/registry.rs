//! Connected nodes, and the invokes that wait for them.
//!
//! One session per node counts: the newest. It is taken out only by itself, so an old socket that closes late never
//! takes the new one with it (protocol.md §7.1, REL-032). An invoke ends exactly once: whoever takes it out of the map
//! answers it.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use openclaw_protocol::{
    id::{ConnId, DeviceId, InvokeId},
    limits::MAX_PENDING_INVOKES,
    methods::node::{InvokeProgressParams, InvokeResultParams},
};
use tokio::sync::{mpsc, oneshot};

use super::view::PreparedLists;
use crate::conn::{close::Close, session::Session};

/// Output chunks of one invoke that wait for its caller; more are dropped and counted by the gap in `seq`.
const PROGRESS_QUEUE: usize = 256;

/// Connected nodes and running invokes.
#[derive(Default)]
pub(crate) struct Nodes {
    state: Mutex<State>,
    /// Grows with every change that `node.list` could show.
    version: AtomicU64,
    /// Prepared answers of `node.list`.
    pub prepared: PreparedLists,
}

#[derive(Default)]
struct State {
    sessions: HashMap<DeviceId, Arc<Session>>,
    invokes: HashMap<InvokeId, Running>,
}

struct Running {
    conn_id: ConnId,
    /// Who started it, by principal and key: the handle for input and cancel.
    handle: Handle,
    done: oneshot::Sender<Finished>,
    progress: Option<mpsc::Sender<InvokeProgressParams>>,
}

/// By what a caller names its running invoke.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Handle {
    pub principal: String,
    pub node_id: String,
    pub idempotency_key: String,
}

/// How an invoke ended.
#[derive(Debug)]
pub(crate) enum Finished {
    Result(Box<InvokeResultParams>),
    /// The node's connection ended first.
    Disconnected,
}

/// A started invoke; forgotten when dropped.
pub(crate) struct Started<'a> {
    nodes: &'a Nodes,
    pub id: InvokeId,
    pub done: oneshot::Receiver<Finished>,
    pub progress: Option<mpsc::Receiver<InvokeProgressParams>>,
}

/// What became of a node's answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Taken {
    Yes,
    /// Late, unknown, or another connection's: nothing happened (SEC-083).
    Ignored,
    /// It says to be from another node.
    WrongNode,
}

impl Nodes {
    /// The newest connection of a node takes over; an older one is closed and its invokes fail once.
    pub(crate) fn attach(&self, session: &Arc<Session>) {
        let Some(id) = session.device_id.clone() else { return };
        let older = self.lock().sessions.insert(id, Arc::clone(session));
        self.changed();
        if let Some(older) = older {
            self.fail_invokes_of(&older.conn_id);
            older.outbox.close(Close::Replaced);
        }
    }

    /// Takes a connection out, if it is the current one of its node. Its invokes fail at once.
    pub(crate) fn detach(&self, session: &Session) {
        let Some(id) = &session.device_id else { return };
        {
            let mut state = self.lock();
            if state.sessions.get(id).is_some_and(|current| current.conn_id == session.conn_id) {
                state.sessions.remove(id);
            }
        }
        self.changed();
        self.fail_invokes_of(&session.conn_id);
    }

    /// Something that `node.list` shows has changed.
    pub(crate) fn changed(&self) {
        self.version.fetch_add(1, Ordering::AcqRel);
    }

    /// Differs after every change; a prepared answer of the same version is still right.
    pub(crate) fn version(&self) -> u64 {
        self.version.load(Ordering::Acquire)
    }

    /// The current connection of a node.
    pub(crate) fn get(&self, id: &str) -> Option<Arc<Session>> {
        self.lock().sessions.get(id).cloned()
    }

    /// All connected nodes.
    pub(crate) fn all(&self) -> Vec<Arc<Session>> {
        self.lock().sessions.values().cloned().collect()
    }

    /// Invokes that wait for a result.
    pub(crate) fn active_invokes(&self) -> usize {
        self.lock().invokes.len()
    }

    /// Notes an invoke before its request is sent; `None` when too many wait (REL-036).
    pub(crate) fn start(
        &self,
        id: InvokeId,
        session: &Session,
        handle: Handle,
        wants_progress: bool,
    ) -> Option<Started<'_>> {
        let (done, finished) = oneshot::channel();
        let (progress, output) = if wants_progress {
            let (sender, receiver) = mpsc::channel(PROGRESS_QUEUE);
            (Some(sender), Some(receiver))
        } else {
            (None, None)
        };
        let mut state = self.lock();
        if state.invokes.len() >= MAX_PENDING_INVOKES {
            return None;
        }
        let running = Running { conn_id: session.conn_id.clone(), handle, done, progress };
        state.invokes.insert(id.clone(), running);
        Some(Started { nodes: self, id, done: finished, progress: output })
    }

    /// A node's result: accepted once, only from the connection that was asked (SEC-083).
    pub(crate) fn finish(&self, from: &Session, result: InvokeResultParams) -> Taken {
        if from.device_id.as_ref().map(DeviceId::as_str) != Some(result.node_id.as_str()) {
            return Taken::WrongNode;
        }
        let running = {
            let mut state = self.lock();
            match state.invokes.get(result.id.as_str()) {
                Some(running) if running.conn_id == from.conn_id => state.invokes.remove(result.id.as_str()),
                _ => None,
            }
        };
        match running.map(|running| running.done.send(Finished::Result(Box::new(result)))) {
            Some(Ok(())) => Taken::Yes,
            Some(Err(_)) | None => Taken::Ignored,
        }
    }

    /// A piece of output. Dropped when its caller does not want it or does not keep up.
    pub(crate) fn progress(&self, from: &Session, chunk: InvokeProgressParams) -> Taken {
        if from.device_id.as_ref().map(DeviceId::as_str) != Some(chunk.node_id.as_str()) {
            return Taken::WrongNode;
        }
        let state = self.lock();
        match state.invokes.get(chunk.invoke_id.as_str()) {
            Some(running) if running.conn_id == from.conn_id => match &running.progress {
                Some(progress) if progress.try_send(chunk).is_ok() => Taken::Yes,
                _ => Taken::Ignored,
            },
            _ => Taken::Ignored,
        }
    }

    /// The id of a caller's running invoke, and the session of its node.
    pub(crate) fn find(&self, handle: &Handle) -> Option<(InvokeId, Arc<Session>)> {
        let state = self.lock();
        let (id, running) = state.invokes.iter().find(|(_, running)| running.handle == *handle)?;
        let session = state.sessions.get(handle.node_id.as_str())?;
        (session.conn_id == running.conn_id).then(|| (id.clone(), Arc::clone(session)))
    }

    fn fail_invokes_of(&self, conn_id: &ConnId) {
        let failed: Vec<Running> = {
            let mut state = self.lock();
            let ids: Vec<InvokeId> =
                state.invokes.iter().filter(|(_, r)| r.conn_id == *conn_id).map(|(id, _)| id.clone()).collect();
            ids.iter().filter_map(|id| state.invokes.remove(id)).collect()
        };
        for running in failed {
            // A caller that is gone does not want to know.
            drop(running.done.send(Finished::Disconnected));
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Started<'_> {
    fn drop(&mut self) {
        self.nodes.lock().invokes.remove(&self.id);
    }
}
