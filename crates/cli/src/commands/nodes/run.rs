//! `openclaw nodes run`: runs a program on a node, shows its output as it comes, and ends with its exit code.

use std::{collections::BTreeMap, future::Future, time::Duration};

use clap::Args;
use openclaw_client::{CallError, EventStream};
use openclaw_protocol::{
    events::node::{CAP_INVOKE_PROGRESS, INVOKE_PROGRESS, InvokeProgress},
    methods::node::{Invoke, InvokeCancel, InvokeCancelParams, InvokeParams, InvokeReply, NodeSummary},
};
use serde::Deserialize;
use serde_json::{Map, json};

use super::{command::known, invoke::GATEWAY_MARGIN};
use crate::{
    connect::{Link, Wish, connect_for},
    context::Context,
    exit::Exit,
    explain,
    human::clean,
    node_choice::{choose, label},
    problem::{Outcome, Problem},
    target::GatewayArgs,
};

/// Run a program on a node.
#[derive(Args, Debug)]
pub(crate) struct Run {
    /// Node id, name, address, or the start of the id; else tools.exec.node, else the only connected node
    #[arg(long, value_name = "NODE")]
    node: Option<String>,
    /// Working folder on the node
    #[arg(long, value_name = "PATH")]
    cwd: Option<String>,
    /// Environment variable NAME=VALUE for the program. Repeatable
    #[arg(long, value_name = "K=V", value_parser = variable)]
    env: Vec<(String, String)>,
    /// A command line for the node's shell, in place of a program and its arguments
    #[arg(long, value_name = "COMMAND", conflicts_with = "command")]
    raw: Option<String>,
    /// The agent in whose name it runs
    #[arg(long, value_name = "ID")]
    agent: Option<String>,
    /// Accepted, as in the reference: the node's own policy decides, and nothing that is sent loosens it
    #[arg(long, value_name = "WHEN")]
    ask: Option<String>,
    /// Accepted, as in the reference: the node's own policy decides
    #[arg(long, value_name = "MODE")]
    security: Option<String>,
    /// How long the program may take, in milliseconds
    #[arg(long, value_name = "MS")]
    command_timeout: Option<u64>,
    /// It needs to see the screen
    #[arg(long)]
    needs_screen_recording: bool,
    /// How long the gateway waits for the node, in milliseconds
    #[arg(long, value_name = "MS", default_value_t = 30_000)]
    invoke_timeout: u64,
    /// The program and its arguments
    #[arg(
        value_name = "COMMAND",
        trailing_var_arg = true,
        allow_hyphen_values = true,
        required_unless_present = "raw"
    )]
    command: Vec<String>,
    #[command(flatten)]
    gateway: GatewayArgs,
}

fn variable(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.trim().is_empty() => Ok((name.trim().to_owned(), value.to_owned())),
        _ => Err("use NAME=VALUE".to_owned()),
    }
}

/// The exit code of shells for a program that was ended by Ctrl-C.
const INTERRUPTED: u8 = 130;
/// The exit code of `timeout(1)`.
const TIMED_OUT: u8 = 124;
/// How long a node may take to end what was interrupted.
const CANCEL_WAIT: Duration = Duration::from_secs(5);

/// `system.run`'s result (nodes.md §2.5).
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Finished {
    exit_code: Option<i64>,
    timed_out: bool,
    success: bool,
    stdout: String,
    stderr: String,
    error: Option<String>,
}

pub(super) fn run(ctx: &Context, args: &Run) -> Outcome {
    crate::context::block_on(async {
        let wish = Wish { caps: if ctx.ui.is_json() { &[] } else { &[CAP_INVOKE_PROGRESS] } };
        let mut link = connect_for(ctx, &args.gateway, wish).await?;
        let nodes = known(ctx, &link).await?;
        let configured = ctx.inspected()?.config.tools.exec.node.clone();
        let wanted = args.node.clone().or(configured);
        let node = choose(&nodes, wanted.as_deref())?;
        if wanted.is_none() {
            ctx.ui.note(format!("Node: {}", clean(label(node))));
        }
        let params = invoke_params(ctx, args, node);
        let exit = invoke(ctx, args, &mut link, params).await?;
        link.close().await;
        Ok(exit)
    })
}

