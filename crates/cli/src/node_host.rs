//! A node host as `node run` and `up` keep it: which gateway, with which secrets, and again when that gateway moves.
//!
//! The owner's secret is shown only to the process that holds the lock of our state directory, so a node waits until
//! that gateway is there, and looks again after every lost connection.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use openclaw_client::{Credentials, Endpoint, probe};
use openclaw_node::{
    exec::machine::Machine,
    host::{Ended, NodeError, NodeHost, NodeOptions, Report},
};
use openclaw_store::files::NodeJson;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use crate::{
    connect::options,
    context::Context,
    explain,
    here::{self, Here},
    problem::Problem,
    target::{self, GatewayArgs, Ownership, Source, Target},
};

/// How often it is looked for a gateway that is not there yet.
const POLL: Duration = Duration::from_millis(50);
/// Deadline of each layer when several addresses are tried.
const CANDIDATE_DEADLINE: Duration = Duration::from_secs(3);
/// Our member of node.json's gateway: it is the gateway of the same state directory, wherever that listens.
pub(crate) const LOCAL_MEMBER: &str = "local";

/// What a node host is wanted to be.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) place: Place,
    pub(crate) node_id: Option<String>,
    pub(crate) display_name: Option<String>,
    pub(crate) purpose: Option<String>,
    pub(crate) commands: Option<Vec<String>>,
}

/// Where its gateway is.
#[derive(Clone, Debug)]
pub(crate) enum Place {
    /// The gateway of this machine, wherever it listens.
    Local,
    /// The first of these that answers.
    Fixed(Vec<Candidate>),
}

/// An address and what to show there.
#[derive(Clone, Debug)]
pub(crate) struct Candidate {
    pub(crate) endpoint: Endpoint,
    pub(crate) credentials: Credentials,
    pub(crate) source: Source,
}

/// Serves until `stop` is cancelled.
///
/// # Errors
/// A refusal that trying again cannot help, or files that cannot be used.
pub(crate) async fn serve(
    ctx: &Context,
    plan: &Plan,
    stop: &CancellationToken,
    say: &mut (dyn FnMut(&Report) + Send),
) -> Result<(), Problem> {
    let mut pause = Pause::default();
    loop {
        let found = tokio::select! {
            () = stop.cancelled() => return Ok(()),
            found = find(ctx, plan, say) => found?,
        };
        let host = NodeHost::new(node_options(ctx, plan, &found)).map_err(|error| not_started(ctx, &error))?;
        note_place(ctx, found.is_local_default() || found.is_ours())?;
        let round = stop.child_token();
        let begun = Instant::now();
        let ended = host.run(round.clone(), |report| match report {
            // The host would wait for a while and then show its secret to whoever listens there by then.
            Report::Lost { why, .. } if found.is_ours() => {
                round.cancel();
                say(&Report::Lost { why, in_ms: pause.next_ms(begun.elapsed()) });
            }
            Report::Retrying { .. } if found.is_ours() || has_moved(ctx, &found) => round.cancel(),
            Report::Lost { .. } if has_moved(ctx, &found) => round.cancel(),
            report => say(&named(ctx, &found, report)),
        });
        match Box::pin(ended).await {
            Ended::Stopped if stop.is_cancelled() => return Ok(()),
            Ended::Stopped => pause.wait(begun.elapsed(), stop).await,
            Ended::Rejected(_) | Ended::Refused(_) if has_moved(ctx, &found) => pause.wait(begun.elapsed(), stop).await,
            Ended::Rejected(error) | Ended::Refused(error) => return Err(explain::dial(ctx, &found, &error)),
        }
    }
}

/// The wait before our own gateway is looked for again: short, and longer only while nothing lasts.
#[derive(Debug, Default)]
struct Pause {
    failures: u32,
}

impl Pause {
    const FIRST: Duration = Duration::from_millis(50);
    const LONGEST: Duration = Duration::from_secs(5);
    /// A round that held so long was no failure.
    const HELD: Duration = Duration::from_secs(5);

    fn length(&self, held: Duration) -> Duration {
        let failures = if held >= Self::HELD { 0 } else { self.failures };
        Self::FIRST.saturating_mul(1 << failures.min(10)).min(Self::LONGEST)
    }

    fn next_ms(&self, held: Duration) -> u64 {
        u64::try_from(self.length(held).as_millis()).unwrap_or(u64::MAX)
    }

    async fn wait(&mut self, held: Duration, stop: &CancellationToken) {
        let length = self.length(held);
        self.failures = if held >= Self::HELD { 0 } else { self.failures.saturating_add(1) };
        tokio::select! {
            () = stop.cancelled() => {}
            () = sleep(length) => {}
        }
    }
}

/// A report with the gateway's name and instance id where they are known here (promise P7): a gateway tells them only
/// to a node that waits.
fn named(ctx: &Context, found: &Target, report: Report) -> Report {
    match report {
        Report::Connected(mut connected) if connected.instance_id.is_none() && found.is_ours() => {
            if let Ok(here) = here::look(ctx)
                && let Some(info) = here.gateway()
            {
                connected.gateway_name = Some(info.name.clone());
                connected.instance_id = Some(info.instance_id.clone());
            }
            Report::Connected(connected)
        }
        report => report,
    }
}

