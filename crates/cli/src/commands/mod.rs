//! One file or folder per command, as the command tree has it.

pub(crate) mod approvals;
pub(crate) mod completion;
pub(crate) mod config;
pub(crate) mod devices;
pub(crate) mod doctor;
pub(crate) mod gateway;
pub(crate) mod health;
pub(crate) mod logs;
pub(crate) mod node;
pub(crate) mod nodes;
pub(crate) mod qr;
pub(crate) mod status;
pub(crate) mod up;

/// Whether a command sets its log up by itself, because it writes files or stays.
pub(crate) const fn logs_by_itself(command: &crate::cli::Command) -> bool {
    use crate::cli::Command;
    match command {
        Command::Gateway(args) => args.is_run(),
        Command::Node(args) => args.is_run(),
        Command::Up(_) => true,
        _ => false,
    }
}
