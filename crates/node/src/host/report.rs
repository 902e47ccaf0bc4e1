//! What a node host tells whoever started it.

use std::sync::{Mutex, PoisonError};

use openclaw_protocol::id::DeviceId;
use tokio::sync::watch;

use crate::status::{HostState, Link};

/// One thing that happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Report {
    /// Something worth knowing that stops nothing.
    Notice(String),
    /// The first dial begins.
    Started {
        device_id: DeviceId,
        /// What will be offered.
        commands: Vec<String>,
        /// What does not work here, and why.
        missing: Vec<(String, String)>,
    },
    /// A person has to decide first.
    Waiting(Box<WaitingReport>),
    /// The node can be used.
    Connected(Box<ConnectedReport>),
    /// The connection was lost and is made again.
    Lost { why: String, in_ms: u64 },
    /// The gateway could not be reached or refused for now; it is tried again.
    Retrying { why: String, in_ms: u64 },
    /// The wish for commands was decided, or the node was removed.
    SurfaceDecided {
        /// `approved`, `rejected` or `removed`.
        decision: String,
    },
    /// A person said no; the node ends.
    Rejected { message: String },
}

/// A pairing request of this node that waits.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WaitingReport {
    /// The gateway's address.
    pub url: String,
    /// The gateway's name and instance id; official gateways do not tell them.
    pub gateway_name: Option<String>,
    pub instance_id: Option<String>,
    pub device_id: String,
    pub display_name: Option<String>,
    /// What an approver names; absent when the gateway made no request.
    pub request_id: Option<String>,
    /// `not-paired`, `role-upgrade` …
    pub reason: String,
    /// The same on both screens, when the gateway's key is known.
    pub matching_code: Option<String>,
    /// Milliseconds since the epoch.
    pub expires_at_ms: Option<u64>,
    /// Where it can be decided in a browser.
    pub approval_url: Option<String>,
    /// The connection is kept and the node is usable the moment it is approved; otherwise it asks again and again.
    pub is_kept: bool,
}

/// A connection that works.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ConnectedReport {
    /// The gateway's address.
    pub url: String,
    /// The gateway's name and instance id; official gateways do not tell them.
    pub gateway_name: Option<String>,
    pub instance_id: Option<String>,
    /// The gateway's version.
    pub version: String,
    /// 3 or 4.
    pub protocol: u32,
    pub device_id: String,
    pub display_name: Option<String>,
    pub capabilities: Vec<String>,
    /// What is offered.
    pub commands: Vec<String>,
    /// Those of them that wait for an approval, as far as the gateway says.
    pub waiting_commands: Vec<String>,
}

/// Hands reports on, and keeps the state that `node status` shows.
pub(super) struct Reporter<F> {
    sink: Mutex<F>,
    state: watch::Sender<HostState>,
}

/// Takes reports.
pub(super) trait Reports: Sync {
    /// Hands a report on.
    fn report(&self, report: Report, now_ms: u64);
}

impl<F: FnMut(Report) + Send> Reports for Reporter<F> {
    fn report(&self, report: Report, now_ms: u64) {
        self.state.send_modify(|state| note(state, &report, now_ms));
        (self.sink.lock().unwrap_or_else(PoisonError::into_inner))(report);
    }
}

impl<F> Reporter<F> {
    pub(super) const fn new(sink: F, state: watch::Sender<HostState>) -> Self {
        Self { sink: Mutex::new(sink), state }
    }

    /// The host ends; only the stored state is told, for the caller learns it from the result.
    pub(super) fn ended(&self, why: &str, now_ms: u64) {
        self.state.send_modify(|state| {
            state.updated_at_ms = now_ms;
            state.enter(Link::Ended);
            state.last_error = Some(why.to_owned());
        });
    }
}

/// What a report changes in the stored state.
fn note(state: &mut HostState, report: &Report, now_ms: u64) {
    state.updated_at_ms = now_ms;
    match report {
        Report::Notice(_) => {}
        Report::Started { device_id, commands, .. } => {
            state.enter(Link::Connecting);
            device_id.as_str().clone_into(&mut state.device_id);
            state.commands.clone_from(commands);
        }
        Report::Waiting(waiting) => {
            state.enter(Link::Waiting);
            state.request_id.clone_from(&waiting.request_id);
            state.gateway_name.clone_from(&waiting.gateway_name);
            state.instance_id.clone_from(&waiting.instance_id);
        }
        Report::Connected(connected) => {
            state.enter(Link::Connected);
            state.connected_since_ms = Some(now_ms);
            state.last_error = None;
            state.gateway_name.clone_from(&connected.gateway_name);
            state.instance_id.clone_from(&connected.instance_id);
            state.gateway_version = Some(connected.version.clone());
            state.waiting_commands.clone_from(&connected.waiting_commands);
        }
        Report::Lost { why, .. } | Report::Retrying { why, .. } => {
            // A request that waits at an official gateway still waits while we ask again.
            if state.link != Link::Waiting {
                state.enter(Link::Connecting);
            }
            state.last_error = Some(why.clone());
        }
        Report::SurfaceDecided { .. } => state.waiting_commands.clear(),
        Report::Rejected { message } => {
            state.enter(Link::Ended);
            state.last_error = Some(message.clone());
        }
    }
}