fn invoke_params(ctx: &Context, args: &Run, node: &NodeSummary) -> InvokeParams {
    let mut params = Map::new();
    let program = match &args.raw {
        Some(raw) => shell(node, raw),
        None => args.command.clone(),
    };
    params.insert("command".into(), json!(program));
    if let Some(raw) = &args.raw {
        params.insert("rawCommand".into(), json!(raw));
    }
    if let Some(cwd) = &args.cwd {
        params.insert("cwd".into(), json!(cwd));
    }
    if !args.env.is_empty() {
        params.insert("env".into(), json!(args.env.iter().cloned().collect::<BTreeMap<_, _>>()));
    }
    if let Some(timeout) = args.command_timeout {
        params.insert("timeoutMs".into(), json!(timeout));
    }
    if let Some(agent) = &args.agent {
        params.insert("agentId".into(), json!(agent));
    }
    if args.needs_screen_recording {
        params.insert("needsScreenRecording".into(), json!(true));
    }
    if !ctx.ui.is_json() {
        params.insert("stream".into(), json!(true));
    }
    // A program that may take longer than the gateway waits would run on unseen.
    let timeout_ms = args.command_timeout.map_or(args.invoke_timeout, |command| {
        args.invoke_timeout.max(command.saturating_add(u64::try_from(GATEWAY_MARGIN.as_millis()).unwrap_or_default()))
    });
    InvokeParams {
        node_id: node.node_id.clone(),
        command: "system.run".into(),
        params: Some(params.into()),
        timeout_ms: Some(timeout_ms),
        idempotency_key: uuid::Uuid::new_v4().to_string(),
        session_key: None,
        turn_source_channel: None,
        turn_source_to: None,
        turn_source_account_id: None,
        turn_source_thread_id: None,
    }
}

/// A command line as its shell takes it (nodes.md §2.5).
fn shell(node: &NodeSummary, raw: &str) -> Vec<String> {
    let words: &[&str] = match node.platform.as_deref() {
        Some(platform) if platform.to_ascii_lowercase().starts_with("win") => &["cmd.exe", "/d", "/s", "/c"],
        _ => &["/bin/sh", "-lc"],
    };
    words.iter().map(|word| (*word).to_owned()).chain([raw.to_owned()]).collect()
}

async fn invoke(ctx: &Context, args: &Run, link: &mut Link, params: InvokeParams) -> Outcome {
    let within = Duration::from_millis(params.timeout_ms.unwrap_or_default()).saturating_add(GATEWAY_MARGIN);
    let key = params.idempotency_key.clone();
    let cancel = InvokeCancelParams { node_id: params.node_id.clone(), idempotency_key: key.clone() };
    let connection = link.session.connection.clone();
    let call = connection.call_within::<Invoke>(params, within);
    let mut shown = Shown::default();
    let interrupted = async { tokio::signal::ctrl_c().await.is_ok() };
    tokio::pin!(call, interrupted);
    let answer = tokio::select! {
        answer = follow(ctx, &mut link.session.events, &key, &mut shown, call.as_mut()) => answer,
        true = &mut interrupted => {
            link.call::<InvokeCancel>(ctx, cancel).await?;
            // What it wrote until its end is still worth seeing; its result is not.
            let rest = follow(ctx, &mut link.session.events, &key, &mut shown, call.as_mut());
            drop(tokio::time::timeout(CANCEL_WAIT, rest).await);
            return Ok(Exit::Remote(INTERRUPTED));
        }
    };
    let reply = answer.map_err(|error| explain::call(ctx, &link.target, &error))?;
    finish(ctx, args, &reply, &shown)
}

/// What was shown while the program ran.
#[derive(Debug, Default)]
struct Shown {
    chunks: u64,
    lost: bool,
}

