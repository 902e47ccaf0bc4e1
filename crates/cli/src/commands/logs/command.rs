//! The command, and its one look without following.

use clap::Args;
use openclaw_gateway::log::log_path;
use openclaw_protocol::methods::logs::{Tail, TailParams, TailReply};

use super::{follow, record::Printer};
use crate::{
    connect::{Wish, try_open},
    context::Context,
    exit::Exit,
    explain,
    problem::{Outcome, Problem},
    target::{self, GatewayArgs},
};

/// Read the gateway's log.
#[derive(Args, Debug)]
pub(crate) struct Logs {
    /// Go on as it grows, also over restarts of the gateway
    #[arg(long, short)]
    follow: bool,
    /// Most lines at once, 1 to 5000
    #[arg(long, value_name = "N", default_value_t = 200, value_parser = clap::value_parser!(u64).range(1..=5000))]
    limit: u64,
    /// Most bytes at once, 1 to 1000000
    #[arg(long, value_name = "N", default_value_t = 250_000, value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    max_bytes: u64,
    /// How often it is looked for more, in milliseconds
    #[arg(long, value_name = "MS", default_value_t = 1_000)]
    pub(super) interval: u64,
    /// Plain lines, also on a terminal
    #[arg(long)]
    plain: bool,
    /// Times of this machine's zone instead of UTC
    #[arg(long)]
    local_time: bool,
    #[command(flatten)]
    pub(super) gateway: GatewayArgs,
}

impl Logs {
    pub(super) fn params(&self, cursor: Option<u64>) -> TailParams {
        TailParams { cursor, limit: Some(self.limit), max_bytes: Some(self.max_bytes) }
    }
}

pub(crate) fn run(ctx: &Context, args: &Logs) -> Outcome {
    let mut printer = Printer::new(&ctx.ui, args.plain, args.local_time);
    if args.follow {
        return crate::context::block_on(follow::run(ctx, args, &mut printer));
    }
    let reply = crate::context::block_on(once(ctx, args))?;
    printer.reply(&reply);
    Ok(Exit::Success)
}

/// One look: through the gateway, or at the file when the gateway of this machine is down.
async fn once(ctx: &Context, args: &Logs) -> Result<TailReply, Problem> {
    let target = target::resolve(ctx, &args.gateway)?;
    let is_local = target.is_local_default();
    let (dialled, target) = try_open(ctx, &args.gateway, Wish::default(), target).await?;
    match dialled {
        Ok(session) => {
            let called = session.connection.call::<Tail>(args.params(None)).await;
            let reply = called.map_err(|error| explain::call(ctx, &target, &error))?;
            session.connection.close().await;
            Ok(reply)
        }
        Err(error) if is_local && matches!(error, openclaw_client::DialError::Unreachable { .. }) => {
            match from_file(ctx, args)? {
                Some(reply) => {
                    ctx.ui.note("Local Gateway RPC unavailable; reading configured file log instead.");
                    Ok(reply)
                }
                None => Err(explain::dial(ctx, &target, &error)),
            }
        }
        Err(error) => Err(explain::dial(ctx, &target, &error)),
    }
}

/// The end of the log file itself; `None` when there is none.
fn from_file(ctx: &Context, args: &Logs) -> Result<Option<TailReply>, Problem> {
    use std::io::{Read, Seek, SeekFrom};
    let path = log_path(&ctx.paths, &ctx.inspected()?.config.logging, ctx.now_ms());
    let failed = |error: std::io::Error| Problem::new(format!("cannot read {}", path.display())).why(error.to_string());
    let mut file = match std::fs::File::open(&path) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed(error)),
    };
    let size = file.metadata().map_err(failed)?.len();
    let start = size.saturating_sub(args.max_bytes);
    file.seek(SeekFrom::Start(start)).map_err(failed)?;
    let mut bytes = Vec::new();
    file.take(args.max_bytes).read_to_end(&mut bytes).map_err(failed)?;
    let text = String::from_utf8_lossy(&bytes);
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    if start > 0 && !lines.is_empty() {
        lines.remove(0);
    }
    let surplus = lines.len().saturating_sub(usize::try_from(args.limit).unwrap_or(usize::MAX));
    lines.drain(..surplus);
    let file = path.display().to_string();
    Ok(Some(TailReply { file, cursor: size, size, lines, truncated: start > 0, reset: false }))
}
