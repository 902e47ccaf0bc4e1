//! The configuration that a running gateway works with, and what happens when its file changes (REL-009, SEC-039).
//!
//! There is one place to ask: [`Configuration::settings`]. Nobody keeps a copy, so a changed secret counts from the next
//! connection on. A file that is broken, or that would open the gateway to strangers where it listens now, is not taken:
//! the last good configuration stays, the log says so once, and `status` shows it.
//!
//! [`Configuration`] is in `current`, the watcher in `reload`, the limit on writes of older clients in `budget`.

mod budget;
mod current;
mod reload;
#[cfg(test)]
mod tests;

pub(crate) use current::{Configuration, Reloaded};
pub(crate) use reload::{apply, watch};
