//! What exactly is about to run, fixed before anybody is asked (nodes.md §2.4; SEC-090, SEC-092, SEC-093).

mod prepare;

pub use prepare::{CommandLine, FileOperand, Plan, PlanError, canonical_cwd, prepare, recheck};
