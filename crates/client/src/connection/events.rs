//! Events on their way from the actor to whoever listens.

use std::sync::Arc;

use openclaw_protocol::{frame::InEvent, limits, version::Dialect};
use tokio::sync::{
    OwnedSemaphorePermit, Semaphore,
    mpsc::{self, error::TrySendError},
};

/// Events that may wait. Past it: droppable ones are dropped, any other ends the connection, so that a program that
/// does not read cannot grow for ever.
const MAX_WAITING_EVENTS: usize = 1024;
/// Bytes of events that may wait, for the same reason.
const MAX_WAITING_BYTES: usize = limits::MAX_BUFFERED_BYTES;

/// The events of one connection, in the order of their arrival.
///
/// A program that wants none drops it: the connection then skips them at no cost.
#[derive(Debug)]
pub struct EventStream {
    queue: mpsc::Receiver<Queued>,
    dialect: Dialect,
    last_seq: u64,
    missed: u64,
}

#[derive(Debug)]
struct Queued {
    event: InEvent,
    /// Given back when the event is read.
    _bytes: OwnedSemaphorePermit,
}

/// The actor's end.
pub(super) struct EventSink {
    queue: mpsc::Sender<Queued>,
    bytes: Arc<Semaphore>,
}

/// What became of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pushed {
    /// It waits, or nobody wants it, or it was dropped because it may be.
    Done,
    /// It can neither wait nor be dropped.
    Full,
}

pub(super) fn channel(dialect: Dialect) -> (EventSink, EventStream) {
    let (sender, receiver) = mpsc::channel(MAX_WAITING_EVENTS);
    let sink = EventSink { queue: sender, bytes: Arc::new(Semaphore::new(MAX_WAITING_BYTES)) };
    (sink, EventStream { queue: receiver, dialect, last_seq: 0, missed: 0 })
}

impl EventSink {
    /// Whether anybody listens.
    pub(super) fn is_wanted(&self) -> bool {
        !self.queue.is_closed()
    }

    /// Queues an event whose frame had so many bytes; never waits.
    pub(super) fn push(&self, event: InEvent, frame_bytes: usize) -> Pushed {
        let full = if is_droppable(&event.event) { Pushed::Done } else { Pushed::Full };
        let bytes = u32::try_from(frame_bytes).unwrap_or(u32::MAX);
        let Ok(permit) = self.bytes.clone().try_acquire_many_owned(bytes) else { return full };
        match self.queue.try_send(Queued { event, _bytes: permit }) {
            Ok(()) | Err(TrySendError::Closed(_)) => Pushed::Done,
            Err(TrySendError::Full(_)) => full,
        }
    }
}

/// Events that a later one of the same name replaces (protocol.md §1.4).
fn is_droppable(event: &str) -> bool {
    openclaw_protocol::events::ALL.iter().any(|kind| kind.droppable && kind.name == event)
}

impl EventStream {
    /// The next event; `None` when the connection has ended, and then [`crate::Connection::closed`] says how.
    ///
    /// Cancel safe: no event is lost when the future is dropped.
    pub async fn next(&mut self) -> Option<InEvent> {
        let event = self.queue.recv().await?.event;
        // In v3 one counter serves all clients, so that a gap says nothing (protocol.md §1.3).
        if let Some(seq) = event.seq
            && self.dialect == Dialect::V4
        {
            let expected = self.last_seq.saturating_add(1);
            if self.last_seq != 0 {
                self.missed = self.missed.saturating_add(seq.saturating_sub(expected));
            }
            self.last_seq = self.last_seq.max(seq);
        }
        Some(event)
    }

    /// How many broadcasts did not arrive since this was asked last; what was built from events should then be
    /// fetched anew. Always 0 in v3.
    pub fn take_missed(&mut self) -> u64 {
        std::mem::take(&mut self.missed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(name: &str, seq: Option<u64>) -> InEvent {
        InEvent { event: name.to_owned(), payload: serde_json::Value::Null, seq }
    }

    #[test]
    fn a_full_queue_drops_what_may_be_dropped_and_reports_the_rest() {
        let (sink, _stream) = channel(Dialect::V4);
        for _ in 0..MAX_WAITING_EVENTS {
            assert_eq!(sink.push(event("chat", None), 10), Pushed::Done);
        }
        assert_eq!(sink.push(event("tick", None), 10), Pushed::Done);
        assert_eq!(sink.push(event("chat", None), 10), Pushed::Full);
    }

    #[test]
    fn sec_017_few_big_events_fill_the_queue_too() {
        let (sink, _stream) = channel(Dialect::V4);
        assert_eq!(sink.push(event("chat", None), MAX_WAITING_BYTES - 1), Pushed::Done);
        assert_eq!(sink.push(event("chat", None), 2), Pushed::Full);
    }

    #[test]
    fn nobody_who_listens_means_no_queue() {
        let (sink, stream) = channel(Dialect::V4);
        drop(stream);
        assert!(!sink.is_wanted());
        assert_eq!(sink.push(event("chat", None), 10), Pushed::Done);
    }

    async fn missed(dialect: Dialect, seqs: &[Option<u64>]) -> u64 {
        let (sink, mut stream) = channel(dialect);
        for seq in seqs {
            sink.push(event("presence", *seq), 1);
        }
        for _ in seqs {
            stream.next().await.unwrap();
        }
        stream.take_missed()
    }

    #[tokio::test]
    async fn gaps_are_counted_where_they_mean_loss() {
        let seqs = [Some(3), None, Some(4), Some(8), Some(9), Some(2)];
        assert_eq!(missed(Dialect::V4, &seqs).await, 3);
        assert_eq!(missed(Dialect::V3, &seqs).await, 0);
    }
}
