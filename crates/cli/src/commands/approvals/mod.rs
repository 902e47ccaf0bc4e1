//! `openclaw approvals`: what may run on this machine's node, or on another one (nodes.md §3.9).

mod allowlist;
mod command;
mod get;

pub(crate) use command::{Approvals, run};
pub(crate) use get::show_policy;
