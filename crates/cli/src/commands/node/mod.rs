//! `openclaw node`: this machine as a node (nodes.md §1).

mod command;
mod identity;
mod policy;
pub(crate) mod reports;
mod run;
mod status;

pub(crate) use command::{Node, run};
