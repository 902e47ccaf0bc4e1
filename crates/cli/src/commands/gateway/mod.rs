//! `openclaw gateway`: running it, looking at it, calling it (cli.md §§2.1–2.5, 2.8).

mod auth_token;
mod call;
mod command;
mod health;
mod identity;
mod probe;
mod restart;
mod run;
pub(crate) mod status;
mod stop;

pub(crate) use command::{Gateway, run};
