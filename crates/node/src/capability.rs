//! What a node can do for its gateway. A capability is one file in [`crate::commands`]: what it is called, what it takes,
//! what it answers, and whether it works on this machine.

use std::{collections::BTreeMap, future::Future, pin::Pin, sync::Arc, time::Duration};

use openclaw_protocol::version::Dialect;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::{sync::mpsc, time::Instant};
use tokio_util::sync::CancellationToken;

use crate::exec::output::Stream;

/// One call of a command.
#[derive(Debug)]
pub struct Invocation {
    /// What the caller sent; `None` when it sent nothing.
    pub params: Option<Value>,
    /// The dialect of the connection; failures are coded by it.
    pub dialect: Dialect,
    /// When the gateway stops waiting.
    pub answer_by: Option<Instant>,
    /// Cancelled when nobody waits for the answer any more.
    pub cancelled: CancellationToken,
    /// Input that the caller sends while the command runs.
    pub input: Option<mpsc::Receiver<Vec<u8>>>,
    /// Takes output while the command runs; only on connections that can carry it (v4).
    pub output: Option<mpsc::Sender<(Stream, Vec<u8>)>>,
}

impl Invocation {
    /// A call without input and output streams, that nobody cancels.
    pub fn new(params: Option<Value>, dialect: Dialect) -> Self {
        Self { params, dialect, answer_by: None, cancelled: CancellationToken::new(), input: None, output: None }
    }

    /// The params of a command that needs some.
    ///
    /// # Errors
    /// `INVALID_REQUEST` in the words of the reference.
    pub fn params<T: DeserializeOwned>(&mut self) -> Result<T, NodeFailure> {
        let params = self.params.take().filter(|params| !params.is_null());
        let params = params.ok_or_else(|| NodeFailure::invalid("paramsJSON required"))?;
        serde_json::from_value(params).map_err(|error| NodeFailure::invalid(&error.to_string()))
    }

    /// How long until the gateway stops waiting.
    pub fn time_left(&self) -> Option<Duration> {
        self.answer_by.map(|by| by.saturating_duration_since(Instant::now()))
    }
}

/// What a command answers.
#[derive(Clone, Debug, Default)]
pub struct Answer {
    /// The payload.
    pub payload: Value,
    /// Told to the gateway after the answer.
    pub events: Vec<NodeEvent>,
}

impl From<Value> for Answer {
    fn from(payload: Value) -> Self {
        Self { payload, events: Vec::new() }
    }
}

/// Why a command has no answer.
#[derive(Clone, Debug, Default, PartialEq, thiserror::Error)]
#[error("{message}")]
pub struct NodeFailure {
    /// `INVALID_REQUEST`, `UNAVAILABLE`, `SYSTEM_RUN_DENIED` …
    pub code: String,
    /// For people.
    pub message: String,
    /// Told to the gateway after the failure.
    pub events: Vec<NodeEvent>,
}

impl NodeFailure {
    /// A failure with its code.
    pub fn new(code: &str, message: impl Into<String>) -> Self {
        Self { code: code.to_owned(), message: message.into(), events: Vec::new() }
    }

    /// Params that cannot be used, worded as the reference's (nodes.md §2.2).
    pub fn invalid(problem: &str) -> Self {
        Self::new("INVALID_REQUEST", format!("Error: INVALID_REQUEST: {problem}"))
    }

    /// It does not work now.
    pub fn unavailable(message: impl Into<String>) -> Self {
        Self::new("UNAVAILABLE", message)
    }
}

/// Something that happened on the node (`node.event`).
#[derive(Clone, Debug, PartialEq)]
pub struct NodeEvent {
    /// Its name, such as `exec.finished`.
    pub name: &'static str,
    /// Its content.
    pub payload: Value,
}

/// The future of a command.
pub type Running<'a> = Pin<Box<dyn Future<Output = Result<Answer, NodeFailure>> + Send + 'a>>;

/// A command that a node offers.
pub trait Command: Send + Sync {
    /// The wire name.
    fn name(&self) -> &'static str;