fn node_options(ctx: &Context, plan: &Plan, found: &Target) -> NodeOptions {
    let variables = std::env::vars_os().collect();
    let own_folder = std::env::current_exe().ok().and_then(|program| program.parent().map(ToOwned::to_owned));
    let machine = Machine::new(variables, &ctx.paths.home, &ctx.paths.exec_approvals_json(), own_folder.as_deref());
    let mut options_of_node = NodeOptions::new(ctx.paths.state_dir.clone(), Arc::new(machine), found.endpoint.clone());
    options_of_node.is_local = found.is_local_default() || found.is_ours();
    options_of_node.credentials = found.credentials.clone();
    options_of_node.node_id.clone_from(&plan.node_id);
    options_of_node.display_name.clone_from(&plan.display_name);
    options_of_node.purpose.clone_from(&plan.purpose);
    options_of_node.commands.clone_from(&plan.commands);
    options_of_node.dial = options(ctx, &GatewayArgs { timeout: 30_000, ..GatewayArgs::default() });
    options_of_node
}

fn not_started(ctx: &Context, error: &NodeError) -> Problem {
    let problem = Problem::new(error.to_string()).causes(error);
    match error {
        NodeError::Running { .. } => problem.fix(ctx.command("node status")),
        _ => problem,
    }
}

/// Waits for the gateway.
async fn find(ctx: &Context, plan: &Plan, say: &mut (dyn FnMut(&Report) + Send)) -> Result<Target, Problem> {
    match &plan.place {
        Place::Local => find_local(ctx, say).await,
        Place::Fixed(candidates) => fixed(ctx, candidates).await,
    }
}

async fn find_local(ctx: &Context, say: &mut (dyn FnMut(&Report) + Send)) -> Result<Target, Problem> {
    let mut told = false;
    loop {
        match here::look(ctx)? {
            Here::Gateway(_) => return target::resolve(ctx, &GatewayArgs::default()),
            // It takes its lock before it listens, and says where it listens right after.
            Here::Silent(_) => {}
            Here::Nothing => {
                let target = target::resolve(ctx, &GatewayArgs::default())?;
                if target.source != Source::Local {
                    return Ok(target);
                }
                if answers(&target.endpoint).await && matches!(here::look(ctx)?, Here::Nothing) {
                    // Somebody else's gateway on our port: it gets what is configured, not the owner's secret.
                    return Ok(target);
                }
                if !told {
                    told = true;
                    let start = ctx.command("gateway run");
                    say(&Report::Notice(format!(
                        "waiting for the gateway at {}; start it with: {start}",
                        target.endpoint
                    )));
                }
            }
        }
        sleep(POLL).await;
    }
}

async fn answers(endpoint: &Endpoint) -> bool {
    let address = (std::net::Ipv4Addr::LOCALHOST, endpoint.url.port());
    tokio::net::TcpStream::connect(address).await.is_ok()
}

async fn fixed(ctx: &Context, candidates: &[Candidate]) -> Result<Target, Problem> {
    let mut chosen = candidates.first();
    if candidates.len() > 1 {
        let options = options(ctx, &GatewayArgs { timeout: 30_000, ..GatewayArgs::default() });
        for candidate in candidates {
            let report = probe(&candidate.endpoint, &options, CANDIDATE_DEADLINE).await;
            if matches!(report.websocket, Some(Ok(()))) {
                chosen = Some(candidate);
                break;
            }
        }
    }
    let Some(chosen) = chosen else { return Err(Problem::new("no address of a gateway is known")) };
    let target = Target {
        endpoint: chosen.endpoint.clone(),
        source: chosen.source,
        credentials: chosen.credentials.clone(),
        ownership: Ownership::NotOurs,
    };
    let target = target::recognise(ctx, target)?;
    let checked = target.endpoint.check_plaintext(target::allows_private(ctx));
    checked.map_err(|error| explain::endpoint(ctx, &target, &error))?;
    Ok(target)
}

/// Whether the gateway of this state directory is no longer where `found` says, so that the secret must not be shown
/// there again.
fn has_moved(ctx: &Context, found: &Target) -> bool {
    match (found.ownership, here::look(ctx)) {
        (Ownership::Ours, Ok(Here::Gateway(info))) => {
            Endpoint::parse(&info.url).is_ok_and(|now| now.url != found.endpoint.url)
        }
        (Ownership::Ours, _) => true,
        (Ownership::NotOurs, Ok(Here::Gateway(_))) => found.is_local_default(),
        (Ownership::NotOurs, _) => false,
    }
}

/// Remembers whether the saved address means "the gateway of this machine", whose port may change.
fn note_place(ctx: &Context, is_local: bool) -> Result<(), Problem> {
    let path = ctx.paths.node_json();
    let Some(mut node) = NodeJson::read(&path, ctx.now_ms())? else { return Ok(()) };
    let Some(gateway) = &mut node.gateway else { return Ok(()) };
    if gateway.rest.get(LOCAL_MEMBER).and_then(serde_json::Value::as_bool).unwrap_or(false) == is_local {
        return Ok(());
    }
    if is_local {
        gateway.rest.insert(LOCAL_MEMBER.to_owned(), true.into());
    } else {
        gateway.rest.remove(LOCAL_MEMBER);
    }
    Ok(node.write(&path)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_gateway_that_comes_and_goes_is_looked_for_less_and_less_often() {
        let (mut pause, stop) = (Pause::default(), CancellationToken::new());
        let mut waits = Vec::new();
        for _ in 0..9 {
            waits.push(pause.next_ms(Duration::ZERO));
            pause.wait(Duration::ZERO, &stop).await;
        }
        assert_eq!(waits, [50, 100, 200, 400, 800, 1_600, 3_200, 5_000, 5_000]);
        assert_eq!(pause.next_ms(Pause::HELD), 50);
    }
}
