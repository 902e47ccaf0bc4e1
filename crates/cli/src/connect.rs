//! From a target to an open connection, and calls over it whose failures explain themselves.

use std::time::Duration;

use openclaw_client::{Caller, Connected, DialError, DialOptions, dial_with_retry};
use openclaw_identity::{IdentityFile, PublicKey, Secret, matching_code};
use openclaw_protocol::{
    hello::{HelloOk, Waiting},
    method::Method,
    scope::{Role, Scope},
};
use openclaw_store::files::{self, DEVICE_IDENTITY, DeviceAuth, StoredToken};
use serde_json::Value;

use crate::{
    context::Context,
    explain,
    human::{clean, shell_word},
    pairing_text::device_label,
    problem::Problem,
    target::{self, GatewayArgs, Target},
    version::VERSION,
};

/// An open connection as an operator.
#[derive(Debug)]
pub(crate) struct Link {
    pub(crate) target: Target,
    pub(crate) session: Connected,
    timeout: Duration,
}

/// What a command wants of its connection besides calling methods.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Wish {
    /// Feature flags for the gateway.
    pub(crate) caps: &'static [&'static str],
}

/// The scopes of this user's CLI, in the order in which they are signed (protocol.md §3.2).
const SCOPES: [&str; 5] = [Scope::ADMIN, Scope::READ, Scope::WRITE, Scope::APPROVALS, Scope::PAIRING];

/// Connects to the gateway that the options name.
pub(crate) async fn connect(ctx: &Context, args: &GatewayArgs) -> Result<Link, Problem> {
    connect_for(ctx, args, Wish::default()).await
}

/// Connects with a wish.
pub(crate) async fn connect_for(ctx: &Context, args: &GatewayArgs, wish: Wish) -> Result<Link, Problem> {
    let target = target::resolve(ctx, args)?;
    open(ctx, args, wish, target).await
}

/// Connects to a target that is known already.
pub(crate) async fn open(ctx: &Context, args: &GatewayArgs, wish: Wish, target: Target) -> Result<Link, Problem> {
    let (dialled, target) = try_open(ctx, args, wish, target).await?;
    match dialled {
        Ok(session) => Ok(Link::new(target, session, args)),
        Err(error) => Err(explain::dial(ctx, &target, &error)),
    }
}

/// Dials, and keeps what a gateway gave us.
///
/// # Errors
/// Only what went wrong before dialling.
pub(crate) async fn try_open(
    ctx: &Context,
    args: &GatewayArgs,
    wish: Wish,
    mut target: Target,
) -> Result<(Result<Connected, DialError>, Target), Problem> {
    let identity = files::identity(&ctx.paths.state_dir.join(DEVICE_IDENTITY), ctx.now_ms())?;
    let tokens = Tokens::of(ctx, &identity, &target);
    let stored = tokens.read()?;
    if !target.is_ours() {
        target.credentials.device_token = stored.clone();
    }
    let caller = caller(ctx, &identity, wish, !(ctx.ui.is_json() || args.no_wait));
    let options = options(ctx, args);
    let mut on_waiting = |waiting: &Waiting| show_waiting(ctx, &target, &identity, waiting);
    let dialled = dial_with_retry(&target.endpoint, &caller, &target.credentials, &options, &mut on_waiting).await;
    match &dialled {
        Ok(session) => tokens.keep(&session.hello, stored.as_ref(), ctx.now_ms())?,
        Err(error) => tokens.forget_if_refused(error)?,
    }
    Ok((dialled, target))
}

/// How this command dials.
pub(crate) fn options(ctx: &Context, args: &GatewayArgs) -> DialOptions {
    let timeout = Duration::from_millis(args.timeout.max(1));
    let defaults = DialOptions::default();
    DialOptions {
        clock: ctx.clock.clone(),
        allow_private_plaintext: target::allows_private(ctx),
        step_timeout: defaults.step_timeout.min(timeout),
        answer_timeout: defaults.answer_timeout.min(timeout),
        request_timeout: timeout,
        ..defaults
    }
}

fn caller(ctx: &Context, identity: &IdentityFile, wish: Wish, waits: bool) -> Caller {
    let mut caller = Caller::new("cli", "cli", Role::Operator);
    VERSION.clone_into(&mut caller.client.version);
    caller.client.display_name = display_name(ctx);
    caller.scopes = SCOPES.map(str::to_owned).to_vec();
    caller.caps = wish.caps.iter().map(|cap| (*cap).to_owned()).collect();
    caller.key = Some(identity.key.clone());
    caller.wait_for_pairing = waits;
    caller
}

/// How this machine is called in lists: its name, as far as the environment knows it.
fn display_name(ctx: &Context) -> Option<String> {
    let named = ["HOSTNAME", "COMPUTERNAME"].iter().find_map(|name| ctx.env.trimmed(name));
    named.or_else(crate::machine::host_name).filter(|name| !name.is_empty())
}

/// What a device that waits for its approval shows (promise P2).
#[derive(Clone, Debug, Default)]
pub(crate) struct WaitingText<'a> {
    pub(crate) address: &'a str,
    pub(crate) gateway_name: Option<&'a str>,
    pub(crate) instance_id: Option<&'a str>,
    /// Name and short id of this device.
    pub(crate) device: String,
    pub(crate) code: Option<&'a str>,
    pub(crate) request_id: Option<&'a str>,
    pub(crate) reason: &'a str,
    pub(crate) expires_at_ms: Option<u64>,
    pub(crate) page: Option<&'a str>,
}

