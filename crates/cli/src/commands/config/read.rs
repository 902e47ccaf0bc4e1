//! `openclaw config file`, `get`, `validate`, `schema`.

use clap::Args;
use openclaw_config::{KeyPath, redact::redact, schema};
use serde_json::{Value, json};

use crate::{
    context::Context,
    exit::Exit,
    human::clean,
    problem::{Outcome, Problem},
};

/// One value.
#[derive(Args, Debug)]
pub(crate) struct Get {
    /// The key, such as gateway.port or agents.list[0].id
    #[arg(value_name = "PATH")]
    path: String,
}

/// The schema.
#[derive(Args, Debug)]
pub(crate) struct Schema {
    /// Only of this key
    #[arg(value_name = "PATH")]
    path: Option<String>,
}

/// Where the configuration is.
pub(super) fn file(ctx: &Context) -> Exit {
    if ctx.ui.is_json() {
        ctx.ui.json(&json!({"path": ctx.paths.config_path, "exists": ctx.paths.config_path.exists()}));
    } else {
        ctx.ui.line(ctx.paths.display(&ctx.paths.config_path));
    }
    Exit::Success
}

/// Reads a path as people write it.
pub(super) fn key(text: &str) -> Result<KeyPath, Problem> {
    KeyPath::parse(text).map_err(|error| Problem::new(error.to_string()))
}

pub(super) fn get(ctx: &Context, args: &Get) -> Outcome {
    let snapshot = ctx.config()?;
    let path = key(&args.path)?;
    let shown = redact(&snapshot.resolved);
    let Some(value) = path.get(&shown) else {
        return Err(Problem::new(format!("Config path not found: {}", clean(&args.path)))
            .fix(ctx.command(&format!("config schema {}", crate::human::shell_word(&parent(&args.path))))));
    };
    match value {
        Value::String(text) if !ctx.ui.is_json() => ctx.ui.line(text),
        Value::Object(_) | Value::Array(_) => ctx.ui.json(value),
        other => ctx.ui.line(other),
    }
    Ok(Exit::Success)
}

fn parent(path: &str) -> String {
    path.rsplit_once('.').map_or_else(|| path.to_owned(), |(head, _)| head.to_owned())
}

pub(super) fn validate(ctx: &Context) -> Outcome {
    let snapshot = ctx.inspected()?;
    let shown = ctx.paths.display(&snapshot.path);
    if !snapshot.exists {
        let problem = Problem::new(format!("Config file not found: {shown}"));
        return Err(problem.fix(ctx.command("config set gateway.mode local")));
    }
    if snapshot.is_valid() {
        if ctx.ui.is_json() {
            ctx.ui.json_line(&json!({"valid": true, "path": snapshot.path}));
        } else {
            ctx.ui.line(format!("Config valid: {shown}"));
            for warning in &snapshot.warnings {
                ctx.ui.note(format!("Warning: {}: {}", warning.path, warning.message));
            }
        }
        return Ok(Exit::Success);
    }
    if ctx.ui.is_json() {
        ctx.ui.json(&json!({"valid": false, "path": snapshot.path, "issues": snapshot.issues}));
    } else {
        ctx.ui.note(format!("Config invalid: {shown}"));
        for issue in &snapshot.issues {
            ctx.ui.note(format!("  - {issue}"));
        }
    }
    Ok(Exit::Failure)
}

pub(super) fn schema(ctx: &Context, args: &Schema) -> Outcome {
    let Some(path) = &args.path else {
        ctx.ui.json(schema::schema());
        return Ok(Exit::Success);
    };
    let Some(found) = schema::lookup(path) else {
        return Err(Problem::new(format!("Config path not found: {}", clean(path))).fix(ctx.command("config schema")));
    };
    ctx.ui.json(&found);
    Ok(Exit::Success)
}
