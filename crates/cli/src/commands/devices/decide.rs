//! Approving what somebody named, shared by `devices approve` and `nodes approve` (promise P3).

use openclaw_protocol::{
    method::NoParams,
    methods::device::{PairApprove, PairDecideParams, PairList, PairedDevice, PendingRequest},
};
use serde_json::Value;

use super::offline::Way;
use crate::{
    connect::Link,
    context::Context,
    explain,
    human::{clean, shell_word},
    pairing_text::device_label,
    problem::Problem,
};

/// What came of an approval.
#[derive(Debug)]
pub(crate) enum Decided {
    Done {
        request_id: String,
        device: Box<PairedDevice>,
    },
    /// The device asks for more since that request was shown (SEC-055).
    Widened {
        request_id: String,
        added: Value,
    },
}

/// `error.details.code` of our gateway for a request that was widened.
const CHANGED: &str = "PAIRING_CHANGED";

/// Approves by id, prefix, name or matching code.
async fn approve_named(ctx: &Context, link: &Link, selector: &str) -> Result<Decided, Problem> {
    let params = PairDecideParams { request_id: selector.to_owned() };
    match link.session.connection.call::<PairApprove>(params).await {
        Ok(reply) => Ok(Decided::Done { request_id: reply.request_id.to_string(), device: Box::new(reply.device) }),
        Err(error) => {
            let refused = error.refused().filter(|refused| refused.detail_code() == Some(CHANGED));
            match refused.and_then(|refused| Some((refused.detail("requestId")?.to_owned(), refused.details.clone()?)))
            {
                Some((request_id, added)) => Ok(Decided::Widened { request_id, added }),
                None => Err(explain::call(ctx, &link.target, &error)),
            }
        }
    }
}

/// Approves through whichever way there is.
pub(super) async fn approve_by(ctx: &Context, way: &Way, selector: &str) -> Result<Decided, Problem> {
    match way {
        Way::Gateway(link) => approve_named(ctx, link, selector).await,
        Way::Store(state) => state.approve(ctx, selector).await,
    }
}

/// The request that `--latest` means: the newest, if only one device waits.
pub(super) async fn latest(ctx: &Context, way: &Way) -> Result<String, Problem> {
    let pending = match way {
        Way::Gateway(link) => link.call::<PairList>(ctx, NoParams {}).await?.pending,
        Way::Store(state) => state.list(ctx).await?.pending,
    };
    let Some(newest) = pending.iter().max_by_key(|request| request.ts) else {
        return Err(Problem::new("No pending device pairing requests to approve"));
    };
    if pending.iter().any(|request| request.device_id != newest.device_id) {
        return Err(several(ctx, &pending));
    }
    Ok(newest.request_id.clone())
}

/// More than one device waits, so the newest may not be the one that is meant.
fn several(ctx: &Context, pending: &[PendingRequest]) -> Problem {
    let problem = Problem::new("requests of more than one device wait; name the one that you mean");
    pending.iter().fold(problem, |problem, request| {
        let code = request.shown.matching_code.as_deref().map(|code| format!(", code {code}")).unwrap_or_default();
        problem
            .why(format!("{}{}", device_label(request.display_name.as_deref(), &request.device_id), clean(&code)))
            .fix(ctx.command(&format!("devices approve {}", shell_word(&clean(&request.request_id)))))
    })
}

/// Says what was added, and asks once (SEC-055). `Ok` means yes.
pub(crate) fn report_widened(
    ctx: &Context,
    request_id: &str,
    added: &Value,
    yes: bool,
    again: &str,
) -> Result<(), Problem> {
    let list = |name: &str| {
        let texts = added.get(name).and_then(Value::as_array);
        texts.map(|texts| texts.iter().filter_map(Value::as_str).map(clean).collect::<Vec<_>>()).unwrap_or_default()
    };
    let mut lines = Vec::new();
    for (label, name) in [("role", "addedRoles"), ("scope", "addedScopes"), ("command", "addedCommands")] {
        lines.extend(list(name).into_iter().map(|text| format!("{label} {text}")));
    }
    let what = "the device asks for more since this request was shown";
    let added = if lines.is_empty() { "something else".to_owned() } else { lines.join(", ") };
    if yes {
        ctx.ui.note(format!("The device asks for more since: {added}."));
        return Ok(());
    }
    if ctx.ui.can_ask() {
        ctx.ui.note(format!("The device asks for more since this request was shown: {added}."));
        if ctx.ui.confirm("Approve all of it?") {
            return Ok(());
        }
        return Err(Problem::new("nothing was approved"));
    }
    Err(Problem::new(what)
        .why(format!("added: {added}"))
        .fix(ctx.command(&format!("{again} {}", shell_word(&clean(request_id))))))
}
