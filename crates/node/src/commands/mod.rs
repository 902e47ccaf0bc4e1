//! The commands that a node host offers. One file each.

mod exec_approvals;
mod system_run;
mod system_run_prepare;
mod system_which;

pub use exec_approvals::{GetApprovals, SetApprovals};
pub use system_run::Run;
pub use system_run_prepare::Prepare;
pub use system_which::Which;

use std::sync::Arc;

use crate::{capability::Command, exec::machine::Machine};

/// All of them, for this machine.
pub fn all(machine: &Arc<Machine>) -> Vec<Arc<dyn Command>> {
    let approvals = exec_approvals::Approvals::new(machine.clone());
    vec![
        Arc::new(Which::new(machine.clone())),
        Arc::new(Prepare::new(machine.clone())),
        Arc::new(Run::new(machine.clone())),
        Arc::new(GetApprovals::new(approvals.clone())),
        Arc::new(SetApprovals::new(approvals)),
    ]
}

/// Runs what reads files where blocking is allowed.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, crate::capability::NodeFailure> + Send + 'static,
) -> Result<T, crate::capability::NodeFailure> {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|error| Err(crate::capability::NodeFailure::unavailable(format!("the command broke: {error}"))))
}