/// Shows output as it comes, until the call has its answer.
async fn follow(
    ctx: &Context,
    events: &mut EventStream,
    key: &str,
    shown: &mut Shown,
    mut call: impl Future<Output = Result<InvokeReply, CallError>> + Unpin,
) -> Result<InvokeReply, CallError> {
    loop {
        tokio::select! {
            biased;
            // First what came before the answer.
            Some(event) = events.next() => {
                if event.event == INVOKE_PROGRESS.name
                    && let Ok(progress) = serde_json::from_value::<InvokeProgress>(event.payload)
                    && progress.idempotency_key == key
                {
                    show_chunk(ctx, &progress, shown);
                }
            }
            answer = &mut call => return answer,
        }
    }
}

/// One piece of output: `{"stream":"stdout"|"stderr","text":…}`; anything else is shown as it is.
fn show_chunk(ctx: &Context, progress: &InvokeProgress, shown: &mut Shown) {
    #[derive(Deserialize)]
    struct Chunk {
        stream: String,
        text: String,
    }
    shown.lost |= progress.seq != shown.chunks;
    shown.chunks = progress.seq.saturating_add(1);
    match serde_json::from_str::<Chunk>(&progress.chunk) {
        Ok(chunk) if chunk.stream == "stderr" => ctx.ui.write_error(chunk.text.as_bytes()),
        Ok(chunk) => ctx.ui.write(chunk.text.as_bytes()),
        Err(_) => ctx.ui.write(progress.chunk.as_bytes()),
    }
}

fn finish(ctx: &Context, args: &Run, reply: &InvokeReply, shown: &Shown) -> Outcome {
    if ctx.ui.is_json() {
        ctx.ui.json(reply);
    }
    let finished: Finished = serde_json::from_value(reply.payload.clone())
        .map_err(|error| Problem::new("the node's answer is not understood").why(error.to_string()))?;
    if !ctx.ui.is_json() {
        if shown.chunks == 0 {
            ctx.ui.write(finished.stdout.as_bytes());
            ctx.ui.write_error(finished.stderr.as_bytes());
        } else if shown.lost {
            ctx.ui.note("(some output was lost on the way)");
        }
    }
    if finished.timed_out {
        ctx.ui.note("run timed out");
        return Ok(Exit::Remote(TIMED_OUT));
    }
    if let Some(error) = finished.error.as_deref().filter(|error| !error.is_empty()) {
        let what = args.command.first().or(args.raw.as_ref()).map(|word| clean(word)).unwrap_or_default();
        return Err(Problem::new(format!("the node could not run {what}")).why(clean(error)));
    }
    match finished.exit_code {
        Some(0) => Ok(Exit::Success),
        Some(code) => {
            ctx.ui.note(format!("run exit {code}"));
            Ok(Exit::Remote(u8::try_from(code & 0xff).unwrap_or(1).max(1)))
        }
        None if finished.success => Ok(Exit::Success),
        None => Ok(Exit::Failure),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    fn on(platform: &str) -> NodeSummary {
        NodeSummary { platform: Some(platform.to_owned()), ..NodeSummary::default() }
    }

    #[test]
    fn a_raw_command_goes_to_the_shell_of_its_platform() {
        assert_eq!(shell(&on("linux"), "echo hi"), ["/bin/sh", "-lc", "echo hi"]);
        assert_eq!(shell(&on("Windows"), "dir"), ["cmd.exe", "/d", "/s", "/c", "dir"]);
    }

    #[test]
    fn a_variable_needs_a_name() {
        assert_eq!(variable("A=b=c"), Ok(("A".into(), "b=c".into())));
        assert!(variable("=x").is_err() && variable("A").is_err());
    }

    #[test]
    fn a_result_of_any_release_is_read() {
        let of = |value: Value| serde_json::from_value::<Finished>(value).unwrap();
        assert_eq!(of(json!({"exitCode": 3, "success": false, "stdout": "x"})).exit_code, Some(3));
        assert!(of(json!({"timedOut": true, "error": null})).timed_out);
    }
}
