//! Exit codes (cli.md §1.5): one list.

use std::process::ExitCode;

/// How the process ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// It worked, or it reported without being asked to fail.
    Success,
    /// A reported failure, an unknown command or option.
    Failure,
    /// A bad `--profile` or `--dev`.
    BadProfile,
    /// A gateway refuses to start because of its configuration (2026.9: `EX_CONFIG`).
    Configuration,
    /// The code of a command that ran on a node.
    Remote(u8),
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        match exit {
            Exit::Success => Self::SUCCESS,
            Exit::Failure => Self::FAILURE,
            Exit::BadProfile => Self::from(2),
            Exit::Configuration => Self::from(78),
            Exit::Remote(code) => Self::from(code),
        }
    }
}
