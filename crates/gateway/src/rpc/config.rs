//! `config.*`: reading and changing openclaw.json (protocol.md §8.4).
//!
//! Every change is checked as a whole before the file is touched: the hash of what the caller saw, the markers that
//! stand for secrets (SEC-075), the result against the schema (SEC-076). All three methods that change it are for
//! administrators; a change of a protected key leaves a line in the log that names who made it.

use std::{sync::Arc, time::Duration};

use openclaw_config::{
    Snapshot,
    change::{self, Change, ChangeError, Prepared, Stamp},
    edit,
    json5::{self, ParseError},
    key_path::KeyPath,
    protect, redact, schema,
    sections::gateway::ReloadMode,
    write::{self, AuditContext, SaveError},
};
use openclaw_protocol::{
    error::ErrorShape, method::NoParams, methods::config as wire, scope::Scope, version::CONFIG_RELEASE,
};
use serde_json::{Value, json};
use tracing::{info, warn};

use super::{
    ctx::Ctx,
    error::{RpcError, chain},
    registry::{Access, Answer, Registry},
};
use crate::{configuration, text::for_log};

const READ: Access = Access::Scope(Scope::READ);
const ADMIN: Access = Access::Scope(Scope::ADMIN);
/// Before a restart that a change asks for, so that its answer arrives first (the reference's default).
const RESTART_DELAY: Duration = Duration::from_secs(2);
const MAX_LOOKUP_PATH: usize = 1_024;

pub(super) fn register(r: &mut Registry) {
    r.on::<wire::Get>(READ, get);
    r.on::<wire::Schema>(READ, whole_schema);
    r.on::<wire::SchemaLookup>(READ, lookup);
    r.on::<wire::Set>(ADMIN, set);
    r.on::<wire::Patch>(ADMIN, patch);
    r.on::<wire::Apply>(ADMIN, apply);
}

async fn get(ctx: Ctx, _: NoParams) -> Answer<wire::Get> {
    Ok(redact::snapshot_json(&inspect(&ctx).await?))
}

async fn whole_schema(ctx: Ctx, _: NoParams) -> Answer<wire::Schema> {
    let generated_at = jiff::Timestamp::from_millisecond(i64::try_from(ctx.now_ms()).unwrap_or_default());
    Ok(json!({
        "schema": schema::schema(),
        "uiHints": schema::hints(),
        "version": ctx.hub.identity.version,
        "generatedAt": generated_at.unwrap_or_default().to_string(),
    }))
}

async fn lookup(_: Ctx, p: wire::SchemaLookupParams) -> Answer<wire::SchemaLookup> {
    let path = p.path.trim();
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '/' | '[' | ']' | '-' | '*');
    if path.is_empty() || path.len() > MAX_LOOKUP_PATH || !path.chars().all(allowed) {
        return Err(RpcError::invalid("invalid config.schema.lookup params: at /path: must match pattern"));
    }
    let found = schema::lookup(path).ok_or_else(|| RpcError::invalid("config schema path not found"))?;
    serde_json::to_value(found).map_err(|error| RpcError::internal(&error))
}

async fn set(ctx: Ctx, p: wire::SetParams) -> Answer<wire::Set> {
    let wish = Wish { method: "config.set", base_hash: p.base_hash, note: None, restart_delay: RESTART_DELAY };
    let mut reply = change(&ctx, wish, move |_| Ok(Change::Replace { raw: p.raw })).await?;
    reply.restart = None;
    Ok(reply)
}

async fn patch(ctx: Ctx, p: wire::ApplyParams) -> Answer<wire::Patch> {
    ctx.hub.configuration.write_budget.take(&ctx.session, "config.patch", std::time::Instant::now())?;
    let wish = Wish::new("config.patch", &p);
    change(&ctx, wish, move |current| merge_patch(current, &p.raw, p.replace_paths.as_deref().unwrap_or_default()))
        .await
}

async fn apply(ctx: Ctx, p: wire::ApplyParams) -> Answer<wire::Apply> {
    ctx.hub.configuration.write_budget.take(&ctx.session, "config.apply", std::time::Instant::now())?;
    let wish = Wish::new("config.apply", &p);
    change(&ctx, wish, move |_| Ok(Change::Replace { raw: p.raw })).await
}

/// What all three that change the file have in common.
struct Wish {
    method: &'static str,
    base_hash: Option<String>,
    note: Option<String>,
    restart_delay: Duration,
}

impl Wish {
    fn new(method: &'static str, p: &wire::ApplyParams) -> Self {
        Self {
            method,
            base_hash: p.base_hash.clone(),
            note: p.note.clone(),
            restart_delay: p.restart_delay_ms.map_or(RESTART_DELAY, Duration::from_millis),
        }
    }
}

/// Writes the file and puts it into effect.
async fn change(
    ctx: &Ctx,
    wish: Wish,
    make: impl FnOnce(&Snapshot) -> Result<Change, Refused> + Send + 'static,
) -> Result<wire::ChangeReply, RpcError> {
    let task = {
        let (ctx, method, base_hash) = (ctx.clone(), wish.method, wish.base_hash);
        move || write_change(&ctx, method, base_hash.as_deref(), make)
    };
    let (prepared, path) = match tokio::task::spawn_blocking(task).await {
        Ok(written) => written?,
        Err(error) => return Err(RpcError::internal(&error)),
    };
    let note = wish.note.as_deref().map(|note| format!(": {}", for_log(note))).unwrap_or_default();
    info!("{} changed the configuration by {}{note}", ctx.principal(), wish.method);
    let restart = put_into_effect(ctx, &prepared, wish.restart_delay).await;
    Ok(wire::ChangeReply { ok: true, path, config: redact::redact(&prepared.next.resolved), restart: Some(restart) })
}

