//! The gateway's log: one JSON line per event in a file per day, and what a person sees on the console (cli.md §5).
//!
//! Writing never holds anybody up: lines go through a bounded queue to a thread of their own, and what does not fit is
//! counted (REL-060). Every text is bounded, escaped and searched for secrets first (SEC-130, SEC-132).

mod collect;
mod console;
mod layer;
mod line;
mod redact;
mod subsystem;
mod tail;
mod time;
mod writer;

pub use console::{ConsoleLayer, ConsoleStyle};
pub use layer::{FileLayer, level_filter};
pub use redact::redact;
pub(crate) use tail::tail;
pub use writer::{LogFile, LogOptions, log_path};
