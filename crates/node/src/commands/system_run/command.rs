//! `system.run`: runs a program (nodes.md §2.5).

use std::{collections::BTreeMap, path::PathBuf, sync::Arc, time::Duration};

use openclaw_protocol::version::Dialect;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{
    capability::{Answer, Command, Invocation, NodeEvent, NodeFailure, Running},
    commands::{blocking, system_run_prepare::refused},
    exec::{
        environment::{Overrides, RefusedOverrides, refused_names},
        machine::Machine,
        plan::{self, CommandLine, Plan},
        policy::{Denial, MAIN_AGENT, Policy, Request, decide},
        process::{self, Program, RunResult, Streams, Time},
    },
};

/// Characters of output in the event that tells of the end.
const EVENT_OUTPUT_CHARS: usize = 20_000;
/// The session that a run belongs to when the caller names none.
const DEFAULT_SESSION: &str = "node";
/// Longest time that a caller may ask for.
const MAX_TIMEOUT: Duration = Duration::from_hours(24);

/// The command.
pub struct Run {
    machine: Arc<Machine>,
}

/// What a caller sends. `approved` and `approvalDecision` are not read: what runs here, the owner of this machine
/// decides (SEC-086).
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Params {
    command: Vec<String>,
    raw_command: Option<String>,
    system_run_plan: Option<Plan>,
    cwd: Option<String>,
    env: Option<BTreeMap<String, String>>,
    timeout_ms: Option<f64>,
    needs_screen_recording: Option<bool>,
    agent_id: Option<String>,
    session_key: Option<String>,
    run_id: Option<String>,
    suppress_notify_on_exit: Option<bool>,
}

/// A run that may start.
struct Ready {
    program: Program,
    timeout: Option<Duration>,
}

/// What the events of a run have in common.
struct Story {
    session_key: String,
    run_id: String,
    command: String,
    suppress: Option<bool>,
    dialect: Dialect,
}

impl Run {
    /// For this machine.
    pub fn new(machine: Arc<Machine>) -> Self {
        Self { machine }
    }

    async fn answer(&self, mut invocation: Invocation) -> Result<Answer, NodeFailure> {
        let params: Params = invocation.params()?;
        let line =
            CommandLine::check(params.command.clone(), params.raw_command.as_deref()).map_err(|e| refused(&e))?;
        let story = Story::of(&params, &line, invocation.dialect);
        let machine = self.machine.clone();
        let ready = blocking(move || Ok(make_ready(&params, &line, &machine))).await?;
        let ready = match ready {
            Ok(ready) => ready,
            Err(denial) => return Err(story.denied(denial)),
        };
        let time = Time { timeout: ready.timeout, answer_by: invocation.answer_by };
        let streams = Streams { input: invocation.input.take(), output: invocation.output.take() };
        let page = self.machine.code_page;
        let result = process::run(&ready.program, time, streams, &invocation.cancelled, page).await;
        let event = story.finished(&result);
        let payload = serde_json::to_value(&result).map_err(|error| NodeFailure::unavailable(error.to_string()))?;
        Ok(Answer { payload, events: vec![event] })
    }
}

impl Command for Run {
    fn name(&self) -> &'static str {
        "system.run"
    }

    fn run(&self, invocation: Invocation) -> Running<'_> {
        Box::pin(self.answer(invocation))
    }
}

/// Checks everything that can be checked before the start. Reads files.
fn make_ready(params: &Params, line: &CommandLine, machine: &Machine) -> Result<Ready, Denial> {
    if params.needs_screen_recording == Some(true) {
        return Err(Denial::new("permission:screenRecording", "PERMISSION_MISSING: screenRecording"));
    }
    let cwd = working_folder(params)?;
    if let Some(plan) = &params.system_run_plan {
        plan::recheck(plan, line, cwd.as_deref()).map_err(|(reason, message)| Denial::new(reason, message))?;
    }
    let environment = environment(params, line, machine)?;
    let policy = Policy::load(&machine.policy_path)
        .map_err(|error| Denial::new("security=deny", format!("SYSTEM_RUN_DISABLED: security=deny — {error}")))?;
    let agent = params.agent_id.as_deref().unwrap_or(MAIN_AGENT);
    let request = Request { argv: &line.argv, cwd: cwd.as_deref(), agent };
    let launch = decide(&policy, &line.analysis, request, machine)?;
    let program =
        Program { path: launch.path, own_name: launch.own_name, arguments: launch.arguments, cwd, environment };
    Ok(Ready { program, timeout: timeout(params) })
}

