//! The one binary: command tree, output, error texts.
//!
//! `commands/` mirrors the command tree. A command gets a [`context::Context`], asks [`connect`] for a gateway when it
//! needs one, says everything through [`ui`], and fails with a [`problem::Problem`].

mod cli;
mod commands;
mod connect;
mod context;
mod exit;
mod explain;
mod here;
mod human;
mod launch;
mod logging;
mod machine;
mod misuse;
mod node_choice;
mod node_host;
mod pairing_text;
mod problem;
mod serving;
mod signals;
mod target;
mod ui;
mod version;

fn main() -> std::process::ExitCode {
    launch::launch()
}
