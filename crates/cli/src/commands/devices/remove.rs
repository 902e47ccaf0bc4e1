//! `openclaw devices remove`.

use clap::Args;
use openclaw_protocol::{
    id::DeviceId,
    method::NoParams,
    methods::device::{DeviceParams, DeviceReply, PairList, PairRemove, PairedDevice},
};

use super::offline::Way;
use crate::{
    context::Context,
    exit::Exit,
    human::clean,
    problem::{Outcome, Problem},
    target::GatewayArgs,
};

/// Remove a paired device and close its connections.
#[derive(Args, Debug)]
pub(crate) struct Remove {
    /// Device id, the start of one, or the device's name
    #[arg(value_name = "DEVICE")]
    device: String,
    #[command(flatten)]
    gateway: GatewayArgs,
}

/// Shorter starts of an id are not looked at.
const MIN_PREFIX: usize = 6;

pub(super) fn run(ctx: &Context, args: &Remove) -> Outcome {
    let device_id = crate::context::block_on(async {
        let way = Way::find(ctx, &args.gateway).await?;
        let paired = match &way {
            Way::Gateway(link) => link.call::<PairList>(ctx, NoParams {}).await?.paired,
            Way::Store(state) => state.list(ctx).await?.paired,
        };
        let device_id = find(ctx, &paired, &args.device)?;
        match &way {
            Way::Gateway(link) => {
                link.call::<PairRemove>(ctx, DeviceParams { device_id: device_id.clone() }).await?;
            }
            Way::Store(state) => state.remove(ctx, &device_id).await?,
        }
        Ok(device_id)
    })?;
    if ctx.ui.is_json() {
        ctx.ui.json(&DeviceReply { device_id });
    } else {
        ctx.ui.line(format!("Removed {device_id}"));
    }
    Ok(Exit::Success)
}

/// The paired device that somebody named. An id that is not listed is passed on: a caller who sees only its own record
/// is told by the gateway.
pub(super) fn find(ctx: &Context, paired: &[PairedDevice], query: &str) -> Result<DeviceId, Problem> {
    let lower = query.trim().to_lowercase();
    if DeviceId::new(lower.clone()).is_well_formed() {
        return Ok(DeviceId::new(lower));
    }
    let named = |name: &Option<String>| name.as_ref().is_some_and(|name| name.to_lowercase() == lower);
    let by_name = paired.iter().filter(|device| named(&device.operator_label) || named(&device.display_name));
    let by_prefix = paired.iter().filter(|device| lower.len() >= MIN_PREFIX && device.device_id.starts_with(&lower));
    for matches in [by_name.collect::<Vec<_>>(), by_prefix.collect()] {
        match matches.as_slice() {
            [] => {}
            [one] => return Ok(DeviceId::new(one.device_id.clone())),
            several => {
                let ids: Vec<String> = several.iter().map(|device| clean(&device.device_id)).collect();
                return Err(Problem::new(format!("ambiguous device: {} (matches: {})", clean(query), ids.join(", ")))
                    .fix("name it by its id"));
            }
        }
    }
    Err(Problem::new("unknown deviceId")
        .why(format!("no paired device is called {}", clean(query)))
        .fix(ctx.command("devices list")))
}
