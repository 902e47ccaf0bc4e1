//! `openclaw status --json`: the reference's members as far as they exist, with ours beside them (cli.md §2.12).

use serde_json::{Value, json};

use super::command::Picture;
use crate::{context::Context, problem::Problem, version::VERSION};

pub(super) fn of(ctx: &Context, picture: &Picture) -> Result<Value, Problem> {
    let snapshot = ctx.inspected()?;
    let status = picture.answer.as_ref().map_or(&Value::Null, |answer| &answer.status);
    let member = |name: &str, absent: Value| status.get(name).cloned().unwrap_or(absent);
    let target = picture.target.as_ref().ok();
    let gateway = json!({
        "mode": snapshot.config.gateway.mode.unwrap_or(openclaw_config::sections::gateway::GatewayMode::Local),
        "url": target.map(|target| target.endpoint.to_string()),
        "urlSource": target.map(|target| target.source.to_string()),
        "misconfigured": target.is_none(),
        "reachable": picture.answer.is_ok(),
        "connectLatencyMs": picture.answer.as_ref().ok().map(|answer| answer.took_ms),
        "self": picture.answer.as_ref().ok().map(|answer| json!({
            "name": answer.identity.name,
            "instanceId": answer.identity.instance_id,
            "deviceId": answer.identity.device_id,
        })),
        "error": picture.answer.as_ref().err().map(Problem::what),
        "problem": picture.answer.as_ref().err().map(Problem::error_json),
        "authWarning": Value::Null,
    });
    let service = |running: Option<u32>| {
        json!({
            "label": "none",
            "installed": false,
            "managedByOpenClaw": false,
            "externallyManaged": false,
            "loadedText": "not installed",
            "runtimeShort": running.map(|pid| format!("running (pid {pid})")),
        })
    };
    let gateway_pid = crate::here::look(ctx)?.gateway().map(|info| info.pid);
    let node = picture.node.as_ref().filter(|node| node.is_running);
    let node_pid = node.and_then(|node| node.last.as_ref()).map(|last| last.pid);
    let mut document = json!({
        "runtimeVersion": member("runtimeVersion", json!(VERSION)),
        "heartbeat": member("heartbeat", json!({"defaultAgentId": "main", "agents": []})),
        "channelSummary": member("channelSummary", json!([])),
        "queuedSystemEvents": member("queuedSystemEvents", json!([])),
        "sessions": member("sessions", json!({"paths": [], "count": 0, "recent": [], "byAgent": []})),
        "os": {
            "platform": std::env::consts::OS,
            "arch": std::env::consts::ARCH,
            "label": format!("{} ({})", std::env::consts::OS, std::env::consts::ARCH),
        },
        "gateway": gateway,
        "gatewayService": service(gateway_pid),
        "nodeService": service(node_pid),
        "config": {"path": snapshot.path, "exists": snapshot.exists, "valid": snapshot.is_valid()},
        "secretDiagnostics": [],
    });
    if let (Ok(answer), Some(members)) = (&picture.answer, document.as_object_mut()) {
        members.insert("nodes".into(), json!(answer.nodes));
        members.insert("pending".into(), json!(answer.pairs.pending));
        if let Some(health) = &answer.health {
            members.insert("health".into(), health.clone());
        }
    }
    Ok(document)
}
