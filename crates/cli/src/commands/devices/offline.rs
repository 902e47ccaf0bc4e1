//! The same work without a gateway: whoever owns the state directory can always decide (promise P5).

use std::time::Duration;

use openclaw_client::DialError;
use openclaw_gateway::shape;
use openclaw_identity::PublicKey;
use openclaw_protocol::{
    id::{DeviceId, RequestId},
    methods::device::{PairListReply, PendingRequest},
};
use openclaw_store::{
    Store,
    files::{GATEWAY_IDENTITY, Holder, StateLock, load_identity},
    pairing::{ApproveError, ApprovedVia, Approver, Found, PairingRequest},
};

use super::decide::Decided;
use crate::{
    connect::{Link, Wish, try_open},
    context::Context,
    explain,
    problem::Problem,
    target::{self, GatewayArgs},
};

/// How the inbox is reached.
#[derive(Debug)]
pub(crate) enum Way {
    /// Through a running gateway.
    Gateway(Box<Link>),
    /// No gateway runs for this state directory: directly.
    Store(Box<State>),
}

impl Way {
    /// The gateway that the options name; the state directory itself when the gateway of this machine is down.
    pub(super) async fn find(ctx: &Context, args: &GatewayArgs) -> Result<Self, Problem> {
        let target = target::resolve(ctx, args)?;
        let (dialled, target) = try_open(ctx, args, Wish::default(), target).await?;
        match dialled {
            Ok(session) => Ok(Self::Gateway(Box::new(Link::new(target, session, args)))),
            Err(error) => {
                let down = matches!(error, DialError::Unreachable { .. }) && target.is_local_default();
                match State::take(ctx)? {
                    Some(state) if down => {
                        ctx.ui.note("No gateway runs here; working on its state directly.");
                        Ok(Self::Store(Box::new(state)))
                    }
                    _ => Err(explain::dial(ctx, &target, &error)),
                }
            }
        }
    }
}

/// The state of a gateway that does not run, held as the gateway would hold it.
pub(crate) struct State {
    store: Store,
    gateway: Option<PublicKey>,
    /// Nobody else works on the directory meanwhile (REL-020).
    _lock: StateLock,
}

impl std::fmt::Debug for State {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("State").finish_non_exhaustive()
    }
}

impl State {
    /// Takes the directory; `None` when there is no state in it, or another process holds it.
    fn take(ctx: &Context) -> Result<Option<Self>, Problem> {
        let state_dir = &ctx.paths.state_dir;
        if !Store::path_in(state_dir).exists() {
            return Ok(None);
        }
        let holder = Holder { pid: std::process::id(), started_at_ms: ctx.now_ms(), ..Holder::default() };
        let Ok(lock) = StateLock::acquire(state_dir, &holder, Duration::ZERO) else { return Ok(None) };
        let store = Store::open(state_dir, ctx.now_ms())?;
        let identity = load_identity(&state_dir.join(GATEWAY_IDENTITY), ctx.now_ms())?;
        Ok(Some(Self { store, gateway: identity.map(|identity| identity.key.public()), _lock: lock }))
    }

    pub(super) async fn list(&self, ctx: &Context) -> Result<PairListReply, Problem> {
        let requests = self.store.requests(ctx.now_ms())?;
        let ids: Vec<RequestId> = requests.iter().map(|request| request.id.clone()).collect();
        self.store.mark_shown(ids).await?;
        let pending = requests.iter().map(|request| self.pending(request)).collect::<Result<_, _>>()?;
        let mut devices = self.store.devices()?;
        devices.sort_by_key(|device| std::cmp::Reverse(device.approved_at_ms));
        Ok(PairListReply { pending, paired: devices.iter().map(|device| shape::paired(device, false)).collect() })
    }

    pub(super) async fn approve(&self, ctx: &Context, selector: &str) -> Result<Decided, Problem> {
        let request = match self.find(ctx, selector)? {
            Found::One(request) => request,
            Found::Superseded { now, added, .. } => {
                return Ok(Decided::Widened {
                    request_id: now.id.to_string(),
                    added: serde_json::json!({
                        "addedRoles": added.roles,
                        "addedScopes": added.scopes,
                        "addedCommands": added.surface.map(|surface| surface.commands),
                    }),
                });
            }
            Found::None => return Err(unknown(ctx)),
            Found::Ambiguous(requests) => return Err(ambiguous(selector, &requests)),
        };
        let approved = self.store.approve(request.id.clone(), Approver::Owner, ApprovedVia::Owner, None, ctx.now_ms());
        match approved.await {
            Ok(approval) => Ok(Decided::Done {
                request_id: request.id.to_string(),
                device: Box::new(shape::paired(&approval.device, false)),
            }),
            Err(ApproveError::Store(error)) => Err(error.into()),
            Err(error) => Err(Problem::new(error.to_string())),
        }
    }

    pub(super) async fn reject(&self, ctx: &Context, selector: &str) -> Result<(RequestId, DeviceId), Problem> {
        let request = match self.find(ctx, selector)? {
            Found::One(request) | Found::Superseded { now: request, .. } => request,
            Found::None => return Err(unknown(ctx)),
            Found::Ambiguous(requests) => return Err(ambiguous(selector, &requests)),
        };
        let rejected = self.store.reject(request.id, ctx.now_ms()).await?;
        let request = rejected.ok_or_else(|| unknown(ctx))?;
        Ok((request.id, request.device_id))
    }

    pub(super) async fn remove(&self, ctx: &Context, device: &DeviceId) -> Result<(), Problem> {
        let removed = self.store.remove(device.clone(), ctx.now_ms()).await?;
        removed.map(drop).ok_or_else(|| Problem::new("unknown deviceId").fix(ctx.command("devices list")))
    }

    fn find(&self, ctx: &Context, selector: &str) -> Result<Found, Problem> {
        let Some(gateway) = &self.gateway else { return Ok(Found::None) };
        Ok(self.store.find_request(selector, gateway, ctx.now_ms())?)
    }

    fn pending(&self, request: &PairingRequest) -> Result<PendingRequest, Problem> {
        let approved = self.store.device(&request.device_id)?.and_then(|device| device.surface).unwrap_or_default();
        Ok(shape::pending(request, &approved, self.gateway.as_ref()))
    }
}

fn unknown(ctx: &Context) -> Problem {
    Problem::new("unknown requestId").fix(ctx.command("devices list"))
}

fn ambiguous(selector: &str, requests: &[PairingRequest]) -> Problem {
    let ids: Vec<&str> = requests.iter().map(|request| request.id.as_str()).collect();
    Problem::new(format!("ambiguous request: {} (matches: {})", crate::human::clean(selector), ids.join(", ")))
}
