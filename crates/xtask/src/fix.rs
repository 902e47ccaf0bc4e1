//! `cargo xtask fix`: repairs what a machine can repair.

use anyhow::Result;

use crate::{arguments::Arguments, checkout::Generated, compat, process, schema, security_rules, terminal};

pub(crate) fn run(arguments: Arguments) -> Result<()> {
    arguments.finish()?;
    process::run(process::cargo(&["fmt", "--all"]))?;
    process::run(process::cargo(&[
        "clippy",
        "--workspace",
        "--all-targets",
        "--fix",
        "--allow-dirty",
        "--allow-staged",
        "--quiet",
    ]))?;
    process::run(process::cargo(&["fmt", "--all"]))?;
    schema::generate(Generated::Write)?;
    security_rules::generate(Generated::Write)?;
    compat::generate(Generated::Write)?;
    terminal::say("fixed what a machine can fix; `cargo xtask ci` says what is left");
    Ok(())
}
