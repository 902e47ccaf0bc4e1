//! `openclaw nodes invoke`.

use std::time::Duration;

use clap::Args;
use openclaw_protocol::methods::node::{Invoke as NodeInvoke, InvokeParams};
use serde_json::Value;

use super::command::known;
use crate::{
    connect::connect,
    context::Context,
    exit::Exit,
    explain,
    human::clean,
    node_choice::{choose, label},
    problem::{Outcome, Problem},
    target::GatewayArgs,
};

/// Call a command of a node.
#[derive(Args, Debug)]
pub(crate) struct Invoke {
    /// Node id, name, address, or the start of the id; not needed while one node is connected
    #[arg(long, value_name = "NODE")]
    node: Option<String>,
    /// The command, such as system.which
    #[arg(long, value_name = "COMMAND")]
    command: String,
    /// Its params as JSON
    #[arg(long, value_name = "JSON", default_value = "{}")]
    params: String,
    /// How long the node may take, in milliseconds
    #[arg(long = "invoke-timeout", value_name = "MS", default_value_t = 15_000)]
    node_timeout: u64,
    /// The same key again is the same call
    #[arg(long, value_name = "KEY")]
    idempotency_key: Option<String>,
    #[command(flatten)]
    gateway: GatewayArgs,
}

/// What the gateway needs beside the node's time.
pub(super) const GATEWAY_MARGIN: Duration = Duration::from_secs(5);

pub(super) fn run(ctx: &Context, args: &Invoke) -> Outcome {
    let params: Value = serde_json::from_str(&args.params)
        .map_err(|error| Problem::new("--params must be valid JSON.").why(error.to_string()))?;
    let reply = crate::context::block_on(async {
        let link = connect(ctx, &args.gateway).await?;
        let nodes = known(ctx, &link).await?;
        let node = choose(&nodes, args.node.as_deref())?;
        if args.node.is_none() {
            ctx.ui.note(format!("Node: {}", clean(label(node))));
        }
        let params = InvokeParams {
            node_id: node.node_id.clone(),
            command: args.command.clone(),
            params: Some(params),
            timeout_ms: Some(args.node_timeout),
            idempotency_key: args.idempotency_key.clone().unwrap_or_else(|| uuid::Uuid::new_v4().to_string()),
            session_key: None,
            turn_source_channel: None,
            turn_source_to: None,
            turn_source_account_id: None,
            turn_source_thread_id: None,
        };
        let within = Duration::from_millis(args.node_timeout).saturating_add(GATEWAY_MARGIN);
        let called = link.session.connection.call_within::<NodeInvoke>(params, within).await;
        let reply = called.map_err(|error| explain::call(ctx, &link.target, &error))?;
        link.close().await;
        Ok(reply)
    })?;
    // Always JSON, as in the reference.
    ctx.ui.json(&reply);
    Ok(Exit::Success)
}
