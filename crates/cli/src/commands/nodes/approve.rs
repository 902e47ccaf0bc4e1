//! `openclaw nodes approve`: the same inbox as `devices approve`, answered with the node (promise P3).

use clap::Args;
use openclaw_protocol::{
    method::NoParams,
    methods::node::{PairApprove, PairApproveReply, PairList},
};

use crate::{
    commands::devices::report_widened,
    connect::{Link, connect},
    context::Context,
    exit::Exit,
    explain,
    pairing_text::device_label,
    problem::{Outcome, Problem},
    target::GatewayArgs,
};
use openclaw_protocol::methods::device::PairDecideParams;

/// Approve a node or its new commands.
#[derive(Args, Debug)]
pub(crate) struct Approve {
    /// Request id, the start of one, the device's name or id, or the matching code
    #[arg(value_name = "REQUEST", required_unless_present = "latest", conflicts_with = "latest")]
    request: Option<String>,
    /// The newest request, if only one device waits
    #[arg(long)]
    latest: bool,
    /// Approve also what the node asked for since the request was shown
    #[arg(short, long)]
    yes: bool,
    #[command(flatten)]
    gateway: GatewayArgs,
}

pub(super) fn run(ctx: &Context, args: &Approve) -> Outcome {
    let reply = crate::context::block_on(async {
        let link = connect(ctx, &args.gateway).await?;
        let reply = decide(ctx, args, &link).await?;
        link.close().await;
        Ok(reply)
    })?;
    // Always JSON, as in the reference.
    ctx.ui.json(&reply);
    Ok(Exit::Success)
}

async fn decide(ctx: &Context, args: &Approve, link: &Link) -> Result<PairApproveReply, Problem> {
    let mut selector = match &args.request {
        Some(request) => request.clone(),
        None => latest(ctx, link).await?,
    };
    for _ in 0..2 {
        let params = PairDecideParams { request_id: selector.clone() };
        let error = match link.session.connection.call::<PairApprove>(params).await {
            Ok(reply) => return Ok(reply),
            Err(error) => error,
        };
        let changed = error.refused().filter(|refused| refused.detail_code() == Some("PAIRING_CHANGED"));
        let now = changed.and_then(|refused| Some((refused.detail("requestId")?.to_owned(), refused.details.clone()?)));
        let Some((request_id, added)) = now else { return Err(explain::call(ctx, &link.target, &error)) };
        report_widened(ctx, &request_id, &added, args.yes, "nodes approve")?;
        selector = request_id;
    }
    Err(Problem::new("the node keeps asking for more").fix(ctx.command("nodes pending")))
}

async fn latest(ctx: &Context, link: &Link) -> Result<String, Problem> {
    let pending = link.call::<PairList>(ctx, NoParams {}).await?.pending;
    let Some(newest) = pending.iter().max_by_key(|pending| pending.request.ts) else {
        return Err(Problem::new("No pending pairing requests to approve"));
    };
    if pending.iter().all(|pending| pending.node_id == newest.node_id) {
        return Ok(newest.request.request_id.clone());
    }
    let problem = Problem::new("requests of more than one device wait; name the one that you mean");
    Err(pending.iter().fold(problem, |problem, pending| {
        problem
            .why(device_label(pending.request.display_name.as_deref(), &pending.node_id))
            .fix(ctx.command(&format!("nodes approve {}", crate::human::clean(&pending.request.request_id))))
    }))
}
