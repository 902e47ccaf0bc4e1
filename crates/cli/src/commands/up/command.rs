//! The life of both in one process.

use clap::Args;
use openclaw_gateway::{Ended, Overrides, Running};
use openclaw_node::{host::Report, status::NodeStatus};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::{screen::Screen, watch};
use crate::{
    context::Context,
    exit::Exit,
    here::{self, Here},
    logging::Level,
    node_host::{Place, Plan, serve},
    problem::{Outcome, Problem},
    serving::{self, Console, ServeArgs, start_gateway},
    signals::{Signal, Signals},
};

/// Start gateway and node on this machine, or attach to them.
#[derive(Args, Debug)]
pub(crate) struct Up {
    #[command(flatten)]
    serve: ServeArgs,
    /// Only the gateway
    #[arg(long)]
    no_node: bool,
}

/// Reports of the node that may wait to be shown.
const WAITING_REPORTS: usize = 64;

pub(crate) fn run(ctx: &Context, args: &Up, level: Option<Level>) -> Outcome {
    let attaches = matches!(here::look_patiently(ctx)?, Here::Gateway(_));
    let log = if attaches { None } else { Some(serving::log(ctx, level, Console::Quiet)?) };
    let ended = serving::block_on(together(ctx, args, attaches));
    if let Some(log) = log {
        log.close();
    }
    ended
}

async fn together(ctx: &Context, args: &Up, attaches: bool) -> Outcome {
    let mut signals = Signals::new().map_err(|error| Problem::new(format!("cannot listen for signals: {error}")))?;
    let mut overrides = args.serve.overrides();
    let mut running = if attaches { None } else { Some(start(ctx, &mut overrides).await?) };
    let mut screen = Screen::new(ctx);
    screen.gateway(&here::look(ctx)?, running.as_ref(), attaches);
    let stop = CancellationToken::new();
    let (reports, mut said) = mpsc::channel(WAITING_REPORTS);
    let has_node = !args.no_node && !NodeStatus::read(&ctx.paths.state_dir, &ctx.clock)?.is_running;
    if !args.no_node && !has_node {
        screen.node_runs_elsewhere();
    }
    let node = node(ctx, has_node, &stop, reports);
    let watch = watch::events(ctx, &stop);
    let (sink, mut events) = mpsc::channel(WAITING_REPORTS);
    let watch = watch(sink);
    tokio::pin!(node, watch);
    let mut node_ended = false;
    let mut watch_ended = false;
    let mut trouble = None;
    loop {
        tokio::select! {
            Some(report) = said.recv() => screen.node(&report),
            Some(event) = events.recv() => screen.event(&event),
            ended = &mut node, if !node_ended => {
                node_ended = true;
                // Without its node the gateway goes on; the person is told.
                if let Err(problem) = ended {
                    screen.node_failed(&problem);
                }
            }
            () = &mut watch, if !watch_ended => watch_ended = true,
            () = stopping(running.as_ref()) => {
                let Some(ended) = running.take() else { continue };
                if ended.ended().await == Ended::Stopped {
                    break;
                }
                match start(ctx, &mut overrides).await {
                    Ok(again) => running = Some(again),
                    Err(problem) => {
                        trouble = Some(problem);
                        break;
                    }
                }
                screen.restarted();
            }
            signal = signals.next() => if signal == Signal::Stop { break },
        }
    }
    screen.ending();
    end(&stop, running, &mut signals, async {
        tokio::join!(finish(node.as_mut(), node_ended), async {
            if !watch_ended {
                watch.as_mut().await;
            }
        });
    })
    .await;
    trouble.map_or(Ok(Exit::Success), Err)
}

/// Ends the node first, so that it says goodbye to a gateway that is still there. A second signal ends at once.
async fn end(
    stop: &CancellationToken,
    running: Option<Running>,
    signals: &mut Signals,
    others: impl Future<Output = ()>,
) {
    stop.cancel();
    let graceful = async {
        others.await;
        if let Some(running) = running {
            running.stop();
            running.ended().await;
        }
    };
    tokio::select! {
        () = graceful => {}
        _ = signals.next() => {}
    }
}

async fn finish(node: impl Future<Output = Result<(), Problem>>, ended: bool) {
    if !ended && let Err(problem) = node.await {
        tracing::warn!("{}", problem.what());
    }
}

/// Waits until the gateway of this process ends; for ever when it is in another.
async fn stopping(running: Option<&Running>) {
    match running {
        Some(running) => running.stopping().await,
        None => std::future::pending().await,
    }
}

async fn start(ctx: &Context, overrides: &mut Overrides) -> Result<Running, Problem> {
    let running = start_gateway(ctx, overrides.clone()).await?;
    // A restart comes back where clients look for it.
    overrides.port = Some(running.port());
    Ok(running)
}

async fn node(
    ctx: &Context,
    wanted: bool,
    stop: &CancellationToken,
    reports: mpsc::Sender<Report>,
) -> Result<(), Problem> {
    if !wanted {
        stop.cancelled().await;
        return Ok(());
    }
    let plan = Plan { place: Place::Local, node_id: None, display_name: None, purpose: None, commands: None };
    // A screen that cannot keep up misses a line; the node never waits for it.
    let mut say = |report: &Report| drop(reports.try_send(report.clone()));
    serve(ctx, &plan, stop, &mut say).await
}
