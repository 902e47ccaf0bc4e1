//! May this command run, and as what? (SEC-100…103; nodes.md §3.2)

mod decide;

pub use decide::{Denial, Launch, Request, decide};
