//! Taking over what an `OpenClaw` installation left in the state directory (promise W2, REL-044).
//!
//! It happens once, on the first start with an empty store. The files are read, never written; what cannot be read is
//! reported and skipped.

mod old;
mod report;
mod run;
mod v3;
mod v4;

pub use report::ImportReport;
pub(crate) use run::run;
