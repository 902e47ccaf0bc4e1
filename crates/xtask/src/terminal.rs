//! What xtask says. It writes lines itself, so that a closed pipe ends nothing with a panic.

use std::io::Write as _;

/// One line for the person (or the log of continuous integration) that follows along.
pub(crate) fn say(line: &str) {
    let mut out = std::io::stdout().lock();
    // A reader that went away is no reason to stop checking.
    drop(writeln!(out, "{line}").and_then(|()| out.flush()));
}

/// One line about what went wrong, on standard error.
pub(crate) fn complain(line: &str) {
    drop(writeln!(std::io::stderr().lock(), "{line}"));
}
