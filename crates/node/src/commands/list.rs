//! Every command of a headless node host.

use std::sync::Arc;

use super::{GetApprovals, Prepare, Run, SetApprovals, Which, exec_approvals::Approvals};
use crate::{capability::Command, exec::machine::Machine};

/// All of them, for this machine.
pub fn all(machine: &Arc<Machine>) -> Vec<Arc<dyn Command>> {
    let approvals = Approvals::new(machine.clone());
    vec![
        Arc::new(Which::new(machine.clone())),
        Arc::new(Prepare::new(machine.clone())),
        Arc::new(Run::new(machine.clone())),
        Arc::new(GetApprovals::new(approvals.clone())),
        Arc::new(SetApprovals::new(approvals)),
    ]
}
