//! `openclaw gateway run`: the gateway in the foreground.

use std::path::PathBuf;

use clap::Args;
use openclaw_config::sections::gateway::AuthMode;
use openclaw_gateway::{Ended, Overrides, Running};
use serde_json::json;

use crate::{
    connect::short,
    context::Context,
    exit::Exit,
    human::clean,
    logging::Level,
    problem::{Outcome, Problem},
    serving::{self, Console, ServeArgs, auth_mode, secret, start_gateway},
    signals::{Signal, Signals},
    ui::Tone,
};

/// Run the gateway in the foreground. It needs no setup. `--force` of the reference is not there: this gateway never
/// ends another process; `openclaw gateway stop` ends the one of this state directory.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct Run {
    #[command(flatten)]
    serve: ServeArgs,
    /// How clients prove themselves: none, token, password, trusted-proxy
    #[arg(long, value_name = "MODE", value_parser = auth_mode)]
    auth: Option<AuthMode>,
    /// The shared token
    #[arg(long, value_name = "TOKEN")]
    pub(super) token: Option<String>,
    /// The shared password; other users of this machine can see it in the process list
    #[arg(long, value_name = "PASSWORD")]
    pub(super) password: Option<String>,
    /// Read the shared password from this file
    #[arg(long, value_name = "PATH")]
    password_file: Option<PathBuf>,
    /// Accepted: this gateway starts without a configuration anyway
    #[arg(long)]
    allow_unconfigured: bool,
    /// Show more of what happens
    #[arg(long)]
    verbose: bool,
    /// Accepted: how the reference logs WebSocket traffic
    #[arg(long, value_name = "STYLE")]
    ws_log: Option<String>,
    /// Accepted: the same as --ws-log compact
    #[arg(long)]
    compact: bool,
}

/// A larger password file is none.
const MAX_PASSWORD_BYTES: u64 = 4_096;

impl Run {
    /// The flags of `gateway run`, with those that stood after `gateway` behind them.
    pub(super) fn over(mut self, parent: &Self) -> Self {
        self.serve.port = self.serve.port.or(parent.serve.port);
        self.serve.bind = self.serve.bind.or(parent.serve.bind);
        self.auth = self.auth.or(parent.auth);
        self.token = self.token.or_else(|| parent.token.clone());
        self.password = self.password.or_else(|| parent.password.clone());
        self.password_file = self.password_file.or_else(|| parent.password_file.clone());
        self.verbose |= parent.verbose;
        self
    }

    fn overrides(&self) -> Result<Overrides, Problem> {
        let password = match (&self.password, &self.password_file) {
            (Some(_), Some(_)) => return Err(Problem::new("Use either --password or --password-file.")),
            (Some(password), None) => Some(password.clone()),
            (None, Some(path)) => Some(read_password(path)?),
            (None, None) => None,
        };
        Ok(Overrides {
            auth: self.auth,
            token: secret(self.token.as_deref()),
            password: secret(password.as_deref()),
            ..self.serve.overrides()
        })
    }
}

fn read_password(path: &std::path::Path) -> Result<String, Problem> {
    let bytes = openclaw_store::files::read_capped(path, MAX_PASSWORD_BYTES)?;
    let bytes = bytes.ok_or_else(|| Problem::new(format!("there is no password file {}", path.display())))?;
    let text =
        String::from_utf8(bytes).map_err(|_not_text| Problem::new(format!("{} is not UTF-8 text", path.display())))?;
    let text = text.trim_end_matches(['\r', '\n']).to_owned();
    if text.is_empty() { Err(Problem::new(format!("{} is empty", path.display()))) } else { Ok(text) }
}

pub(super) fn run(ctx: &Context, args: &Run, level: Option<Level>) -> Outcome {
    let overrides = args.overrides()?;
    if args.password.is_some() {
        ctx.ui.note("Warning: a password on the command line is visible to other users; use --password-file.");
    }
    let console = if ctx.ui.is_json() { Console::Quiet } else { Console::Shown };
    let verbose = args.verbose.then_some(Level(tracing_subscriber::filter::LevelFilter::DEBUG));
    let log = serving::log(ctx, level.or(verbose), console)?;
    let ended = serving::block_on(serve(ctx, overrides, &log.path().display().to_string()));
    log.close();
    ended
}

async fn serve(ctx: &Context, mut overrides: Overrides, log: &str) -> Outcome {
    let mut signals = Signals::new().map_err(|error| Problem::new(format!("cannot listen for signals: {error}")))?;
    loop {
        let running = start_gateway(ctx, overrides.clone()).await?;
        // A restart comes back where clients look for it.
        overrides.port = Some(running.port());
        show(ctx, &running, log);
        let mut again = false;
        tokio::select! {
            () = running.stopping() => {}
            signal = signals.next() => {
                tracing::info!("signal received; shutting down");
                again = signal == Signal::Restart;
                running.stop();
            }
        }
        let ended = running.ended();
        tokio::pin!(ended);
        let how = loop {
            tokio::select! {
                how = &mut ended => break how,
                signal = signals.next() => {
                    if signal == Signal::Stop {
                        return Ok(Exit::Failure);
                    }
                }
            }
        };
        if how == Ended::Stopped && !again {
            return Ok(Exit::Success);
        }
    }
}

fn show(ctx: &Context, running: &Running, log: &str) {
    let ui = &ctx.ui;
    let addresses: Vec<String> = running.addresses().iter().map(ToString::to_string).collect();
    if ui.is_json() {
        ui.json_line(&json!({
            "type": "listening",
            "name": running.name(),
            "instanceId": running.instance_id(),
            "url": running.url(),
            "port": running.port(),
            "addresses": addresses,
            "tlsFingerprint": running.fingerprint(),
            "pid": std::process::id(),
            "log": log,
        }));
        return;
    }
    ui.line(ui.paint(Tone::Strong, format!("Gateway {} ({})", clean(running.name()), short(running.instance_id()))));
    ui.line(format!("  instance  {}", running.instance_id()));
    ui.line(format!("  url       {}", running.url()));
    ui.line(format!("  listening {} (pid {})", addresses.join(", "), std::process::id()));
    if let Some(fingerprint) = running.fingerprint() {
        ui.line(format!("  tls       sha256:{fingerprint}"));
    }
    ui.line(format!("  log       {log}"));
    ui.line(format!("  node here {}", ctx.command("node run")));
    if running.lan_addresses().is_empty() {
        ui.line(format!(
            "  others    only this machine can connect; for others: {}",
            ctx.command("gateway run --bind lan")
        ));
    } else {
        ui.line(format!("  others    {}", ctx.command("devices invite")));
    }
}
