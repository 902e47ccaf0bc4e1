//! `node.invoke`: from the operator's request to the node's answer, with every way in which it can fail
//! (protocol.md §7.3).

use std::{sync::Arc, time::Duration};

use openclaw_protocol::{
    error::ErrorShape,
    events::node as events,
    id::InvokeId,
    limits::{INVOKE_TIMEOUT_MS, MAX_INVOKE_TIMEOUT_MS},
    methods::node::{InvokeParams, InvokeReply, InvokeResultParams},
    scope::Scope,
    version::Dialect,
};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep_until};
use uuid::Uuid;

use super::{
    dedupe::Fingerprint,
    policy::{self, Blocked, Platform},
    registry::{Finished, Handle, Started},
};
use crate::{
    conn::{outbox::Pushed, session::Session},
    hub::Hub,
    rpc::{ctx::Ctx, error::RpcError},
};

/// Members of `system.run` that pass to a node; approval fields are the gateway's alone (SEC-080). `stream` and `stdin`
/// are ours.
const RUN_PARAMS: [&str; 13] = [
    "command",
    "rawCommand",
    "systemRunPlan",
    "cwd",
    "env",
    "timeoutMs",
    "needsScreenRecording",
    "agentId",
    "sessionKey",
    "runId",
    "suppressNotifyOnExit",
    "stream",
    "stdin",
];

/// Serves `node.invoke` for an operator.
pub(crate) async fn invoke(ctx: &Ctx, params: InvokeParams) -> Result<InvokeReply, RpcError> {
    let (node_id, command) = (params.node_id.trim(), params.command.trim());
    if node_id.is_empty() || command.is_empty() {
        return Err(RpcError::invalid("nodeId and command required"));
    }
    if params.idempotency_key.is_empty() {
        return Err(RpcError::invalid(
            "invalid node.invoke params: at /idempotencyKey: must NOT have fewer than 1 characters",
        ));
    }
    if matches!(command, "system.execApprovals.get" | "system.execApprovals.set") {
        let message = "node.invoke does not allow system.execApprovals.*; use exec.approvals.node.*";
        return Err(RpcError::invalid(message).with_details(json!({"command": command})));
    }
    let handle = Handle {
        principal: ctx.principal(),
        node_id: node_id.to_owned(),
        idempotency_key: params.idempotency_key.clone(),
    };
    let text = params.params.as_ref().map(Value::to_string);
    let request = Fingerprint::of(command, text.as_deref());
    drop(text);
    let Ok(entry) = ctx.hub.dedupe.enter(&handle, request) else {
        return Err(RpcError::invalid("this idempotencyKey was used for another node.invoke; use a new one"));
    };
    let call = Call {
        node_id: node_id.to_owned(),
        command: command.to_owned(),
        params: params.params,
        deadline: deadline(params.timeout_ms, ctx.session.dialect),
        idempotency_key: params.idempotency_key,
        handle: handle.clone(),
    };
    let outcome = entry.run_once(async { run(ctx, call).await.map_err(|e| e.0) }).await;
    if outcome.as_ref().is_err_and(|error| !reached_node(error)) {
        ctx.hub.dedupe.forget(&handle);
    }
    outcome.map_err(RpcError)
}

/// Calls a command of a node in the gateway's own name, beside the operator's allowlist.
pub(crate) async fn call_node(
    hub: &Arc<Hub>,
    node_id: &str,
    command: &str,
    params: Option<Value>,
) -> Result<Value, RpcError> {
    let session = connected(hub, node_id)?;
    let key = Uuid::new_v4().to_string();
    let handle = Handle { principal: "gateway".into(), node_id: node_id.to_owned(), idempotency_key: key.clone() };
    let call = Call {
        node_id: node_id.to_owned(),
        command: command.to_owned(),
        params,
        deadline: Some(Duration::from_millis(INVOKE_TIMEOUT_MS)),
        idempotency_key: key,
        handle,
    };
    let result = exchange(hub, &session, &call, None).await?;
    let (payload, _) = payload_of(result);
    Ok(payload)
}

struct Call {
    node_id: String,
    command: String,
    params: Option<Value>,
    /// None: no deadline (v4 with `timeoutMs: 0`).
    deadline: Option<Duration>,
    idempotency_key: String,
    handle: Handle,
}

async fn run(ctx: &Ctx, mut call: Call) -> Result<InvokeReply, RpcError> {
    let session = connected(&ctx.hub, &call.node_id)?;
    allowed(ctx, &session, &call.command)?;
    if call.command == "system.run" || call.command == "system.run.prepare" {
        call.params = call.params.map(forwardable_run_params).transpose()?;
    }
    let result = exchange(&ctx.hub, &session, &call, Some(ctx)).await?;
    let (payload, payload_json) = payload_of(result);
    Ok(InvokeReply { ok: true, node_id: call.node_id, command: call.command, payload, payload_json })
}

fn connected(hub: &Hub, node_id: &str) -> Result<Arc<Session>, RpcError> {
    hub.nodes.get(node_id).ok_or_else(|| {
        RpcError::unavailable("node not connected").with_details(
            json!({"code": "NOT_CONNECTED", "fix": "openclaw nodes status (then start it there: openclaw node run)"}),
        )
    })
}

