//! Starting a gateway in this process, with its log, for `gateway run` and `up`.

use std::{future::Future, sync::Arc};

use openclaw_config::{
    Secret,
    sections::{
        gateway::{AuthMode, Bind},
        logging::ConsoleStyle as ConfiguredStyle,
    },
};
use openclaw_gateway::{
    Options, Overrides, Running, StartError,
    log::{ConsoleLayer, ConsoleStyle, FileLayer, LogFile, LogOptions, level_filter},
    start,
};
use openclaw_store::files::LockError;
use tracing_subscriber::{Layer, filter::LevelFilter, layer::SubscriberExt, util::SubscriberInitExt};

use crate::{context::Context, exit::Exit, logging::Level, problem::Problem, version::VERSION};

/// Threads of a gateway: more would only cost memory, for a gateway waits for the network.
const MAX_THREADS: usize = 4;

/// Where a gateway's log goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Console {
    /// Into the file and onto the screen.
    Shown,
    /// Into the file only.
    Quiet,
}

/// Runs the async part of a command that serves many peers.
pub(crate) fn block_on<T>(work: impl Future<Output = Result<T, Problem>>) -> Result<T, Problem> {
    let threads = std::thread::available_parallelism().map_or(1, usize::from).min(MAX_THREADS);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(threads).enable_all().build();
    let runtime = runtime.map_err(|error| Problem::new("cannot start the runtime").why(error.to_string()))?;
    runtime.block_on(Box::pin(work))
}

/// Sets the log up for the rest of the process. The file's owner ends it before the process does.
pub(crate) fn log(ctx: &Context, level: Option<Level>, console: Console) -> Result<Arc<LogFile>, Problem> {
    let logging = &ctx.inspected()?.config.logging;
    let failed = |error: std::io::Error| Problem::new("cannot write the log").why(error.to_string());
    let options = LogOptions::new(&ctx.paths, logging, ctx.clock.clone());
    let file = Arc::new(LogFile::start(options).map_err(failed)?);
    let file_level = level.map_or_else(|| level_filter(logging.level), |level| level.0);
    let console_level = match console {
        Console::Quiet => LevelFilter::OFF,
        Console::Shown => level.map_or_else(|| level_filter(logging.console_level), |level| level.0),
    };
    let style = logging.console_style.map(|style| match style {
        ConfiguredStyle::Pretty => ConsoleStyle::Pretty,
        ConfiguredStyle::Compact => ConsoleStyle::Compact,
        ConfiguredStyle::Json => ConsoleStyle::Json,
    });
    let no_color = ctx.env.get("NO_COLOR").is_some();
    let on_screen = ConsoleLayer::new(style, no_color, ctx.clock.clone()).with_filter(console_level);
    let in_file = FileLayer::new(&file).with_filter(file_level);
    tracing_subscriber::registry().with(in_file).with(on_screen).init();
    Ok(file)
}

/// What the command line says over the configuration.
#[derive(clap::Args, Clone, Debug, Default)]
pub(crate) struct ServeArgs {
    /// Port to listen on; 0 takes any free one
    #[arg(long, value_name = "PORT")]
    pub(crate) port: Option<u16>,
    /// Addresses to listen on: loopback, lan, tailnet, auto, custom
    #[arg(long, value_name = "MODE", value_parser = bind)]
    pub(crate) bind: Option<Bind>,
}

fn bind(text: &str) -> Result<Bind, String> {
    [Bind::Loopback, Bind::Lan, Bind::Tailnet, Bind::Auto, Bind::Custom]
        .into_iter()
        .find(|mode| mode.name() == text)
        .ok_or_else(|| "use loopback, lan, tailnet, auto or custom".to_owned())
}

/// Reads the name of an auth mode.
pub(crate) fn auth_mode(text: &str) -> Result<AuthMode, String> {
    [AuthMode::None, AuthMode::Token, AuthMode::Password, AuthMode::TrustedProxy]
        .into_iter()
        .find(|mode| mode.name() == text)
        .ok_or_else(|| "use none, token, password or trusted-proxy".to_owned())
}

impl ServeArgs {
    /// The overrides of these flags alone.
    pub(crate) fn overrides(&self) -> Overrides {
        Overrides { port: self.port, bind: self.bind, ..Overrides::default() }
    }
}

/// A secret of the command line.
pub(crate) fn secret(text: Option<&str>) -> Option<Secret> {
    text.map(Secret::new)
}

/// Starts the gateway of this state directory.
pub(crate) async fn start_gateway(ctx: &Context, overrides: Overrides) -> Result<Running, Problem> {
    let options = Options {
        paths: ctx.paths.clone(),
        env: ctx.env.clone(),
        overrides,
        clock: ctx.clock.clone(),
        version: VERSION.to_owned(),
    };
    Box::pin(start(options)).await.map_err(|error| not_started(ctx, &error))
}

/// Why it did not start, and what helps.
fn not_started(ctx: &Context, error: &StartError) -> Problem {
    let text = error.to_string();
    let mut lines = text.lines();
    let first = lines.next().unwrap_or_default();
    let mut problem = Problem::new(format!("Gateway failed to start: {first}"));
    for line in lines.filter(|line| !line.trim().is_empty()) {
        problem = problem.why(line.trim().to_owned());
    }
    let problem = problem.causes(error);
    match error {
        StartError::Lock(LockError::Held(_)) => problem
            .why("one gateway per state directory")
            .fix(ctx.command("gateway status"))
            .fix(ctx.command("gateway stop")),
        StartError::Listen(_) => problem.fix(ctx.command("gateway run --port 0")),
        StartError::Config(_) => problem.fix(ctx.command("config validate")).exit(Exit::Configuration),
        StartError::Refused(_) | StartError::Defaults(_) => problem.exit(Exit::Configuration),
        _ => problem.fix(ctx.command("doctor")),
    }
}
