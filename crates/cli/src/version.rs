//! Which version this is: the one place that says it.

/// The version of this program, after the `OpenClaw` release that it is compatible with.
pub(crate) const VERSION: &str = openclaw_protocol::version::RELEASE;

/// The commit that this binary was built from; `dev` for a build that does not know.
pub(crate) fn commit() -> &'static str {
    option_env!("OPENCLAW_COMMIT").filter(|commit| !commit.is_empty()).unwrap_or("dev")
}

/// The line of `openclaw --version` (cli.md §1.1).
pub(crate) fn line() -> String {
    format!("OpenClaw {VERSION} ({})", commit())
}
