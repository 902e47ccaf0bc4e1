//! `openclaw completion <shell>`: the script by which a shell completes commands and options.

use clap::{Args, CommandFactory};
use clap_complete::Shell;

use crate::{cli::Cli, context::Context, exit::Exit};

/// Which shell.
#[derive(Args, Debug)]
pub(crate) struct Completion {
    /// bash, zsh, fish, elvish or powershell
    #[arg(value_name = "SHELL", required_unless_present = "shell_option")]
    shell: Option<Shell>,
    /// The same as an option, as the reference has it
    #[arg(short = 's', long = "shell", value_name = "SHELL", conflicts_with = "shell")]
    shell_option: Option<Shell>,
}

pub(crate) fn run(ctx: &Context, args: &Completion) -> Exit {
    let mut script = Vec::new();
    if let Some(shell) = args.shell.or(args.shell_option) {
        clap_complete::generate(shell, &mut Cli::command(), "openclaw", &mut script);
    }
    ctx.ui.write(&script);
    Exit::Success
}
