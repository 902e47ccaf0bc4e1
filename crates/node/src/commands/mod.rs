//! The commands that a node host offers. One file each.

mod blocking;
mod exec_approvals;
mod list;
mod system_run;
mod system_run_prepare;
mod system_which;

use blocking::blocking;
pub use exec_approvals::{GetApprovals, SetApprovals};
pub use list::all;
pub use system_run::Run;
pub use system_run_prepare::Prepare;
pub use system_which::Which;
