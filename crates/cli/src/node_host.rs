//! A node host as `node run` and `up` keep it: which gateway, with which secrets, and again when that gateway moves.
//!
//! The owner's secret is shown only to the process that holds the lock of our state directory, so a node waits until
//! that gateway is there, and looks again after every lost connection.

use std::{sync::Arc, time::Duration};

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
    loop {
        let found = tokio::select! {
            () = stop.cancelled() => return Ok(()),
            found = find(ctx, plan, say) => found?,
        };
        let host = NodeHost::new(node_options(ctx, plan, &found)).map_err(|error| not_started(ctx, &error))?;
        note_place(ctx, found.is_local_default() || found.is_ours())?;
        let round = stop.child_token();
        let ended = host.run(round.clone(), |report| {
            if matches!(report, Report::Lost { .. } | Report::Retrying { .. }) && has_moved(ctx, &found) {
                round.cancel();
            }
            say(&report);
        });
        match Box::pin(ended).await {
            Ended::Stopped if stop.is_cancelled() => return Ok(()),
            Ended::Stopped => {}
            Ended::Rejected(_) | Ended::Refused(_) if has_moved(ctx, &found) => {}
            Ended::Rejected(error) | Ended::Refused(error) => return Err(explain::dial(ctx, &found, &error)),
        }
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
