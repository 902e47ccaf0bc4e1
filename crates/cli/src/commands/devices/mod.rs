//! `openclaw devices`: who may come in, who asks (cli.md §2.9).

mod approve;
mod clear;
mod command;
mod decide;
pub(crate) mod invite;
mod list;
mod offline;
mod reject;
mod remove;
mod rename;
mod revoke;
mod rotate;

pub(crate) use command::{Devices, run};
pub(crate) use decide::report_widened;
