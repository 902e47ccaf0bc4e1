//! The node host: who it is, its connection to a gateway, and the commands that the gateway invokes on it.

mod dedupe;
mod dialer;
mod identity;
mod invokes;
mod options;
mod progress;
mod report;
mod run;
mod session;

pub use identity::NodeIdentity;
pub use options::{NodeOptions, VERSION};
pub use report::{ConnectedReport, Report, WaitingReport};
pub use run::{Ended, NodeError, NodeHost};
