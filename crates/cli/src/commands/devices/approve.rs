//! `openclaw devices approve`.

use clap::Args;
use openclaw_protocol::{
    id::RequestId,
    methods::device::{PairApproveReply, PairedDevice},
};

use super::{
    decide::{Decided, approve_by, latest, report_widened},
    offline::Way,
};
use crate::{
    context::Context,
    exit::Exit,
    human::clean,
    problem::{Outcome, Problem},
    target::GatewayArgs,
    ui::Tone,
};

/// Let a waiting device in.
#[derive(Args, Debug)]
pub(crate) struct Approve {
    /// Request id, the start of one, the device's name or id, or the matching code
    #[arg(value_name = "REQUEST", conflicts_with = "latest")]
    request: Option<String>,
    /// The newest request, if only one device waits (the default without a request)
    #[arg(long)]
    latest: bool,
    /// Approve also what the device asked for since the request was shown
    #[arg(short, long)]
    yes: bool,
    #[command(flatten)]
    gateway: GatewayArgs,
}

pub(super) fn run(ctx: &Context, args: &Approve) -> Outcome {
    let (request_id, device) = crate::context::block_on(decide(ctx, args))?;
    if ctx.ui.is_json() {
        ctx.ui.json(&PairApproveReply { request_id: RequestId::new(request_id), device });
        return Ok(Exit::Success);
    }
    ctx.ui.line(ctx.ui.paint(Tone::Good, format!("Approved {} ({})", clean(&device.device_id), clean(&request_id))));
    let name = device.operator_label.as_deref().or(device.display_name.as_deref()).unwrap_or("it");
    ctx.ui.line(format!("{} may connect as {}.", clean(name), device.roles.join(" and ")));
    Ok(Exit::Success)
}

async fn decide(ctx: &Context, args: &Approve) -> Result<(String, PairedDevice), Problem> {
    let way = Way::find(ctx, &args.gateway).await?;
    let mut selector = match &args.request {
        Some(request) => request.clone(),
        None => latest(ctx, &way).await?,
    };
    // Twice at most: what was confirmed may have grown once more meanwhile.
    for _ in 0..2 {
        match approve_by(ctx, &way, &selector).await? {
            Decided::Done { request_id, device } => return Ok((request_id, *device)),
            Decided::Widened { request_id, added } => {
                report_widened(ctx, &request_id, &added, args.yes, "devices approve")?;
                selector = request_id;
            }
        }
    }
    Err(Problem::new("the device keeps asking for more").fix(ctx.command("devices list")))
}
