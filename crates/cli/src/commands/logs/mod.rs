//! `openclaw logs`: the gateway's log, also while it restarts, also when it is down (cli.md §2.11).

mod command;
mod follow;
mod record;

pub(crate) use command::{Logs, run};
