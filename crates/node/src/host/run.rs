//! The life of a node host.

use std::sync::Arc;

use openclaw_client::{Caller, DialError, Endpoint, stay_connected};
use openclaw_protocol::scope::Role;
use openclaw_store::files::FileError;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::{
    dialer::NodeDialer,
    identity::{self, NodeIdentity, Wish},
    invokes::Invokes,
    options::{MAX_PURPOSE, NodeOptions, VERSION},
    report::{Report, Reporter, Reports},
    session::Sessions,
};
use crate::{
    capability::Registry,
    commands,
    status::{self, HostLock, HostState},
};

/// Begins the capability that carries a node's purpose to the gateway (promise P9).
const PURPOSE_CAP: &str = "openclaw.purpose:";

/// Why a host does not start.
#[derive(Debug, thiserror::Error)]
pub enum NodeError {
    /// Another host of this state directory runs.
    #[error("a node host runs already{}", .pid.map(|pid| format!(" (process {pid})")).unwrap_or_default())]
    Running {
        /// Its process, when it is known.
        pid: Option<u32>,
    },
    /// Its files cannot be read or written.
    #[error(transparent)]
    Files(#[from] FileError),
    /// `--commands` left nothing.
    #[error("Node command allowlist retained no available commands. Unknown or unavailable ids: {}", .unknown.join(", "))]
    NoCommands {
        /// The names that are none of ours.
        unknown: Vec<String>,
    },
}

/// How a host ended.
#[derive(Debug)]
pub enum Ended {
    /// It was told to.
    Stopped,
    /// A person rejected it.
    Rejected(DialError),
    /// The gateway refuses it, or its address is none that may be used, and trying again cannot help.
    Refused(DialError),
}

/// A node host that is ready to connect.
#[derive(Debug)]
pub struct NodeHost {
    options: NodeOptions,
    identity: NodeIdentity,
    registry: Registry,
    notices: Vec<String>,
    lock: HostLock,
}

impl NodeHost {
    /// Takes the state directory, reads or makes the identity, and finds out what works here. Reads and writes files.
    ///
    /// # Errors
    /// [`NodeError`].
    pub fn new(options: NodeOptions) -> Result<Self, NodeError> {
        let state_dir = &options.state_dir;
        let Some(lock) = HostLock::take(state_dir)? else {
            let pid = HostState::read(state_dir).ok().flatten().map(|state| state.pid);
            return Err(NodeError::Running { pid });
        };
        let mut registry = Registry::new(commands::all(&options.machine));
        let mut notices = Vec::new();
        if let Some(names) = &options.commands {
            let unknown = registry.only(names);
            if registry.commands().is_empty() {
                return Err(NodeError::NoCommands { unknown });
            }
            if !unknown.is_empty() {
                notices.push(format!("unknown or unavailable commands: {}", unknown.join(", ")));
            }
        }
        let display_name = options.display_name.as_deref();
        let wish = Wish { node_id: options.node_id.as_deref(), display_name, endpoint: &options.endpoint };
        let now_ms = options.dial.clock.now_ms();
        let identity = identity::open(state_dir, &wish, now_ms, &mut |text| notices.push(text))?;
        Ok(Self { options, identity, registry, notices, lock })
    }

    /// Who it is.
    pub fn identity(&self) -> &NodeIdentity {
        &self.identity
    }

    /// What it offers.
    pub fn registry(&self) -> &Registry {
        &self.registry
    }

    /// Connects and serves until `stop` is cancelled or the gateway's refusal is final. Running commands are ended
    /// before it returns.
    pub async fn run(self, stop: CancellationToken, report: impl FnMut(Report) + Send) -> Ended {
        let Self { options, identity, registry, notices, lock } = self;
        let clock = options.dial.clock.clone();
        let first = HostState { pid: std::process::id(), url: options.endpoint.to_string(), ..HostState::default() };
        let (state, written) = watch::channel(first);
        let writer = options.dial.tasks.spawn(status::keep_written(written, options.state_dir.clone()));
        let reporter = Reporter::new(report, state);
        for notice in notices {
            reporter.report(Report::Notice(notice), clock.now_ms());
        }
        let missing = registry.missing().map(|(name, why)| (name.to_owned(), why.to_owned())).collect();
        let started = Report::Started { device_id: identity.device_id(), commands: registry.commands(), missing };
        reporter.report(started, clock.now_ms());

        let caller = caller(&options, &identity, &registry);
        let invokes = Arc::new(Invokes::new(registry, identity.device_id(), options.dial.tasks.clone()));
        let dialer = NodeDialer::new(&options, &caller, &identity, &reporter);
        let sessions = Sessions::new(&options, &caller, &identity, &reporter, invokes.clone());
        let ended = stay_connected(dialer, sessions, stop).await;
        invokes.end().await;
        let ended = match ended {
            openclaw_client::Ended::Refused(error) if is_rejection(&error) => {
                reporter.report(Report::Rejected { message: error.to_string() }, clock.now_ms());
                Ended::Rejected(error)
            }
            openclaw_client::Ended::Refused(error) => {
                reporter.ended(&error.to_string(), clock.now_ms());
                Ended::Refused(error)
            }
            openclaw_client::Ended::Stopped | openclaw_client::Ended::Finished => {
                reporter.ended("stopped", clock.now_ms());
                Ended::Stopped
            }
        };
        drop(reporter);
        if writer.await.is_err() {
            tracing::warn!("the last state of the node host was not written");
        }
        drop(lock);
        ended
    }
}

fn is_rejection(error: &DialError) -> bool {
    let refusal = error.refusal();
    refusal
        .is_some_and(|refusal| refusal.error.detail_code() == Some(openclaw_protocol::error::detail::PAIRING_REJECTED))
}

/// The node as it presents itself (nodes.md §0).
fn caller(options: &NodeOptions, identity: &NodeIdentity, registry: &Registry) -> Caller {
    let mut caller = Caller::new("node-host", "node", Role::Node);
    VERSION.clone_into(&mut caller.client.version);
    caller.client.display_name.clone_from(&identity.display_name);
    caller.client.instance_id = Some(identity.node_id.clone());
    caller.caps = registry.capabilities();
    let purpose = options.purpose.as_deref().map(str::trim).filter(|purpose| !purpose.is_empty());
    if let Some(purpose) = purpose {
        let text: String = purpose.chars().filter(|c| !c.is_control()).take(MAX_PURPOSE).collect();
        caller.caps.push(format!("{PURPOSE_CAP}{text}"));
    }
    caller.commands = registry.commands();
    caller.path_env = options.machine.search.text().to_str().map(str::to_owned);
    caller.key = Some(identity.key.clone());
    caller.wait_for_pairing = true;
    caller
}

/// The address of an endpoint, for people.
pub(super) fn address(endpoint: &Endpoint) -> String {
    endpoint.url.to_string()
}
