//! `update.*`: this gateway does not look for releases by itself.

use openclaw_protocol::{methods::update, scope::Scope};
use serde_json::Value;

use super::{
    ctx::Ctx,
    registry::{Access, Answer, Registry},
};

pub(super) fn register(r: &mut Registry) {
    r.on::<update::Status>(Access::Scope(Scope::ADMIN), status);
}

async fn status(_: Ctx, _: update::StatusParams) -> Answer<update::Status> {
    Ok(update::StatusReply { sentinel: Value::Null, update_available: Value::Null })
}