fn write_change(
    ctx: &Ctx,
    method: &'static str,
    base_hash: Option<&str>,
    make: impl FnOnce(&Snapshot) -> Result<Change, Refused>,
) -> Result<(Prepared, String), Refused> {
    let configuration = &ctx.hub.configuration;
    let (paths, env) = (configuration.paths(), configuration.env());
    let current = openclaw_config::inspect(paths, env).map_err(|error| Refused::Unavailable(chain(&error)))?;
    write::check_base_hash(&current, base_hash)?;
    let change = make(&current)?;
    let stamp = Stamp { version: CONFIG_RELEASE, now_ms: ctx.now_ms() };
    let prepared = change::prepare(paths, env, &current, &change, stamp)?;
    let protected = protect::protected_changes(&current.resolved, &prepared.next.resolved);
    if !protected.is_empty() {
        let paths: Vec<String> = protected.iter().map(ToString::to_string).collect();
        warn!("{} changes protected configuration by {method}: {}", ctx.principal(), paths.join(", "));
    }
    let argv = [method.to_owned(), ctx.principal()];
    let saved = write::save(paths, env, &current, &prepared, AuditContext { argv: &argv, now_ms: stamp.now_ms })?;
    if let Some(problem) = saved.audit_problem {
        warn!("the configuration was written, but its audit line was not: {problem}");
    }
    Ok((prepared, saved.path.display().to_string()))
}

/// Loads what was just written, as the watcher would a moment later, and says what that means for the gateway.
async fn put_into_effect(ctx: &Ctx, prepared: &Prepared, delay: Duration) -> Value {
    let mode = prepared.next.config.gateway.reload.mode;
    let delay_ms = u64::try_from(delay.min(crate::restart::MAX_DELAY).as_millis()).unwrap_or_default();
    let pid = std::process::id();
    if mode == ReloadMode::Off {
        return json!({"ok": true, "pid": pid, "mode": "off", "delayMs": 0, "reasons": []});
    }
    let hub = Arc::clone(&ctx.hub);
    let reasons = match tokio::task::spawn_blocking(move || hub.configuration.reload()).await {
        Ok(reloaded) => configuration::apply(&ctx.hub, reloaded, mode, delay),
        Err(_) => None,
    };
    match reasons {
        Some(reasons) => json!({"ok": true, "pid": pid, "mode": "restart", "delayMs": delay_ms, "reasons": [reasons]}),
        None => json!({"ok": true, "pid": pid, "mode": "none", "delayMs": 0, "reasons": []}),
    }
}

async fn inspect(ctx: &Ctx) -> Result<Snapshot, RpcError> {
    let hub = Arc::clone(&ctx.hub);
    let read = move || openclaw_config::inspect(hub.configuration.paths(), hub.configuration.env());
    match tokio::task::spawn_blocking(read).await {
        Ok(Ok(snapshot)) => Ok(snapshot),
        Ok(Err(error)) => Err(RpcError::unavailable(chain(&error))),
        Err(error) => Err(RpcError::internal(&error)),
    }
}

/// A merge patch; arrays at `replace` are taken as a whole instead of element by element (v4).
fn merge_patch(current: &Snapshot, raw: &str, replace: &[String]) -> Result<Change, Refused> {
    if !current.is_valid() {
        return Err(ChangeError::CurrentBroken.into());
    }
    let patch = json5::parse_str(raw)?;
    if !patch.is_object() {
        return Err(ChangeError::Edit(edit::EditError::PatchNotAnObject).into());
    }
    if replace.is_empty() {
        return Ok(Change::Patch(patch));
    }
    let mut next = current.resolved.clone();
    edit::merge_patch(&mut next, &patch).map_err(ChangeError::Edit)?;
    for path in replace {
        let bad = |error: &dyn std::fmt::Display| {
            Refused::Invalid(format!("invalid config.patch params: at /replacePaths: {error}"))
        };
        let place = KeyPath::parse(path).map_err(|error| bad(&error))?;
        if let Some(value) = place.get(&patch) {
            edit::set(&mut next, &place, value.clone()).map_err(|error| bad(&error))?;
        }
    }
    Ok(Change::Replace { raw: next.to_string() })
}

/// Why nothing was written.
#[derive(Debug)]
enum Refused {
    Invalid(String),
    Issues(String, Value),
    Unavailable(String),
}

impl From<ParseError> for Refused {
    fn from(error: ParseError) -> Self {
        ChangeError::Parse(error).into()
    }
}

impl From<ChangeError> for Refused {
    fn from(error: ChangeError) -> Self {
        match &error {
            ChangeError::Invalid(invalid) => Self::Issues(error.to_string(), json!({"issues": invalid.issues})),
            _ => Self::Invalid(error.to_string()),
        }
    }
}

impl From<SaveError> for Refused {
    fn from(error: SaveError) -> Self {
        match &error {
            SaveError::BaseHashRequired | SaveError::Changed => Self::Invalid(error.to_string()),
            SaveError::ReadOnly { .. } | SaveError::Io { .. } => Self::Unavailable(error.to_string()),
        }
    }
}

impl From<Refused> for RpcError {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::Invalid(message) => Self::invalid(message),
            Refused::Issues(message, issues) => Self(ErrorShape::invalid(message).with_details(issues)),
            Refused::Unavailable(message) => Self::unavailable(message),
        }
    }
}
