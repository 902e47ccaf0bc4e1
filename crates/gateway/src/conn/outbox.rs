//! What waits to be sent to one peer.
//!
//! The queue counts bytes, not frames: a limit on frames would cut off healthy clients in a burst. Past the soft limit
//! droppable events are skipped, past the hard limit the connection is closed (REL-034, protocol.md §1.4). Pushing
//! never waits, so one peer that does not read never delays another.

use std::{
    collections::VecDeque,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use bytes::Bytes;
use openclaw_protocol::limits::{MAX_BUFFERED_BYTES, SOFT_BUFFERED_BYTES};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::close::Close;

/// Frames that may wait at most, whatever their size; a bound on the queue's own memory.
const MAX_FRAMES: usize = 100_000;
/// Bytes that go to the socket at once. What is left counts as waiting, so that a peer that does not read is noticed.
const BATCH_BYTES: usize = 256 << 10;

/// The sending side of a connection. Cheap to clone; everybody but the actor holds this.
#[derive(Clone)]
pub(crate) struct Outbox(Arc<Inner>);

struct Inner {
    queue: Mutex<Queue>,
    filled: Notify,
    /// Cancelled when the connection has to end; `Queue::close` says why.
    closing: CancellationToken,
    seq: AtomicU64,
}

#[derive(Default)]
struct Queue {
    frames: VecDeque<Bytes>,
    bytes: usize,
    close: Option<Close>,
}

/// What became of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pushed {
    Queued,
    /// Skipped: the peer is slow and the event may be missed.
    Dropped,
    /// The connection is ending.
    Closed,
}

impl Outbox {
    pub(crate) fn new() -> Self {
        Self(Arc::new(Inner {
            queue: Mutex::default(),
            filled: Notify::new(),
            closing: CancellationToken::new(),
            seq: AtomicU64::new(0),
        }))
    }

    /// Queues a frame that must arrive; closes the connection when too much waits.
    pub(crate) fn push(&self, frame: Bytes) -> Pushed {
        let mut queue = self.lock();
        if queue.close.is_some() {
            return Pushed::Closed;
        }
        if queue.bytes + frame.len() > MAX_BUFFERED_BYTES || queue.frames.len() >= MAX_FRAMES {
            queue.close = Some(Close::SlowConsumer);
            drop(queue);
            self.0.closing.cancel();
            return Pushed::Closed;
        }
        queue.bytes += frame.len();
        queue.frames.push_back(frame);
        drop(queue);
        self.0.filled.notify_one();
        Pushed::Queued
    }

    /// Queues a frame that may be missed by a slow peer.
    pub(crate) fn push_droppable(&self, frame: Bytes) -> Pushed {
        if self.lock().bytes + frame.len() > SOFT_BUFFERED_BYTES {
            return Pushed::Dropped;
        }
        self.push(frame)
    }

    /// The number of this connection's next broadcast event, starting at 1 (protocol.md §1.3). A number that was
    /// taken and not sent shows as a gap, so that the client knows it missed something (REL-035).
    pub(crate) fn next_seq(&self) -> u64 {
        self.0.seq.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// Ends the connection after what is queued was sent. The first reason counts.
    pub(crate) fn close(&self, why: Close) {
        self.lock().close.get_or_insert(why);
        self.0.closing.cancel();
    }

    /// Why the connection is ending, if it is.
    pub(crate) fn close_reason(&self) -> Option<Close> {
        self.lock().close.clone()
    }

    /// Resolves when the connection has to end.
    pub(crate) async fn closing(&self) {
        self.0.closing.cancelled().await;
    }

    /// Takes what waits into `batch`, up to a bound; waits until there is something. Cancel-safe.
    pub(crate) async fn take(&self, batch: &mut Vec<Bytes>) {
        loop {
            self.take_ready(batch);
            if !batch.is_empty() {
                return;
            }
            self.0.filled.notified().await;
        }
    }

    /// Takes what waits now, up to a bound. It no longer counts against the limits: the socket has it.
    pub(crate) fn take_ready(&self, batch: &mut Vec<Bytes>) {
        let mut queue = self.lock();
        let mut taken = 0;
        while taken < BATCH_BYTES {
            let Some(frame) = queue.frames.pop_front() else { break };
            taken += frame.len();
            batch.push(frame);
        }
        queue.bytes = queue.bytes.saturating_sub(taken);
        if queue.frames.is_empty() && queue.frames.capacity() > 64 {
            queue.frames.shrink_to(0);
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Queue> {
        self.0.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rel_034_droppable_events_are_skipped_past_the_soft_limit_and_others_close_past_the_hard_one() {
        let outbox = Outbox::new();
        let mebibyte = Bytes::from(vec![b'x'; 1 << 20]);
        assert_eq!(outbox.push(mebibyte.clone()), Pushed::Queued);
        assert_eq!(outbox.push_droppable(Bytes::from_static(b"tick")), Pushed::Dropped);
        let queued = (0..60).take_while(|_| outbox.push(mebibyte.clone()) == Pushed::Queued).count();
        assert_eq!(queued, 49);
        assert_eq!(outbox.close_reason(), Some(Close::SlowConsumer));
    }

    #[test]
    fn rel_034_what_the_socket_has_not_taken_yet_counts_as_waiting() {
        let outbox = Outbox::new();
        let frame = Bytes::from(vec![b'x'; 200 << 10]);
        for _ in 0..10 {
            assert_eq!(outbox.push(frame.clone()), Pushed::Queued);
        }
        let mut batch = Vec::new();
        outbox.take_ready(&mut batch);
        assert_eq!(batch.len(), 2);
        assert_eq!(outbox.push_droppable(frame.clone()), Pushed::Dropped);
        while !batch.is_empty() {
            batch.clear();
            outbox.take_ready(&mut batch);
        }
        assert_eq!(outbox.push_droppable(frame), Pushed::Queued);
    }

    #[test]
    fn the_first_reason_to_close_counts() {
        let outbox = Outbox::new();
        outbox.close(Close::ServiceRestart);
        outbox.close(Close::PeerGone);
        assert_eq!(outbox.close_reason(), Some(Close::ServiceRestart));
        assert_eq!(outbox.push(Bytes::from_static(b"late")), Pushed::Closed);
    }
}