fn show_waiting(ctx: &Context, target: &Target, identity: &IdentityFile, waiting: &Waiting) {
    let code = PublicKey::parse(&waiting.gateway_public_key)
        .map(|gateway| matching_code(&gateway, &identity.key.public(), &waiting.request_id));
    let device = device_label(display_name(ctx).as_deref(), identity.device_id().as_str());
    let address = target.endpoint.to_string();
    let text = WaitingText {
        address: &address,
        gateway_name: Some(&waiting.gateway_name),
        instance_id: Some(&waiting.instance_id),
        device,
        code: code.as_deref().ok(),
        request_id: Some(&waiting.request_id),
        reason: &waiting.reason,
        expires_at_ms: Some(waiting.expires_at_ms),
        page: waiting.approval_url.as_deref(),
    };
    ctx.ui.note(text.lines(ctx.now_ms()));
}

impl WaitingText<'_> {
    /// The box, without colours.
    pub(crate) fn lines(&self, now_ms: u64) -> String {
        let mut lines = vec!["Waiting for approval".to_owned()];
        let gateway = match (self.gateway_name, self.instance_id) {
            (Some(name), Some(id)) => format!("{} ({}) at {}", clean(name), clean(short(id)), self.address),
            _ => self.address.to_owned(),
        };
        lines.push(format!("  gateway   {gateway}"));
        lines.push(format!("  device    {}", self.device));
        if let Some(code) = self.code {
            lines.push(format!("  code      {}   the approver sees the same", clean(code)));
        }
        if let Some(id) = self.request_id.map(clean) {
            lines.push(format!("  request   {id} ({})", clean(self.reason)));
            lines.push(format!("  approve   openclaw devices approve {}   on the gateway's machine", shell_word(&id)));
        }
        if let Some(page) = self.page {
            lines.push(format!("  page      {}", clean(page)));
        }
        if let Some(at) = self.expires_at_ms {
            let minutes = at.saturating_sub(now_ms).div_ceil(60_000);
            lines.push(format!("  expires   in {minutes} min without this program; Ctrl-C gives up"));
        }
        lines.join("\n")
    }
}

/// The first characters of an instance id, as all texts show it.
pub(crate) fn short(instance_id: &str) -> &str {
    instance_id.get(..8).unwrap_or(instance_id)
}

/// The stored token of one gateway.
struct Tokens {
    file: DeviceAuth,
    place: files::Endpoint,
}

impl Tokens {
    fn of(ctx: &Context, identity: &IdentityFile, target: &Target) -> Self {
        let file = DeviceAuth::at(ctx.paths.identity_dir().join("device-auth.json"), identity.device_id());
        Self { file, place: target.token_place() }
    }

    fn read(&self) -> Result<Option<Secret>, Problem> {
        Ok(self.file.token(&self.place, Role::Operator)?.map(|stored| stored.token))
    }

    /// Keeps a new token; an unchanged one costs no write.
    fn keep(&self, hello: &HelloOk, stored: Option<&Secret>, now_ms: u64) -> Result<(), Problem> {
        let Some(auth) = &hello.auth else { return Ok(()) };
        let Some(token) = auth.device_token.as_deref() else { return Ok(()) };
        if stored.is_some_and(|stored| stored.is(token)) {
            return Ok(());
        }
        let token = StoredToken { token: Secret::new(token), scopes: auth.scopes.clone(), updated_at_ms: now_ms };
        Ok(self.file.keep(&self.place, Role::Operator, &token)?)
    }

    /// A token that the gateway calls wrong is not shown again.
    fn forget_if_refused(&self, error: &DialError) -> Result<(), Problem> {
        let code = error.refusal().and_then(|refusal| refusal.error.detail_code());
        if code == Some("AUTH_DEVICE_TOKEN_MISMATCH") {
            self.file.forget(&self.place, Role::Operator)?;
        }
        Ok(())
    }
}

impl Link {
    /// A link over an open session.
    pub(crate) const fn new(target: Target, session: Connected, args: &GatewayArgs) -> Self {
        Self { target, session, timeout: Duration::from_millis(args.timeout) }
    }

    /// Calls a method; a failure is ready to be shown.
    pub(crate) async fn call<M: Method>(&self, ctx: &Context, params: M::Params) -> Result<M::Reply, Problem> {
        let called = self.session.connection.call::<M>(params).await;
        called.map_err(|error| explain::call(ctx, &self.target, &error))
    }

    /// Calls a method by its name.
    pub(crate) async fn call_raw(
        &self,
        ctx: &Context,
        method: &str,
        params: Value,
        args: &GatewayArgs,
    ) -> Result<Value, Problem> {
        let connection = &self.session.connection;
        let called = if args.expect_final {
            connection.call_raw_final(method, params, self.timeout).await
        } else {
            connection.call_raw(method, params, self.timeout).await
        };
        called.map_err(|error| explain::call(ctx, &self.target, &error))
    }

    /// Says goodbye.
    pub(crate) async fn close(self) {
        self.session.connection.close().await;
    }
}
