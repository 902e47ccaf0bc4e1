//! `skills.*`: this gateway has no skills, so there are no programs of theirs.

use openclaw_protocol::{method::NoParams, methods::skills};

use super::{
    ctx::Ctx,
    registry::{Access, Answer, Registry},
};

pub(super) fn register(r: &mut Registry) {
    r.on::<skills::Bins>(Access::Node, bins);
}

async fn bins(_: Ctx, _: NoParams) -> Answer<skills::Bins> {
    Ok(skills::BinsReply { bins: Vec::new() })
}
