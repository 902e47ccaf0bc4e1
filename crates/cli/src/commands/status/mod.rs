//! `openclaw status`: gateway, nodes, devices and configuration at a glance. Makes nothing (cli.md §2.12).

mod command;
mod document;

pub(crate) use command::{Status, run};
