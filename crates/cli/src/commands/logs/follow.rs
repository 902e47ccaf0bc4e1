//! `openclaw logs --follow`: one connection that is asked again and again, and a new one when the gateway restarts.

use std::time::Duration;

use openclaw_client::DialError;
use openclaw_protocol::methods::logs::Tail;
use tokio::time::sleep;

use super::{command::Logs, record::Printer};
use crate::{
    connect::{Link, Wish, try_open},
    context::Context,
    exit::Exit,
    explain,
    problem::{Outcome, Problem},
    target,
};

/// First and longest wait before the gateway is tried again.
const FIRST_WAIT: Duration = Duration::from_millis(200);
const LONGEST_WAIT: Duration = Duration::from_secs(5);

/// Follows until nobody reads any more.
pub(super) async fn run(ctx: &Context, args: &Logs, printer: &mut Printer<'_>) -> Outcome {
    let mut cursor = None;
    let mut link = connect(ctx, args).await?.map_err(|(error, target)| explain::dial(ctx, &target, &error))?;
    loop {
        if poll(ctx, args, printer, &link, &mut cursor).await? == Stopped::Unread {
            return Ok(Exit::Success);
        }
        printer.notice("Connection to the gateway lost; waiting for it to come back.");
        link = connect_again(ctx, args).await?;
        printer.notice("Connected to the gateway again.");
    }
}

/// Why polling stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stopped {
    /// The connection is gone.
    Lost,
    /// Nobody reads our output any more.
    Unread,
}

async fn poll(
    ctx: &Context,
    args: &Logs,
    printer: &mut Printer<'_>,
    link: &Link,
    cursor: &mut Option<u64>,
) -> Result<Stopped, Problem> {
    loop {
        let reply = match link.session.connection.call::<Tail>(args.params(*cursor)).await {
            Ok(reply) => reply,
            Err(error) if error.refused().is_some() => return Err(explain::call(ctx, &link.target, &error)),
            Err(_) => return Ok(Stopped::Lost),
        };
        *cursor = Some(reply.cursor);
        printer.reply(&reply);
        if ctx.ui.is_closed() {
            ctx.ui.note("openclaw logs: output stdout closed (EPIPE). Stopping tail.");
            return Ok(Stopped::Unread);
        }
        tokio::select! {
            () = sleep(Duration::from_millis(args.interval.max(10))) => {}
            _ = link.session.connection.closed() => return Ok(Stopped::Lost),
        }
    }
}

type Dialled = Result<Link, (DialError, target::Target)>;

/// One try, at wherever the gateway is now.
async fn connect(ctx: &Context, args: &Logs) -> Result<Dialled, Problem> {
    let target = target::resolve(ctx, &args.gateway)?;
    let (dialled, target) = try_open(ctx, &args.gateway, Wish::default(), target).await?;
    Ok(match dialled {
        Ok(session) => Ok(Link::new(target, session, &args.gateway)),
        Err(error) => Err((error, target)),
    })
}

/// Tries until it is there again; a refusal that is final ends.
async fn connect_again(ctx: &Context, args: &Logs) -> Result<Link, Problem> {
    let mut wait = FIRST_WAIT;
    loop {
        sleep(wait).await;
        match connect(ctx, args).await? {
            Ok(link) => return Ok(link),
            Err((error, target)) if error.is_final() => return Err(explain::dial(ctx, &target, &error)),
            Err(_) => wait = (wait * 2).min(LONGEST_WAIT),
        }
    }
}
