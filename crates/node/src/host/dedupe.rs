//! Repeated invokes (REL-033): the same idempotency key with the same params is answered by the first run, not by a
//! second one. Kept for five minutes, bounded in number and in bytes; the oldest answers go first.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use openclaw_protocol::limits::{DEDUPE_ENTRIES, DEDUPE_TTL};
use sha2::{Digest, Sha256};
use tokio::{sync::watch, time::Instant};

/// Bytes of remembered answers.
const MAX_BYTES: usize = 16 << 20;

/// An answer as it is sent.
pub(super) type Remembered = Arc<str>;

/// What to do with an invoke.
pub(super) enum Turn {
    /// It is the first of its kind: run it, and say how it ended.
    First(Ticket),
    /// The same runs already: wait for its answer; the channel closes without one when there is none to repeat.
    Running(watch::Receiver<Option<Remembered>>),
    /// The same was answered.
    Answered(Remembered),
    /// The key belongs to another command or other params.
    Conflict,
}

#[derive(Clone, Default)]
pub(super) struct Dedupe(Arc<Mutex<Entries>>);

#[derive(Default)]
struct Entries {
    by_key: HashMap<String, Entry>,
    /// Keys of answers, oldest first.
    answered: VecDeque<String>,
    bytes: usize,
}

struct Entry {
    fingerprint: [u8; 32],
    state: State,
}

enum State {
    Running(watch::Receiver<Option<Remembered>>),
    Answered { answer: Remembered, at: Instant },
}

/// Held by the first run of a key. Dropped without an answer, the key is free again.
pub(super) struct Ticket {
    entries: Dedupe,
    key: String,
    sender: watch::Sender<Option<Remembered>>,
}

impl Dedupe {
    fn lock(&self) -> MutexGuard<'_, Entries> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Asks for a turn.
    pub(super) fn turn(&self, key: &str, command: &str, params: &str) -> Turn {
        let fingerprint = Sha256::new().chain_update(command).chain_update([0]).chain_update(params).finalize().into();
        let mut entries = self.lock();
        entries.forget_old();
        if let Some(entry) = entries.by_key.get(key) {
            return match &entry.state {
                _ if entry.fingerprint != fingerprint => Turn::Conflict,
                State::Running(receiver) => Turn::Running(receiver.clone()),
                State::Answered { answer, .. } => Turn::Answered(answer.clone()),
            };
        }
        let (sender, receiver) = watch::channel(None);
        entries.by_key.insert(key.to_owned(), Entry { fingerprint, state: State::Running(receiver) });
        Turn::First(Ticket { entries: self.clone(), key: key.to_owned(), sender })
    }
}

impl Entries {
    fn forget_old(&mut self) {
        while let Some(key) = self.answered.front() {
            let is_old = match self.by_key.get(key).map(|entry| &entry.state) {
                Some(State::Answered { at, .. }) => at.elapsed() >= DEDUPE_TTL,
                _ => true,
            };
            if !is_old && self.answered.len() <= DEDUPE_ENTRIES && self.bytes <= MAX_BYTES {
                return;
            }
            if let Some(key) = self.answered.pop_front()
                && let Some(Entry { state: State::Answered { answer, .. }, .. }) = self.by_key.remove(&key)
            {
                self.bytes -= answer.len();
            }
        }
    }
}

impl Ticket {
    /// The run has an answer that a repeated invoke may get.
    pub(super) fn answered(self, answer: &Remembered) {
        self.sender.send_replace(Some(answer.clone()));
        let mut entries = self.entries.lock();
        if let Some(entry) = entries.by_key.get_mut(&self.key) {
            entry.state = State::Answered { answer: answer.clone(), at: Instant::now() };
            entries.bytes += answer.len();
            entries.answered.push_back(self.key.clone());
            entries.forget_old();
        }
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        let mut entries = self.entries.lock();
        if matches!(entries.by_key.get(&self.key), Some(Entry { state: State::Running(_), .. })) {
            entries.by_key.remove(&self.key);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn first(turn: Turn) -> Ticket {
        match turn {
            Turn::First(ticket) => ticket,
            _ => panic!("not the first"),
        }
    }

    #[tokio::test(start_paused = true)]
    async fn rel_033_a_repeated_key_gets_the_first_answer_for_five_minutes() {
        let dedupe = Dedupe::default();
        let ticket = first(dedupe.turn("k", "c", "{}"));
        let Turn::Running(mut receiver) = dedupe.turn("k", "c", "{}") else { panic!("it runs") };
        assert!(matches!(dedupe.turn("k", "c", "[]"), Turn::Conflict));
        assert!(matches!(dedupe.turn("k", "d", "{}"), Turn::Conflict));
        ticket.answered(&"a".into());
        assert_eq!(receiver.wait_for(Option::is_some).await.unwrap().as_deref(), Some("a"));
        assert!(matches!(dedupe.turn("k", "c", "{}"), Turn::Answered(answer) if &*answer == "a"));
        tokio::time::advance(Duration::from_mins(5)).await;
        drop(first(dedupe.turn("k", "c", "{}")));
    }

    #[tokio::test]
    async fn a_run_without_an_answer_frees_its_key() {
        let dedupe = Dedupe::default();
        let ticket = first(dedupe.turn("k", "c", "{}"));
        let Turn::Running(mut receiver) = dedupe.turn("k", "c", "{}") else { panic!("it runs") };
        drop(ticket);
        assert!(receiver.wait_for(Option::is_some).await.is_err());
        drop(first(dedupe.turn("k", "other", "{}")));
    }

    #[tokio::test(start_paused = true)]
    async fn rel_050_answers_are_bounded_in_number_and_in_bytes() {
        let dedupe = Dedupe::default();
        for at in 0..DEDUPE_ENTRIES + 50 {
            first(dedupe.turn(&at.to_string(), "c", "")).answered(&"x".into());
        }
        assert!(dedupe.lock().by_key.len() <= DEDUPE_ENTRIES);
        let big: Remembered = "x".repeat(MAX_BYTES / 4).into();
        for at in 0..10 {
            first(dedupe.turn(&format!("big{at}"), "c", "")).answered(&big);
        }
        let entries = dedupe.lock();
        assert!(entries.bytes <= MAX_BYTES, "{}", entries.bytes);
        assert_eq!(entries.by_key.len(), entries.answered.len());
    }
}
