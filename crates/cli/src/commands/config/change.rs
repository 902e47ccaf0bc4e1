//! `openclaw config set`, `unset`, `patch`: comments and order of the file are kept, the whole result is checked.

use std::path::PathBuf;

use clap::Args;
use openclaw_config::{
    Snapshot,
    change::{Change, Prepared, Stamp, prepare},
    parse_str,
    write::{AuditContext, save},
};
use serde_json::{Value, json};

use super::read::key;
use crate::{
    context::Context,
    exit::Exit,
    here,
    human::clean,
    problem::{Outcome, Problem},
};

/// Change one value.
#[derive(Args, Debug)]
pub(crate) struct Set {
    /// The key, such as gateway.port
    #[arg(value_name = "PATH")]
    path: String,
    /// The value: JSON5 if it is, else text
    #[arg(value_name = "VALUE", allow_hyphen_values = true)]
    value: String,
    /// The value must be JSON5
    #[arg(long)]
    strict_json: bool,
    /// Only say what would change
    #[arg(long)]
    dry_run: bool,
}

/// Take one value away.
#[derive(Args, Debug)]
pub(crate) struct Unset {
    /// The key
    #[arg(value_name = "PATH")]
    path: String,
    /// Only say what would change
    #[arg(long)]
    dry_run: bool,
}

/// Merge a file.
#[derive(Args, Debug)]
pub(crate) struct Patch {
    /// JSON5 file with what changes; null takes a key away
    #[arg(long, value_name = "PATH")]
    file: PathBuf,
    /// Only say what would change
    #[arg(long)]
    dry_run: bool,
}

/// A larger patch is none.
const MAX_PATCH_BYTES: u64 = 8 << 20;

pub(super) fn set(ctx: &Context, args: &Set) -> Outcome {
    let path = key(&args.path)?;
    // In the reference `--json` of this command means a value that must be JSON.
    let strict = args.strict_json || ctx.ui.is_json();
    let value = match parse_str(&args.value) {
        Ok(value) => value,
        Err(error) if strict => {
            return Err(Problem::new(format!("Failed to parse the value as JSON5: {error}")));
        }
        Err(_) => Value::String(args.value.clone()),
    };
    let done = apply(ctx, &Change::Set { path, value }, args.dry_run)?;
    said(ctx, &done, &format!("Updated {}.", clean(&args.path)));
    Ok(Exit::Success)
}

pub(super) fn unset(ctx: &Context, args: &Unset) -> Outcome {
    let path = key(&args.path)?;
    let done = apply(ctx, &Change::Unset { path }, args.dry_run)?;
    said(ctx, &done, &format!("Removed {}.", clean(&args.path)));
    Ok(Exit::Success)
}

pub(super) fn patch(ctx: &Context, args: &Patch) -> Outcome {
    let bytes = openclaw_store::files::read_capped(&args.file, MAX_PATCH_BYTES)?;
    let bytes = bytes.ok_or_else(|| Problem::new(format!("there is no file {}", args.file.display())))?;
    let text = String::from_utf8(bytes)
        .map_err(|_not_text| Problem::new(format!("{} is not UTF-8 text", args.file.display())))?;
    let patch = parse_str(&text).map_err(|error| Problem::new(format!("{}: {error}", args.file.display())))?;
    let done = apply(ctx, &Change::Patch(patch), args.dry_run)?;
    said(ctx, &done, "Patched the configuration.");
    Ok(Exit::Success)
}

/// What was done.
struct Done {
    prepared: Prepared,
    written: bool,
    dry: bool,
}

fn apply(ctx: &Context, change: &Change, dry: bool) -> Result<Done, Problem> {
    let current: Snapshot = ctx.inspected()?.clone();
    let stamp = Stamp { version: openclaw_protocol::version::CONFIG_RELEASE, now_ms: ctx.now_ms() };
    let prepared = prepare(&ctx.paths, &ctx.env, &current, change, stamp)
        .map_err(|error| Problem::new(error.to_string()).causes(&error).fix(ctx.command("config validate")))?;
    if dry {
        return Ok(Done { prepared, written: false, dry });
    }
    let audit = AuditContext { argv: &ctx.argv, now_ms: ctx.now_ms() };
    let saved = save(&ctx.paths, &ctx.env, &current, &prepared, audit)
        .map_err(|error| Problem::new(error.to_string()).causes(&error))?;
    if saved.written && current.exists {
        let backup = saved.backup.as_deref().map(|path| format!(", backup={}", path.display())).unwrap_or_default();
        ctx.ui.note(format!(
            "Config overwrite: {} (sha256 {} -> {}{backup})",
            saved.path.display(),
            saved.previous_hash,
            saved.hash
        ));
    }
    if let Some(problem) = &saved.audit_problem {
        ctx.ui.note(format!("Warning: the change was not written to the audit log: {problem}"));
    }
    if !prepared.kept_layout {
        ctx.ui.note("Note: comments or formatting of the file could not be kept.");
    }
    Ok(Done { prepared, written: saved.written, dry })
}

/// Says what the change asks of a running gateway, not always "restart" (cli.md §9, 12).
fn said(ctx: &Context, done: &Done, what: &str) {
    let plan = &done.prepared.plan;
    let changed: Vec<String> = plan.changed.iter().map(ToString::to_string).collect();
    if ctx.ui.is_json() {
        ctx.ui.json(&json!({
            "ok": true,
            "written": done.written,
            "dryRun": done.dry,
            "changed": changed,
            "restartRequired": plan.restart,
        }));
        return;
    }
    if done.dry {
        ctx.ui.line(format!(
            "Would change: {}",
            if changed.is_empty() { "nothing".to_owned() } else { changed.join(", ") }
        ));
        return;
    }
    if !done.written {
        ctx.ui.line("Nothing to change.");
        return;
    }
    let runs = here::look(ctx).is_ok_and(|here| here.gateway().is_some());
    let then = match (plan.restart, runs) {
        (true, true) => {
            format!(" Restart the gateway to apply, unless it does so by itself: {}", ctx.command("gateway restart"))
        }
        (true, false) => " It counts from the next start of the gateway.".to_owned(),
        (false, true) => " The running gateway applies it by itself.".to_owned(),
        (false, false) => String::new(),
    };
    ctx.ui.line(format!("{what}{then}"));
}
