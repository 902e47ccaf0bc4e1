//! The gateway of this state directory, if one runs: possession of the directory is what makes this user its owner
//! (promise P1).

use std::time::Duration;

use openclaw_identity::Secret;
use openclaw_store::files::{GatewayInfo, Held, StateLock, owner_secret};

use crate::{context::Context, problem::Problem};

/// How long a gateway that has taken its lock may take until it says where it listens.
const START_WAIT: Duration = Duration::from_secs(3);
/// How often that is looked at.
const START_POLL: Duration = Duration::from_millis(10);

/// What runs in this state directory.
#[derive(Clone, Debug)]
pub(crate) enum Here {
    /// No gateway holds the directory.
    Nothing,
    /// One holds it and does not say where it listens.
    Silent(Held),
    /// One runs.
    Gateway(GatewayInfo),
}

impl Here {
    /// The running gateway.
    pub(crate) const fn gateway(&self) -> Option<&GatewayInfo> {
        match self {
            Self::Gateway(info) => Some(info),
            _ => None,
        }
    }
}

/// Looks, and changes nothing.
pub(crate) fn look(ctx: &Context) -> Result<Here, Problem> {
    let state_dir = &ctx.paths.state_dir;
    let Some(held) = StateLock::holder(state_dir)? else { return Ok(Here::Nothing) };
    let info = GatewayInfo::read(state_dir)?;
    // A file of an earlier run says nothing about the process that holds the lock now.
    let pid = held.holder.as_ref().map(|holder| holder.pid);
    Ok(match info {
        Some(info) if pid.is_none_or(|pid| pid == info.pid) => Here::Gateway(info),
        _ => Here::Silent(held),
    })
}

/// Looks, and gives a gateway that is just starting the time to say where it listens.
pub(crate) fn look_patiently(ctx: &Context) -> Result<Here, Problem> {
    let mut waited = Duration::ZERO;
    loop {
        match look(ctx)? {
            Here::Silent(_) if waited < START_WAIT => {
                std::thread::sleep(START_POLL);
                waited += START_POLL;
            }
            here => return Ok(here),
        }
    }
}

/// The secret that proves to the running gateway that we own its directory; `None` when it has made none, as a gateway
/// of another make.
pub(crate) fn proof(ctx: &Context) -> Result<Option<Secret>, Problem> {
    if !ctx.paths.state_dir.join("owner.key").exists() {
        return Ok(None);
    }
    Ok(Some(owner_secret(&ctx.paths.state_dir, ctx.now_ms())?))
}
