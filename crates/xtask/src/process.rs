//! Running other programs in the checkout's root.

use std::{
    ffi::OsStr,
    process::{Command, Stdio},
};

use anyhow::{Context as _, Result, bail};

use crate::checkout;

/// A command that runs in the checkout's root. Cargo's own variables of the running xtask are not passed on: with
/// them a nested build would look different from the same command typed by a person, and rebuild.
pub(crate) fn command(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(program);
    command.current_dir(checkout::root()).stdin(Stdio::null());
    for (name, _) in std::env::vars_os() {
        if name.to_str().is_some_and(|name| name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_")) {
            command.env_remove(name);
        }
    }
    command
}

/// `cargo`, the one that runs this xtask.
pub(crate) fn cargo(arguments: &[&str]) -> Command {
    let mut cargo = command(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.args(arguments);
    cargo
}

/// Runs a command with this process's output.
///
/// # Errors
/// When it cannot be started, or ends with anything but success.
pub(crate) fn run(mut command: Command) -> Result<()> {
    let name = describe(&command);
    let status = command.status().with_context(|| format!("cannot start `{name}`"))?;
    if status.success() { Ok(()) } else { bail!("`{name}` failed ({status})") }
}

/// Runs a program in the checkout's root and returns what it printed.
///
/// # Errors
/// When it cannot be started, fails, or prints anything but UTF-8.
pub(crate) fn output(program: &str, arguments: &[&str]) -> Result<String> {
    let mut command = command(program);
    command.args(arguments);
    output_of(command)
}

/// The same for a command that is already put together.
///
/// # Errors
/// When it cannot be started, fails, or prints anything but UTF-8.
pub(crate) fn output_of(mut command: Command) -> Result<String> {
    let name = describe(&command);
    let output = command.stderr(Stdio::inherit()).output().with_context(|| format!("cannot start `{name}`"))?;
    if !output.status.success() {
        bail!("`{name}` failed ({})", output.status);
    }
    String::from_utf8(output.stdout).with_context(|| format!("`{name}` printed something that is not UTF-8"))
}

/// Whether a program is there and answers to `arguments` with success.
pub(crate) fn answers(program: impl AsRef<OsStr>, arguments: &[&str]) -> bool {
    let mut command = command(program);
    command.args(arguments).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

/// The command as a person would type it.
fn describe(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
}

/// True in continuous integration, where a missing tool is a failure and not a reason to skip.
pub(crate) fn in_ci() -> bool {
    std::env::var_os("CI").is_some_and(|value| !value.is_empty() && value != "false" && value != "0")
}