/// Policy, declaration and approval, evaluated at the moment of delivery (SEC-081).
fn allowed(ctx: &Ctx, session: &Session, command: &str) -> Result<(), RpcError> {
    let platform = Platform::of(&session.client);
    let refused = |reason: &str, hint: String| {
        let message = format!("node command not allowed: {hint}");
        RpcError::invalid(message).with_details(json!({"reason": reason, "command": command}))
    };
    let settings = ctx.hub.settings();
    match policy::check(platform, command, settings.nodes()) {
        Ok(()) => {}
        Err(Blocked::NotListed) => {
            let hint = format!("\"{command}\" is not in the allowlist for platform \"{}\"", platform.name());
            return Err(refused("command not allowlisted", hint));
        }
        Err(Blocked::Dangerous) => {
            let hint = format!("\"{command}\" requires explicit gateway.nodes.allowCommands opt-in");
            return Err(refused("command not allowlisted", hint));
        }
        Err(Blocked::Denied) => {
            let hint = format!("\"{command}\" is blocked by gateway.nodes.denyCommands");
            return Err(refused("command not allowlisted", hint));
        }
    }
    let declared = session.declared_surface();
    if declared.commands.is_empty() {
        let hint = "the node did not declare any supported commands".to_owned();
        return Err(refused("node did not declare commands", hint));
    }
    if !declared.commands.contains(command) {
        let hint = format!("the node (platform: {}) does not support \"{command}\"", session.client.platform);
        return Err(refused("command not declared by node", hint));
    }
    if !session.effective_surface().commands.contains(command) {
        let hint = "the node's declared command surface is pending approval; run `openclaw nodes pending`, then \
                    `openclaw nodes approve <requestId>`"
            .to_owned();
        let details = json!({"reason": "command pending approval", "command": command, "fix": approval(ctx, session)});
        return Err(refused("", hint).with_details(details));
    }
    Ok(())
}

/// The command that approves what a node declares; with its id for those who may see it.
fn approval(ctx: &Ctx, session: &Session) -> String {
    let device = session.device_id.as_ref().filter(|_| ctx.scopes().covers(Scope::PAIRING));
    let request = device.and_then(|id| ctx.hub.store.request_of(id, ctx.now_ms()).ok().flatten());
    request
        .map_or_else(|| "openclaw nodes pending".to_owned(), |request| format!("openclaw nodes approve {}", request.id))
}

/// Rebuilds the params of `system.run`: what only the gateway may say is dropped, whoever said it (SEC-080).
fn forwardable_run_params(params: Value) -> Result<Value, RpcError> {
    let Value::Object(mut members) = params else {
        return Err(RpcError::invalid("invalid system.run params: must be an object"));
    };
    members.retain(|name, _| RUN_PARAMS.contains(&name.as_str()));
    Ok(Value::Object(members))
}

/// Sends the request and waits for whatever comes first: result, disconnect, deadline.
async fn exchange(
    hub: &Arc<Hub>,
    session: &Arc<Session>,
    call: &Call,
    caller: Option<&Ctx>,
) -> Result<InvokeResultParams, RpcError> {
    let wants_progress =
        caller.is_some_and(|ctx| ctx.session.caps.iter().any(|cap| cap == events::CAP_INVOKE_PROGRESS));
    let id = InvokeId::new(Uuid::new_v4().to_string());
    let Some(mut started) = hub.nodes.start(id, session, call.handle.clone(), wants_progress) else {
        let error = ErrorShape::unavailable("too many node invokes are waiting").retry_after(1_000);
        return Err(RpcError(error));
    };
    let request = events::InvokeRequest {
        id: started.id.to_string(),
        node_id: call.node_id.clone(),
        command: call.command.clone(),
        params_json: call.params.as_ref().filter(|params| !params.is_null()).map(Value::to_string),
        params: None,
        timeout_ms: match call.deadline {
            Some(deadline) => u64::try_from(deadline.as_millis()).ok(),
            // A v3 node takes 0 as "at once", and no member as "take your time".
            None => (session.dialect == Dialect::V4).then_some(0),
        },
        idempotency_key: Some(call.idempotency_key.clone()),
    };
    if session.send_event(&openclaw_protocol::events::node::INVOKE_REQUEST, &request) != Pushed::Queued {
        return Err(node_error("UNAVAILABLE", "failed to send invoke to node"));
    }
    match wait(&mut started, call, caller).await {
        Waited::Finished(Finished::Result(result)) if result.ok => Ok(*result),
        Waited::Finished(Finished::Result(result)) => Err(failed(&result)),
        Waited::Finished(Finished::Disconnected) => {
            Err(node_error("DISCONNECTED", &format!("node disconnected ({})", call.command)))
        }
        Waited::TimedOut => {
            let cancel = events::InvokeCancel { invoke_id: started.id.to_string(), node_id: call.node_id.clone() };
            if session.dialect == Dialect::V4 {
                session.send_event(&events::INVOKE_CANCEL, &cancel);
            }
            Err(node_error("TIMEOUT", "node invoke timed out"))
        }
    }
}