    /// The capability that it belongs to, such as `system`.
    fn capability(&self) -> &'static str {
        "system"
    }

    /// Why it does not work on this machine; `None` when it does.
    fn missing(&self) -> Option<String> {
        None
    }

    /// Runs it.
    fn run(&self, invocation: Invocation) -> Running<'_>;
}

/// The commands of a node host.
#[derive(Clone, Default)]
pub struct Registry {
    offered: BTreeMap<&'static str, Arc<dyn Command>>,
    missing: BTreeMap<&'static str, String>,
}

impl Registry {
    /// Sorts commands into those that work here and those that do not.
    pub fn new(commands: impl IntoIterator<Item = Arc<dyn Command>>) -> Self {
        let mut registry = Self::default();
        for command in commands {
            match command.missing() {
                Some(why) => drop(registry.missing.insert(command.name(), why)),
                None => drop(registry.offered.insert(command.name(), command)),
            }
        }
        registry
    }

    /// Leaves only the named commands (`node run --commands`); says which names are none of ours.
    pub fn only(&mut self, names: &[String]) -> Vec<String> {
        let is_wanted = |name: &str| names.iter().any(|wanted| wanted == name);
        let unknown = names.iter().filter(|name| !self.offered.contains_key(name.as_str())).cloned().collect();
        for (name, _) in self.offered.extract_if(.., |name, _| !is_wanted(name)) {
            self.missing.insert(name, "not among --commands".to_owned());
        }
        unknown
    }

    /// The command of that name.
    pub fn find(&self, name: &str) -> Option<Arc<dyn Command>> {
        self.offered.get(name).cloned()
    }

    /// Names of the commands that work here, sorted.
    pub fn commands(&self) -> Vec<String> {
        self.offered.keys().map(|name| (*name).to_owned()).collect()
    }

    /// The capabilities that they make up, sorted.
    pub fn capabilities(&self) -> Vec<String> {
        let mut names: Vec<String> = self.offered.values().map(|command| command.capability().to_owned()).collect();
        names.sort();
        names.dedup();
        names
    }

    /// Commands that do not work here, and why.
    pub fn missing(&self) -> impl Iterator<Item = (&str, &str)> {
        self.missing.iter().map(|(name, why)| (*name, why.as_str()))
    }
}

impl std::fmt::Debug for Registry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Registry").field("offered", &self.commands()).field("missing", &self.missing).finish()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    struct Sample(&'static str, Option<&'static str>);

    impl Command for Sample {
        fn name(&self) -> &'static str {
            self.0
        }

        fn missing(&self) -> Option<String> {
            self.1.map(str::to_owned)
        }

        fn run(&self, _invocation: Invocation) -> Running<'_> {
            Box::pin(async { Ok(Value::Null.into()) })
        }
    }

    fn registry() -> Registry {
        let samples = [Sample("b", None), Sample("a", None), Sample("c", Some("no camera"))];
        Registry::new(samples.map(|sample| Arc::new(sample) as Arc<dyn Command>))
    }

    #[test]
    fn what_works_is_offered_in_order_and_what_does_not_says_why() {
        let registry = registry();
        assert_eq!(registry.commands(), ["a", "b"]);
        assert_eq!(registry.capabilities(), ["system"]);
        assert_eq!(registry.missing().collect::<Vec<_>>(), [("c", "no camera")]);
        assert!(registry.find("c").is_none());
    }

    #[test]
    fn a_list_of_commands_leaves_only_those() {
        let mut registry = registry();
        assert_eq!(registry.only(&["b".into(), "x".into()]), ["x"]);
        assert_eq!(registry.commands(), ["b"]);
    }

    #[test]
    fn bad_params_are_refused_in_the_words_of_the_reference() {
        let mut none = Invocation::new(Some(Value::Null), Dialect::V3);
        let failure = none.params::<Vec<u8>>().unwrap_err();
        assert_eq!(failure, NodeFailure::new("INVALID_REQUEST", "Error: INVALID_REQUEST: paramsJSON required"));
        let mut wrong = Invocation::new(Some(json!({"a": 1})), Dialect::V3);
        assert!(wrong.params::<Vec<u8>>().unwrap_err().message.starts_with("Error: INVALID_REQUEST: "));
    }
}
