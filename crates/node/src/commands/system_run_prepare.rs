//! `system.run.prepare`: what exactly a command would run (nodes.md §2.4).

use std::{path::Path, sync::Arc};

use openclaw_protocol::version::Dialect;
use serde::Deserialize;
use serde_json::json;

use super::blocking;
use crate::{
    capability::{Command, Invocation, NodeFailure, Running},
    exec::{
        machine::Machine,
        plan::{self, CommandLine, PlanError},
        policy::{MAIN_AGENT, Policy},
    },
};

/// The command.
pub struct Prepare {
    machine: Arc<Machine>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Params {
    #[serde(default)]
    command: Vec<String>,
    raw_command: Option<String>,
    cwd: Option<String>,
    agent_id: Option<String>,
    session_key: Option<String>,
}

impl Prepare {
    /// For this machine.
    pub fn new(machine: Arc<Machine>) -> Self {
        Self { machine }
    }
}

pub(super) fn refused(error: &PlanError) -> NodeFailure {
    NodeFailure::new("INVALID_REQUEST", error.to_string())
}

impl Command for Prepare {
    fn name(&self) -> &'static str {
        "system.run.prepare"
    }

    fn run(&self, mut invocation: Invocation) -> Running<'_> {
        Box::pin(async move {
            let params: Params = invocation.params()?;
            let line = CommandLine::check(params.command, params.raw_command.as_deref()).map_err(|e| refused(&e))?;
            let (machine, dialect) = (self.machine.clone(), invocation.dialect);
            blocking(move || {
                let cwd = params.cwd.as_deref().map(str::trim).filter(|cwd| !cwd.is_empty()).map(Path::new);
                let mut plan = plan::prepare(&line, cwd, &machine).map_err(|error| refused(&error))?;
                plan.agent_id = params.agent_id;
                plan.session_key = params.session_key;
                let agent = plan.agent_id.clone().unwrap_or_else(|| MAIN_AGENT.to_owned());
                let mut answer = json!({ "plan": plan });
                if dialect == Dialect::V4
                    && let Ok(policy) = Policy::load(&machine.policy_path)
                    && let Ok((security, ask)) = policy.in_effect(&agent)
                    && let Some(members) = answer.as_object_mut()
                {
                    members.insert("execPolicy".into(), json!({"security": security, "ask": ask}));
                }
                Ok(answer.into())
            })
            .await
        })
    }
}