enum Waited {
    Finished(Finished),
    TimedOut,
}

async fn wait(started: &mut Started<'_>, call: &Call, caller: Option<&Ctx>) -> Waited {
    let far = Duration::from_millis(MAX_INVOKE_TIMEOUT_MS);
    let deadline = sleep_until(Instant::now() + call.deadline.unwrap_or(far));
    tokio::pin!(deadline);
    loop {
        let output = async {
            match &mut started.progress {
                Some(progress) => progress.recv().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            Some(chunk) = output => {
                let event = events::InvokeProgress {
                    node_id: chunk.node_id,
                    idempotency_key: call.idempotency_key.clone(),
                    seq: chunk.seq,
                    chunk: chunk.chunk,
                };
                if let Some(ctx) = caller {
                    ctx.session.send_event(&events::INVOKE_PROGRESS, &event);
                }
            }
            finished = &mut started.done => return Waited::Finished(finished.unwrap_or(Finished::Disconnected)),
            () = &mut deadline => return Waited::TimedOut,
        }
    }
}

/// v3 takes 0 as "at once", v4 as "no deadline" (protocol.md §7.3).
fn deadline(timeout_ms: Option<u64>, dialect: Dialect) -> Option<Duration> {
    match timeout_ms {
        Some(0) if dialect == Dialect::V4 => None,
        timeout => Some(Duration::from_millis(timeout.unwrap_or(INVOKE_TIMEOUT_MS).min(MAX_INVOKE_TIMEOUT_MS))),
    }
}

fn node_error(code: &str, message: &str) -> RpcError {
    RpcError::unavailable(format!("{code}: {message}"))
        .with_details(json!({"nodeError": {"code": code, "message": message}}))
}

fn failed(result: &InvokeResultParams) -> RpcError {
    let error = result.error.clone().unwrap_or_default();
    let message = match (&error.code, &error.message) {
        // Denials of system.run begin with their own code in both releases; twice would tell nobody more.
        (Some(code), Some(message)) if message.starts_with(&format!("{code}:")) => message.clone(),
        (Some(code), Some(message)) => format!("{code}: {message}"),
        (None, Some(message)) => message.clone(),
        (Some(code), None) => code.clone(),
        (None, None) => "node invoke failed".to_owned(),
    };
    let details = json!({"nodeError": {
        "code": error.code.as_deref().unwrap_or("UNAVAILABLE"),
        "message": error.message.as_deref().unwrap_or("node invoke failed"),
    }});
    RpcError::unavailable(message).with_details(details)
}

/// Whether an error came from the node or may have: then the key is used up.
fn reached_node(error: &ErrorShape) -> bool {
    error.details.as_ref().is_some_and(|details| details.get("nodeError").is_some())
}

/// The payload parsed and as text, tolerant where the reference is (protocol.md §7.4).
fn payload_of(result: InvokeResultParams) -> (Value, Option<String>) {
    match (result.payload_json, result.payload) {
        (Some(Value::String(text)), _) => {
            let payload = serde_json::from_str(&text).unwrap_or_else(|_| json!({"payloadJSON": text}));
            (payload, Some(text))
        }
        (Some(Value::Null) | None, payload) => (payload.unwrap_or_default(), None),
        (Some(other), _) => (other, None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn result(payload: Option<Value>, payload_json: Option<Value>) -> InvokeResultParams {
        InvokeResultParams { id: "i".into(), node_id: "n".into(), ok: true, payload, payload_json, error: None }
    }

    #[test]
    fn payloads_are_read_in_every_form_that_nodes_send() {
        let check = |payload, payload_json, expected: (Value, Option<&str>)| {
            let (value, text) = payload_of(result(payload, payload_json));
            assert_eq!((value, text.as_deref()), expected);
        };
        check(None, Some(json!("{\"a\":1}")), (json!({"a": 1}), Some("{\"a\":1}")));
        check(None, Some(json!("broken")), (json!({"payloadJSON": "broken"}), Some("broken")));
        check(Some(json!(7)), Some(Value::Null), (json!(7), None));
        check(None, Some(json!({"b": 2})), (json!({"b": 2}), None));
        check(None, None, (Value::Null, None));
    }

    #[test]
    fn sec_080_a_caller_cannot_mark_its_own_run_as_approved() {
        let forged = json!({
            "command": ["id"], "approved": true, "approvalDecision": "allow-always", "approvalId": "x", "cwd": "/tmp",
        });
        assert_eq!(forwardable_run_params(forged).unwrap(), json!({"command": ["id"], "cwd": "/tmp"}));
    }

    #[test]
    fn zero_means_at_once_in_v3_and_never_in_v4() {
        assert_eq!(deadline(Some(0), Dialect::V3), Some(Duration::ZERO));
        assert_eq!(deadline(Some(0), Dialect::V4), None);
        assert_eq!(deadline(None, Dialect::V4), Some(Duration::from_secs(30)));
    }
}
