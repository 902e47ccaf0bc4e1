//! `openclaw config`: reading and changing openclaw.json (cli.md §2.14).

mod change;
mod command;
mod read;

pub(crate) use command::{Config, run};