/// No timeout means none; zero and less mean none too, as upstream.
fn timeout(params: &Params) -> Option<Duration> {
    let ms = params.timeout_ms.filter(|ms| ms.is_finite() && *ms > 0.0)?;
    Some(Duration::try_from_secs_f64(ms / 1_000.0).unwrap_or(MAX_TIMEOUT).min(MAX_TIMEOUT))
}

fn working_folder(params: &Params) -> Result<Option<PathBuf>, Denial> {
    let Some(cwd) = params.cwd.as_deref().map(str::trim).filter(|cwd| !cwd.is_empty()) else { return Ok(None) };
    let missing = "SYSTEM_RUN_DENIED: working directory does not exist or is inaccessible";
    let path = std::path::absolute(cwd).or(Err(Denial::new("cwd-missing", missing)))?;
    if path.is_dir() { Ok(Some(path)) } else { Err(Denial::new("cwd-missing", missing)) }
}

fn environment(
    params: &Params,
    line: &CommandLine,
    machine: &Machine,
) -> Result<Vec<(std::ffi::OsString, std::ffi::OsString)>, Denial> {
    let rejected = |what: &str, refused: &RefusedOverrides| {
        Denial::new("environment", format!("SYSTEM_RUN_DENIED: {what} rejected ({refused})"))
    };
    let overrides = Overrides::check(params.env.clone().unwrap_or_default())
        .map_err(|refused| rejected("environment override", &refused))?;
    let assigned = refused_names(&line.analysis.assignments);
    if assigned != RefusedOverrides::default() {
        return Err(rejected("command env assignment", &assigned));
    }
    let overrides = if line.analysis.has_shell { overrides.behind_a_shell() } else { overrides };
    Ok(machine.environment.child(&overrides))
}

impl Story {
    fn of(params: &Params, line: &CommandLine, dialect: Dialect) -> Self {
        Self {
            session_key: params.session_key.clone().unwrap_or_else(|| DEFAULT_SESSION.to_owned()),
            run_id: params.run_id.clone().unwrap_or_else(|| uuid::Uuid::new_v4().to_string()),
            command: line.preview.clone().unwrap_or_else(|| line.text.clone()),
            suppress: params.suppress_notify_on_exit,
            dialect,
        }
    }

    fn event(&self, name: &'static str, more: Value) -> NodeEvent {
        let mut payload = json!({
            "sessionKey": self.session_key, "runId": self.run_id, "host": "node", "command": self.command,
        });
        if let (Some(members), Value::Object(more)) = (payload.as_object_mut(), more) {
            members.extend(more.into_iter().filter(|(_, value)| !value.is_null()));
            if let Some(suppress) = self.suppress {
                members.insert("suppressNotifyOnExit".into(), suppress.into());
            }
        }
        NodeEvent { name, payload }
    }

    fn finished(&self, result: &RunResult) -> NodeEvent {
        let parts = [result.stdout.as_str(), result.stderr.as_str(), result.error.as_deref().unwrap_or_default()];
        let output = parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("\n");
        let output = tail(output.trim());
        let more = json!({
            "exitCode": result.exit_code, "timedOut": result.timed_out, "success": result.success,
            "output": (!output.is_empty()).then_some(output),
        });
        self.event("exec.finished", more)
    }

    /// 2026.3 knows no code for a denial but `UNAVAILABLE`; the message says it in both (nodes.md §2.5).
    fn denied(&self, denial: Denial) -> NodeFailure {
        let code = if self.dialect == Dialect::V3 { "UNAVAILABLE" } else { "SYSTEM_RUN_DENIED" };
        let event = self.event("exec.denied", json!({"reason": denial.reason}));
        NodeFailure { events: vec![event], ..NodeFailure::new(code, denial.message) }
    }
}

/// The last characters, marked when some were cut.
fn tail(text: &str) -> String {
    let count = text.chars().count();
    if count <= EVENT_OUTPUT_CHARS {
        return text.to_owned();
    }
    format!("... (truncated) {}", text.chars().skip(count - EVENT_OUTPUT_CHARS).collect::<String>())
}

#[cfg(test)]
#[cfg(unix)]
#[path = "tests.rs"]
mod tests;
