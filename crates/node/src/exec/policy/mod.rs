//! What may run on this machine: the owner's `exec-approvals.json` and the decision made from it (nodes.md §3).
//!
//! The file is the last word: nothing that a gateway sends loosens it (SEC-086). A file that cannot be read denies
//! everything (SEC-098); without a file the allowlist applies, and it is empty.

mod decision;
mod document;
mod file;

pub use decision::{Denial, Launch, Request, decide};
pub use document::{Agent, Ask, Document, EVERY_AGENT, Entry, MAIN_AGENT, Rules, Security};
pub use file::{Policy, PolicyError, Snapshot};
