//! `openclaw node identity` (2026.9): who this machine's node is. Makes nothing.

use clap::Args;
use openclaw_node::host::NodeIdentity;
use serde_json::json;

use crate::{
    context::Context,
    exit::Exit,
    problem::{Outcome, Problem},
};

/// The node's device id and public key.
#[derive(Args, Debug)]
pub(crate) struct Identity {}

pub(super) fn run(ctx: &Context, _args: &Identity) -> Outcome {
    let Some(identity) = NodeIdentity::stored(&ctx.paths.state_dir, ctx.now_ms())? else {
        return Err(Problem::new(
            "no node device identity found (start the node host once with `openclaw node run` or `openclaw node install`)",
        )
        .fix(ctx.command("node run")));
    };
    let (device_id, public_key) = (identity.device_id(), identity.key.public().to_wire());
    if ctx.ui.is_json() {
        ctx.ui.json(&json!({"deviceId": device_id, "publicKey": public_key}));
    } else {
        ctx.ui.line(format!("deviceId:  {device_id}"));
        ctx.ui.line(format!("publicKey: {public_key}"));
    }
    Ok(Exit::Success)
}
