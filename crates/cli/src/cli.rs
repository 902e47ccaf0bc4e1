//! The root of the command tree: options that stand before every command, and the list of commands.

use clap::{Parser, Subcommand};

use crate::commands;

const EXAMPLES: &str = "\
Examples:
  openclaw up                          gateway and node on this machine, and what they can do
  openclaw devices invite              let another machine or a phone in
  openclaw nodes status                which nodes are there
  openclaw nodes run --node pi -- ls   run a command on a node
  openclaw doctor                      find out what does not work, and why";

/// The root.
#[derive(Debug, Parser)]
#[command(
    name = "openclaw",
    about = "One small binary that lets your assistant's hands reach every device you own",
    after_help = EXAMPLES,
    disable_version_flag = true,
    infer_long_args = false,
    max_term_width = 100
)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) root: RootOptions,
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
}

/// Options of the program itself.
#[derive(clap::Args, Clone, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of the command line")]
pub(crate) struct RootOptions {
    /// Use a profile of its own: state in ~/.openclaw-NAME
    #[arg(long, value_name = "NAME")]
    pub(crate) profile: Option<String>,
    /// The same as --profile dev, on port 19001
    #[arg(long)]
    pub(crate) dev: bool,
    /// How much is logged: silent, fatal, error, warn, info, debug, trace
    #[arg(long, value_name = "LEVEL", global = true)]
    pub(crate) log_level: Option<crate::logging::Level>,
    /// No colours, like `NO_COLOR`
    #[arg(long, global = true)]
    pub(crate) no_color: bool,
    /// Print the result as JSON
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// Print the version
    #[arg(short = 'V', long)]
    pub(crate) version: bool,
}

/// Every command of the root.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Edit what may run on a node (exec approvals)
    #[command(alias = "exec-approvals")]
    Approvals(commands::approvals::Approvals),
    /// Print the completion script of a shell
    Completion(commands::completion::Completion),
    /// Read and change the configuration
    Config(commands::config::Config),
    /// Paired devices and pairing requests
    Devices(Box<commands::devices::Devices>),
    /// Find out what does not work, and why
    Doctor(commands::doctor::Doctor),
    /// Run the gateway, look at it, call it
    #[command(alias = "daemon")]
    Gateway(Box<commands::gateway::Gateway>),
    /// Is the gateway well?
    Health(commands::health::Health),
    /// Read the gateway's log
    Logs(commands::logs::Logs),
    /// Make this machine a node
    Node(Box<commands::node::Node>),
    /// The nodes of a gateway
    Nodes(Box<commands::nodes::Nodes>),
    /// Show a pairing QR code and setup code
    Qr(commands::qr::Qr),
    /// Gateway, devices, nodes and configuration at a glance
    Status(commands::status::Status),
    /// Start gateway and node on this machine, or attach to them
    Up(Box<commands::up::Up>),
}

impl Command {
    /// Whether it sets its log up by itself, because it stays or writes a log file.
    pub(crate) const fn logs_by_itself(&self) -> bool {
        match self {
            Self::Gateway(args) => args.is_run(),
            Self::Node(args) => args.is_run(),
            Self::Up(_) => true,
            _ => false,
        }
    }
}
