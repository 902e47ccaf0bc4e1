//! `openclaw nodes`: the nodes of a gateway (nodes.md §6).

mod approve;
mod command;
mod describe;
mod invoke;
mod list;
mod pending;
mod reject;
mod remove;
mod rename;
mod run;
mod status;

pub(crate) use command::{Nodes, run};
