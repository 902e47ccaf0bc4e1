//! `cargo xtask windows`: cargo for Windows through a lane that the developer has.
//!
//! The variable `OPENCLAW_WINDOWS_LANE` names a program that is called as `LANE cargo <arguments>`; it builds for
//! Windows and runs the results (a cross compiler and Wine, or a real machine).

use anyhow::{Result, bail};

use crate::{arguments::Arguments, process};

const LANE: &str = "OPENCLAW_WINDOWS_LANE";

pub(crate) fn run(arguments: Arguments) -> Result<()> {
    let Some(lane) = std::env::var_os(LANE).filter(|lane| !lane.is_empty()) else {
        bail!("set {LANE} to a program that runs cargo for Windows; it is called as `LANE cargo check --workspace`");
    };
    let mut words = arguments.rest();
    if words.is_empty() {
        words = ["check", "--workspace", "--all-targets"].map(str::to_owned).to_vec();
    }
    let mut command = process::command(lane);
    command.arg("cargo").args(words);
    process::run(command)
}
