//! `system.which`: where programs are (nodes.md §2.3).

use std::sync::Arc;

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::blocking;
use crate::{
    capability::{Command, Invocation, NodeFailure, Running},
    exec::machine::Machine,
};

/// So many names are looked up in one call.
const MAX_NAMES: usize = 1_000;

/// The command.
pub struct Which {
    machine: Arc<Machine>,
}

#[derive(Deserialize)]
struct Params {
    bins: Option<Vec<Value>>,
}

impl Which {
    /// For this machine.
    pub fn new(machine: Arc<Machine>) -> Self {
        Self { machine }
    }
}

impl Command for Which {
    fn name(&self) -> &'static str {
        "system.which"
    }

    fn run(&self, mut invocation: Invocation) -> Running<'_> {
        Box::pin(async move {
            let params: Params = invocation.params().map_err(|failure| {
                if failure.message.contains("paramsJSON") { failure } else { NodeFailure::invalid("bins required") }
            })?;
            let names = params.bins.ok_or_else(|| NodeFailure::invalid("bins required"))?;
            if names.len() > MAX_NAMES {
                return Err(NodeFailure::invalid(&format!("at most {MAX_NAMES} bins")));
            }
            let machine = self.machine.clone();
            blocking(move || {
                let names = names.iter().filter_map(Value::as_str).map(str::trim).filter(|name| !name.is_empty());
                let found = names.filter_map(|name| {
                    let path = machine.search.which(name)?;
                    Some((name.to_owned(), Value::String(path.to_str()?.to_owned())))
                });
                Ok(json!({"bins": found.collect::<Map<_, _>>()}).into())
            })
            .await
        })
    }
}
