//! Requests that wait for their answers.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use openclaw_protocol::error::ErrorShape;
use serde_json::value::RawValue;
use tokio::sync::oneshot;

/// The gateway's answer: the raw payload, or its refusal.
pub(super) type Answer = Result<Option<Box<RawValue>>, Box<ErrorShape>>;

/// Which answer ends a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wanted {
    /// The first one.
    First,
    /// The first one whose status is not `accepted` (two-phase methods, protocol.md §2.1).
    Final,
}

/// The map of waiting requests. What is reserved in it is released by the guard's `Drop`.
#[derive(Default)]
pub(super) struct Pending(Mutex<State>);

#[derive(Default)]
struct State {
    waiting: HashMap<u64, Waiter>,
    closed: bool,
}

struct Waiter {
    wanted: Wanted,
    answer: oneshot::Sender<Answer>,
}

/// A reserved place in the map.
pub(super) struct Place<'a> {
    pending: &'a Pending,
    id: u64,
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.pending.lock().waiting.remove(&self.id);
    }
}

impl Pending {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for the answer to `id`; `None` when the connection has ended.
    pub(super) fn wait(&self, id: u64, wanted: Wanted) -> Option<(Place<'_>, oneshot::Receiver<Answer>)> {
        let (answer, receiver) = oneshot::channel();
        let mut state = self.lock();
        if state.closed {
            return None;
        }
        state.waiting.insert(id, Waiter { wanted, answer });
        drop(state);
        Some((Place { pending: self, id }, receiver))
    }

    /// Hands an answer to whoever waits for it. An unknown id is ignored (SEC-017): its caller has given up.
    pub(super) fn resolve(&self, id: u64, answer: Answer) {
        let mut state = self.lock();
        let Some(waiter) = state.waiting.get(&id) else { return };
        if waiter.wanted == Wanted::Final && is_accepted(&answer) {
            return;
        }
        let waiter = state.waiting.remove(&id);
        drop(state);
        // A failed send means that the caller gave up in this very moment.
        if let Some(waiter) = waiter
            && waiter.answer.send(answer).is_err()
        {
            tracing::trace!(id, "an answer came too late");
        }
    }

    /// Ends all requests, now and later.
    pub(super) fn close(&self) {
        let mut state = self.lock();
        state.closed = true;
        let waiting = std::mem::take(&mut state.waiting);
        drop(state);
        drop(waiting);
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.lock().waiting.len()
    }
}

fn is_accepted(answer: &Answer) -> bool {
    #[derive(serde::Deserialize)]
    struct Status<'a> {
        #[serde(borrow, default)]
        status: Option<std::borrow::Cow<'a, str>>,
    }
    let Ok(Some(payload)) = answer else { return false };
    serde_json::from_str::<Status<'_>>(payload.get()).is_ok_and(|found| found.status.as_deref() == Some("accepted"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn payload(text: &str) -> Box<RawValue> {
        RawValue::from_string(text.to_owned()).unwrap()
    }

    #[test]
    fn a_place_is_free_again_when_its_caller_gives_up() {
        let pending = Pending::default();
        let place = pending.wait(1, Wanted::First).unwrap();
        assert_eq!(pending.len(), 1);
        drop(place);
        assert_eq!(pending.len(), 0);
        pending.resolve(1, Ok(Some(payload("{}"))));
    }

    #[test]
    fn the_final_answer_is_waited_for_when_it_is_wanted() {
        let pending = Pending::default();
        let (_first_place, mut first) = pending.wait(1, Wanted::First).unwrap();
        let (_final_place, mut last) = pending.wait(2, Wanted::Final).unwrap();
        for id in [1, 2] {
            pending.resolve(id, Ok(Some(payload(r#"{"status":"accepted"}"#))));
        }
        assert!(first.try_recv().is_ok());
        assert!(last.try_recv().is_err());
        pending.resolve(2, Ok(Some(payload(r#"{"status":"ok"}"#))));
        assert_eq!(last.try_recv().unwrap().unwrap().unwrap().get(), r#"{"status":"ok"}"#);
    }

    #[test]
    fn nobody_waits_on_a_closed_connection() {
        let pending = Pending::default();
        let (_place, mut answer) = pending.wait(1, Wanted::First).unwrap();
        pending.close();
        assert!(answer.try_recv().is_err());
        assert!(pending.wait(2, Wanted::First).is_none());
    }
}
