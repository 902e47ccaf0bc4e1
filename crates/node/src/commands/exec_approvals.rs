//! `system.execApprovals.get` and `.set`: the owner's policy, for the gateway's administrators (nodes.md §2.9).

use std::sync::{Arc, Mutex, PoisonError};

use serde::Deserialize;
use serde_json::Value;

use super::blocking;
use crate::{
    capability::{Answer, Command, Invocation, NodeFailure, Running},
    exec::{
        machine::Machine,
        policy::{Document, Policy, PolicyError, Snapshot},
    },
};

/// Both commands change one file, one after the other.
#[derive(Clone)]
pub(super) struct Approvals {
    machine: Arc<Machine>,
    turn: Arc<Mutex<()>>,
}

impl Approvals {
    pub(super) fn new(machine: Arc<Machine>) -> Self {
        Self { machine, turn: Arc::default() }
    }

    async fn in_turn(
        &self,
        work: impl FnOnce(&mut Policy, &Machine) -> Result<Snapshot, NodeFailure> + Send + 'static,
    ) -> Result<Answer, NodeFailure> {
        let Self { machine, turn } = self.clone();
        blocking(move || {
            let _turn = turn.lock().unwrap_or_else(PoisonError::into_inner);
            let mut policy = Policy::load(&machine.policy_path).map_err(|error| failed(&error))?;
            let snapshot = work(&mut policy, &machine)?;
            let payload =
                serde_json::to_value(snapshot).map_err(|error| NodeFailure::unavailable(error.to_string()))?;
            Ok(payload.into())
        })
        .await
    }
}

fn failed(error: &PolicyError) -> NodeFailure {
    NodeFailure::unavailable(error.to_string())
}

/// `system.execApprovals.get`.
pub struct GetApprovals(Approvals);

impl GetApprovals {
    pub(super) fn new(approvals: Approvals) -> Self {
        Self(approvals)
    }
}

impl Command for GetApprovals {
    fn name(&self) -> &'static str {
        "system.execApprovals.get"
    }

    fn run(&self, _invocation: Invocation) -> Running<'_> {
        Box::pin(self.0.in_turn(|policy, machine| policy.snapshot(&machine.home).map_err(|error| failed(&error))))
    }
}

/// `system.execApprovals.set`.
pub struct SetApprovals(Approvals);

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct SetParams {
    file: Option<Value>,
    base_hash: Option<String>,
}

impl SetApprovals {
    pub(super) fn new(approvals: Approvals) -> Self {
        Self(approvals)
    }
}

impl Command for SetApprovals {
    fn name(&self) -> &'static str {
        "system.execApprovals.set"
    }

    fn run(&self, mut invocation: Invocation) -> Running<'_> {
        Box::pin(async move {
            let params: SetParams = invocation.params()?;
            let file = params.file.filter(Value::is_object);
            let file = file.ok_or_else(|| NodeFailure::invalid("exec approvals file required"))?;
            let document = Document::parse(&file.to_string())
                .map_err(|problem| NodeFailure::invalid(&format!("exec approvals file: {problem}")))?;
            let base = params.base_hash.filter(|hash| !hash.trim().is_empty());
            let base =
                base.ok_or_else(|| NodeFailure::invalid("exec approvals base hash required; reload and retry"))?;
            let set = move |policy: &mut Policy, machine: &Machine| {
                if base.trim() != policy.hash() {
                    return Err(NodeFailure::invalid("exec approvals changed; reload and retry"));
                }
                // A file that cannot be read is the owner's to repair: replacing it could loosen what it said.
                policy.document().map_err(|error| failed(&error))?;
                policy.replace(document);
                policy.save(&machine.home).map_err(|error| failed(&error))?;
                policy.snapshot(&machine.home).map_err(|error| failed(&error))
            };
            self.0.in_turn(set).await
        })
    }
}

#[cfg(test)]
mod tests {
    use openclaw_protocol::version::Dialect;
    use serde_json::json;

    use super::*;

    fn machine() -> (tempfile::TempDir, Approvals) {
        let home = tempfile::tempdir().unwrap();
        std::fs::create_dir(home.path().join(".openclaw")).unwrap();
        let path = home.path().join(".openclaw/exec-approvals.json");
        let machine = Arc::new(Machine::new(Vec::new(), home.path(), &path, None));
        (home, Approvals::new(machine))
    }

    async fn get(approvals: &Approvals) -> Value {
        GetApprovals::new(approvals.clone()).run(Invocation::new(None, Dialect::V4)).await.unwrap().payload
    }

    async fn set(approvals: &Approvals, params: Value) -> Result<Value, String> {
        let command = SetApprovals::new(approvals.clone());
        let answer = command.run(Invocation::new(Some(params), Dialect::V4)).await;
        answer.map(|answer| answer.payload).map_err(|failure| format!("{}|{}", failure.code, failure.message))
    }

    #[tokio::test]
    async fn a_policy_is_read_changed_and_read_again() {
        let (_home, approvals) = machine();
        let before = get(&approvals).await;
        assert_eq!(before["exists"], true);
        let file = json!({"version": 1, "defaults": {"security": "full"}});
        let after = set(&approvals, json!({"file": file, "baseHash": before["hash"]})).await.unwrap();
        assert_eq!(after["file"]["defaults"]["security"], "full");
        assert_ne!(after["hash"], before["hash"]);
        assert_eq!(get(&approvals).await, after);
    }

    #[tokio::test]
    async fn sec_086_setting_the_policy_needs_the_hash_of_what_is_replaced() {
        let (_home, approvals) = machine();
        let before = get(&approvals).await;
        let file = json!({"version": 1, "defaults": {"security": "full"}});
        let expect = |problem: &str| format!("INVALID_REQUEST|Error: INVALID_REQUEST: exec approvals {problem}");
        assert_eq!(set(&approvals, json!({})).await.unwrap_err(), expect("file required"));
        assert_eq!(set(&approvals, json!({"file": 7, "baseHash": "x"})).await.unwrap_err(), expect("file required"));
        let missing = set(&approvals, json!({"file": file})).await.unwrap_err();
        assert_eq!(missing, expect("base hash required; reload and retry"));
        let stale = set(&approvals, json!({"file": file, "baseHash": "00"})).await.unwrap_err();
        assert_eq!(stale, expect("changed; reload and retry"));
        let bad = json!({"file": {"version": 1, "defaults": {"security": "maybe"}}, "baseHash": before["hash"]});
        assert!(set(&approvals, bad).await.unwrap_err().starts_with(&expect("file: ")));
        assert_eq!(get(&approvals).await, before);
    }

    #[tokio::test]
    async fn sec_086_the_companions_socket_cannot_be_set_from_outside() {
        let (home, approvals) = machine();
        let before = get(&approvals).await;
        let path = home.path().join(".openclaw/exec-approvals.json");
        let token = |text: String| serde_json::from_str::<Value>(&text).unwrap()["socket"]["token"].clone();
        let original = token(std::fs::read_to_string(&path).unwrap());
        let file = json!({"version": 1, "socket": {"path": "/tmp/evil", "token": "evil"}});
        let after = set(&approvals, json!({"file": file, "baseHash": before["hash"]})).await.unwrap();
        assert_eq!(after["file"]["socket"], before["file"]["socket"]);
        assert_eq!(token(std::fs::read_to_string(&path).unwrap()), original);
    }
}
