//! One effect per idempotency key (REL-033): a repeated invoke of the same caller joins the running one or gets the
//! answer of the finished one; the same key with other params is an error.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex, PoisonError},
    time::Instant,
};

use openclaw_protocol::{
    error::ErrorShape,
    limits::{DEDUPE_ENTRIES, DEDUPE_TTL},
    methods::node::InvokeReply,
};
use ring::digest;
use tokio::sync::OnceCell;

use super::registry::Handle;

/// Answers up to this size are remembered; of larger ones only that they were given.
const MAX_REMEMBERED_BYTES: usize = 64 << 10;

/// What an invoke came to.
pub(crate) type Outcome = Result<InvokeReply, ErrorShape>;

/// Remembered invokes.
#[derive(Default)]
pub(crate) struct Dedupe(Mutex<State>);

#[derive(Default)]
struct State {
    entries: HashMap<Handle, Arc<Entry>>,
    /// In the order of their start, for expiry.
    order: VecDeque<Handle>,
}

/// One remembered invoke.
pub(crate) struct Entry {
    started: Instant,
    /// Of the command and its params, to notice another use of the key. The params themselves may be large.
    request: Fingerprint,
    outcome: OnceCell<Remembered>,
}

#[derive(Clone)]
enum Remembered {
    Outcome(Box<Outcome>),
    TooLarge,
}

/// What tells one request from another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Fingerprint([u8; 32]);

impl Fingerprint {
    /// Of a command and its params as text.
    pub(crate) fn of(command: &str, params: Option<&str>) -> Self {
        let mut hash = digest::Context::new(&digest::SHA256);
        hash.update(command.as_bytes());
        hash.update(&[u8::from(params.is_some())]);
        hash.update(params.unwrap_or_default().as_bytes());
        let mut bytes = [0; 32];
        for (to, from) in bytes.iter_mut().zip(hash.finish().as_ref()) {
            *to = *from;
        }
        Self(bytes)
    }
}

/// The same key with other params.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Reused;

impl Dedupe {
    /// The entry of that key, new or known.
    pub(crate) fn enter(&self, handle: &Handle, request: Fingerprint) -> Result<Arc<Entry>, Reused> {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        while let Some(oldest) = state.order.front() {
            let expired = state.entries.get(oldest).is_none_or(|entry| now.duration_since(entry.started) > DEDUPE_TTL);
            // A running one is kept by whoever waits for it, so dropping it here costs nothing but the memory of it.
            if !expired && state.order.len() < DEDUPE_ENTRIES {
                break;
            }
            let Some(oldest) = state.order.pop_front() else { break };
            state.entries.remove(&oldest);
        }
        if let Some(entry) = state.entries.get(handle) {
            return if entry.request == request { Ok(Arc::clone(entry)) } else { Err(Reused) };
        }
        let entry = Arc::new(Entry { started: now, request, outcome: OnceCell::new() });
        state.entries.insert(handle.clone(), Arc::clone(&entry));
        state.order.push_back(handle.clone());
        Ok(entry)
    }

    /// Forgets a key, after an invoke that never reached the node: it may be tried again.
    pub(crate) fn forget(&self, handle: &Handle) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        state.entries.remove(handle);
        state.order.retain(|kept| kept != handle);
    }
}

impl Entry {
    /// Runs it once; everybody with the same key gets what came of it.
    pub(crate) async fn run_once(&self, run: impl Future<Output = Outcome>) -> Outcome {
        let mut own = None;
        let remembered = self
            .outcome
            .get_or_init(|| async {
                let outcome = run.await;
                let size = match &outcome {
                    Ok(reply) => reply.payload_json.as_ref().map_or(0, String::len),
                    Err(error) => error.message.len(),
                };
                if size > MAX_REMEMBERED_BYTES {
                    own = Some(outcome);
                    return Remembered::TooLarge;
                }
                own = Some(outcome.clone());
                Remembered::Outcome(Box::new(outcome))
            })
            .await;
        if let Some(own) = own {
            return own;
        }
        match remembered {
            Remembered::Outcome(outcome) => (**outcome).clone(),
            Remembered::TooLarge => {
                Err(ErrorShape::unavailable("this invoke was answered already; its result was too large to be kept"))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    fn handle(key: &str) -> Handle {
        Handle { principal: "p".into(), node_id: "n".into(), idempotency_key: key.into() }
    }

    fn reply(payload: &str) -> InvokeReply {
        InvokeReply {
            ok: true,
            node_id: "n".into(),
            command: "c".into(),
            payload: serde_json::Value::Null,
            payload_json: Some(payload.into()),
        }
    }

    #[tokio::test]
    async fn rel_033_a_repeated_key_runs_once_and_answers_twice() {
        let dedupe = Dedupe::default();
        let runs = AtomicU32::new(0);
        for _ in 0..2 {
            let entry = dedupe.enter(&handle("k"), Fingerprint::of("r", None)).unwrap();
            let outcome = entry
                .run_once(async {
                    runs.fetch_add(1, Ordering::SeqCst);
                    Ok(reply("1"))
                })
                .await;
            assert_eq!(outcome.unwrap().payload_json.as_deref(), Some("1"));
        }
        assert_eq!(runs.load(Ordering::SeqCst), 1);
        assert!(matches!(dedupe.enter(&handle("k"), Fingerprint::of("r", Some(""))), Err(Reused)));
    }

    #[tokio::test]
    async fn rel_050_what_is_remembered_is_bounded() {
        let dedupe = Dedupe::default();
        for n in 0..3 * DEDUPE_ENTRIES {
            dedupe.enter(&handle(&n.to_string()), Fingerprint::of("", None)).unwrap();
        }
        assert!(dedupe.0.lock().unwrap().entries.len() <= DEDUPE_ENTRIES);
        let big = "x".repeat(MAX_REMEMBERED_BYTES + 1);
        let entry = dedupe.enter(&handle("big"), Fingerprint::of("", None)).unwrap();
        assert!(entry.run_once(async { Ok(reply(&big)) }).await.is_ok());
        assert!(entry.run_once(async { Ok(reply("never run")) }).await.is_err());
    }
}
