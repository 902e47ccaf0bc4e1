//! `exec.*`: the exec policy files of nodes (nodes.md §2.9), relayed to the node.

use openclaw_protocol::{methods::exec, scope::Scope};
use serde_json::{Value, json};

use super::{
    ctx::Ctx,
    error::RpcError,
    registry::{Access, Answer, Registry},
};
use crate::nodes::invoke::call_node;

/// What may run on somebody's machine is for administrators to see and to change.
const ADMIN: Access = Access::Scope(Scope::ADMIN);

pub(super) fn register(r: &mut Registry) {
    r.on::<exec::ApprovalsNodeGet>(ADMIN, node_get);
    r.on::<exec::ApprovalsNodeSet>(ADMIN, node_set);
}

async fn node_get(ctx: Ctx, p: exec::ApprovalsNodeGetParams) -> Answer<exec::ApprovalsNodeGet> {
    let node = node_id(&p.node_id)?;
    call_node(&ctx.hub, node, "system.execApprovals.get", Some(json!({}))).await
}

async fn node_set(ctx: Ctx, p: exec::ApprovalsNodeSetParams) -> Answer<exec::ApprovalsNodeSet> {
    let node = node_id(&p.node_id)?;
    if !p.file.is_object() {
        return Err(RpcError::invalid("invalid exec.approvals.node.set params: at /file: must be object"));
    }
    let mut params = json!({"file": p.file});
    if let (Some(hash), Some(members)) = (p.base_hash, params.as_object_mut()) {
        members.insert("baseHash".to_owned(), Value::from(hash));
    }
    tracing::info!("{} replaces the exec policy of node {}", ctx.principal(), crate::text::for_log(node));
    call_node(&ctx.hub, node, "system.execApprovals.set", Some(params)).await
}

fn node_id(text: &str) -> Result<&str, RpcError> {
    let id = text.trim();
    if id.is_empty() { Err(RpcError::invalid("nodeId required")) } else { Ok(id) }
}
