//! What happens at the gateway while `up` is on the screen: requests that wait, nodes that come and go.

use std::{collections::BTreeMap, future::Future, time::Duration};

use openclaw_protocol::{
    events,
    method::NoParams,
    methods::{
        device::{PairList, PendingRequest},
        node::List,
    },
};
use tokio::{sync::mpsc, time::sleep};
use tokio_util::sync::CancellationToken;

use crate::{
    connect::{Link, Wish, connect_for},
    context::Context,
    human::clean,
    node_choice::label,
    problem::Problem,
    target::GatewayArgs,
};

/// One thing that happened.
#[derive(Debug)]
pub(super) enum Happening {
    Requested(Box<PendingRequest>),
    Decided { request_id: String, decision: String },
    Node { name: String, connected: bool },
}

/// Wait before the gateway is asked again after a lost connection.
const AGAIN: Duration = Duration::from_millis(300);

/// What was seen last.
#[derive(Default)]
struct Seen {
    requests: Vec<String>,
    /// Names of connected nodes by id; `None` before the first look.
    nodes: Option<BTreeMap<String, String>>,
}

/// Watches until `stop`, over restarts of the gateway.
pub(super) fn events<'a>(
    ctx: &'a Context,
    stop: &'a CancellationToken,
) -> impl FnOnce(mpsc::Sender<Happening>) -> std::pin::Pin<Box<dyn Future<Output = ()> + 'a>> {
    move |sink| {
        Box::pin(async move {
            let mut seen = Seen::default();
            loop {
                tokio::select! {
                    () = stop.cancelled() => return,
                    ended = watch(ctx, &mut seen, &sink) => {
                        if let Err(problem) = ended {
                            tracing::debug!("watching the gateway: {}", problem.what());
                        }
                    }
                }
                tokio::select! {
                    () = stop.cancelled() => return,
                    () = sleep(AGAIN) => {}
                }
            }
        })
    }
}

async fn watch(ctx: &Context, seen: &mut Seen, sink: &mpsc::Sender<Happening>) -> Result<(), Problem> {
    let args = GatewayArgs { timeout: 10_000, no_wait: true, ..GatewayArgs::default() };
    let mut link = connect_for(ctx, &args, Wish::default()).await?;
    look(ctx, &link, seen, sink).await?;
    while let Some(event) = link.session.events.next().await {
        let name = event.event.as_str();
        if name == events::device::PAIR_RESOLVED.name {
            if let Ok(resolved) = serde_json::from_value::<events::device::PairResolved>(event.payload) {
                tell(sink, Happening::Decided { request_id: resolved.request_id, decision: resolved.decision }).await;
            }
            look(ctx, &link, seen, sink).await?;
        } else if [
            events::device::PAIR_REQUESTED.name,
            events::device::PAIR_CHANGED.name,
            events::node::PAIR_RESOLVED.name,
            events::core::PRESENCE.name,
        ]
        .contains(&name)
        {
            look(ctx, &link, seen, sink).await?;
        }
    }
    Ok(())
}

/// Compares what is with what was seen.
async fn look(ctx: &Context, link: &Link, seen: &mut Seen, sink: &mpsc::Sender<Happening>) -> Result<(), Problem> {
    let pending = link.call::<PairList>(ctx, NoParams {}).await?.pending;
    let ids = pending.iter().map(|request| request.request_id.clone()).collect();
    for request in pending {
        if !seen.requests.contains(&request.request_id) {
            tell(sink, Happening::Requested(Box::new(request))).await;
        }
    }
    seen.requests = ids;
    let nodes = link.call::<List>(ctx, NoParams {}).await?.nodes;
    let connected: BTreeMap<String, String> =
        nodes.iter().filter(|node| node.connected).map(|node| (node.node_id.clone(), clean(label(node)))).collect();
    // What is there at the first look is no news.
    if let Some(before) = &seen.nodes {
        for (id, name) in connected.iter().filter(|(id, _)| !before.contains_key(*id)) {
            tracing::debug!(node.id = %id, "node {name} connected");
            tell(sink, Happening::Node { name: name.clone(), connected: true }).await;
        }
        for (_, name) in before.iter().filter(|(id, _)| !connected.contains_key(*id)) {
            tell(sink, Happening::Node { name: name.clone(), connected: false }).await;
        }
    }
    seen.nodes = Some(connected);
    Ok(())
}

async fn tell(sink: &mpsc::Sender<Happening>, happening: Happening) {
    if sink.send(happening).await.is_err() {
        tracing::debug!("nobody looks at the screen any more");
    }
}
