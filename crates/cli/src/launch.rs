//! From the arguments to an exit code: parse, run, show what failed.

use std::process::ExitCode;

use clap::{CommandFactory, FromArgMatches, error::ErrorKind};
use openclaw_config::{Env, Paths, ProfileChoice};

use crate::{
    cli::{Cli, Command, RootOptions},
    commands,
    context::Context,
    exit::Exit,
    logging, misuse,
    problem::{Outcome, Problem},
    ui::{Tone, Ui},
    version,
};

/// Runs the program.
pub(crate) fn launch() -> ExitCode {
    let arguments: Vec<_> = std::env::args_os().collect();
    // `openclaw --version` is asked by scripts all day long; it needs nothing.
    if arguments.len() == 2 && arguments.get(1).is_some_and(|word| word == "-V" || word == "--version") {
        let ui = Ui::new(&Env::process(), false, true);
        ui.line(version::line());
        return Exit::Success.into();
    }
    let matches = match Cli::command().try_get_matches_from(&arguments) {
        Ok(matches) => matches,
        Err(error) => return misused(&error, &arguments),
    };
    match Cli::from_arg_matches(&matches) {
        Ok(cli) => run(cli),
        Err(error) => misused(&error, &arguments),
    }
}

/// Shows help, or what is wrong with the arguments.
fn misused(error: &clap::Error, arguments: &[std::ffi::OsString]) -> ExitCode {
    let words = || arguments.iter().take_while(|word| *word != "--");
    let ui = Ui::new(&Env::process(), words().any(|word| word == "--json"), words().any(|word| word == "--no-color"));
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => {
            ui.line(error.render().to_string().trim_end());
            end(&ui, Ok(Exit::Success))
        }
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
            ui.note(error.render().to_string().trim_end());
            end(&ui, Ok(Exit::Failure))
        }
        _ => end(&ui, Err(misuse::problem(error))),
    }
}

fn run(cli: Cli) -> ExitCode {
    let env = Env::process();
    let ui = Ui::new(&env, cli.root.json, cli.root.no_color);
    if cli.root.version {
        ui.line(version::line());
        return end(&ui, Ok(Exit::Success));
    }
    let ctx = match context(&cli.root, env, ui) {
        Ok(ctx) => ctx,
        Err((ui, text)) => {
            // The wording of the reference for the one mistake that has its own exit code (cli.md §1.1).
            ui.note(format!("[openclaw] {text}"));
            return end(&ui, Ok(Exit::BadProfile));
        }
    };
    let Some(command) = cli.command else {
        ctx.ui.line(Cli::command().render_help().to_string().trim_end());
        return end(&ctx.ui, Ok(Exit::Success));
    };
    let level = logging::wanted(&ctx, cli.root.log_level);
    if let Some(level) = level
        && !command.logs_by_itself()
    {
        logging::to_stderr(level);
    }
    let outcome = dispatch(&ctx, command, level);
    end(&ctx.ui, outcome)
}

fn context(root: &RootOptions, env: Env, ui: Ui) -> Result<Context, (Ui, String)> {
    let choice = ProfileChoice { profile: root.profile.clone(), dev: root.dev };
    let paths = match Paths::resolve(&env, &choice) {
        Ok(paths) => paths,
        Err(error) => return Err((ui, error.to_string())),
    };
    let mut profile = Vec::new();
    if let Some(name) = &root.profile {
        profile.extend(["--profile".to_owned(), name.clone()]);
    }
    if root.dev {
        profile.push("--dev".to_owned());
    }
    Ok(Context::new(paths, env, ui, profile))
}

fn dispatch(ctx: &Context, command: Command, level: Option<logging::Level>) -> Outcome {
    match command {
        Command::Approvals(args) => commands::approvals::run(ctx, args),
        Command::Completion(args) => Ok(commands::completion::run(ctx, &args)),
        Command::Config(args) => commands::config::run(ctx, args),
        Command::Devices(args) => commands::devices::run(ctx, *args),
        Command::Doctor(args) => Ok(commands::doctor::run(ctx, &args)),
        Command::Gateway(args) => commands::gateway::run(ctx, *args, level),
        Command::Health(args) => commands::health::run(ctx, &args),
        Command::Logs(args) => commands::logs::run(ctx, &args),
        Command::Node(args) => commands::node::run(ctx, *args, level),
        Command::Nodes(args) => commands::nodes::run(ctx, *args),
        Command::Qr(args) => commands::qr::run(ctx, &args),
        Command::Status(args) => commands::status::run(ctx, &args),
        Command::Up(args) => commands::up::run(ctx, &args, level),
    }
}

/// Shows a failure, once, and gives the exit code. A closed pipe is not a failure.
fn end(ui: &Ui, outcome: Outcome) -> ExitCode {
    let exit = match outcome {
        Ok(exit) => exit,
        Err(problem) => {
            show(ui, &problem);
            problem.code()
        }
    };
    if ui.has_failed() && exit == Exit::Success { Exit::Failure.into() } else { exit.into() }
}

fn show(ui: &Ui, problem: &Problem) {
    if ui.is_json() {
        ui.json(&problem.json());
        return;
    }
    ui.note(format!("{} {}", ui.paint_note(Tone::Bad, "error:"), problem.what()));
    for (label, lines) in [("why", problem.reasons()), ("fix", problem.fixes())] {
        for line in lines {
            let label = if label == "fix" { ui.paint_note(Tone::Good, "fix:") } else { format!("{label}:") };
            ui.note(format!("  {label} {}", line.replace('\n', "\n       ")));
        }
    }
}
