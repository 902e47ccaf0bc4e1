//! Connections in the waiting room, by device.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use openclaw_protocol::id::DeviceId;
use tokio::sync::watch;

/// Devices that may wait in the room at the same time; the requests themselves have their own caps (SEC-056).
const MAX_WAITING: usize = 512;

/// What a waiting connection is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Decision {
    /// Something about the device changed: ask admission again.
    LookAgain,
    /// A person said no.
    Rejected,
}

/// The waiting room.
#[derive(Default, Clone)]
pub(crate) struct Waiters(Arc<Mutex<HashMap<DeviceId, Room>>>);

struct Room {
    sender: watch::Sender<Option<Decision>>,
    inside: usize,
}

/// A place in the waiting room; left when dropped.
pub(crate) struct Ticket {
    waiters: Waiters,
    device: DeviceId,
    receiver: watch::Receiver<Option<Decision>>,
}

impl Waiters {
    /// Enters the room; `None` when it is full. To be done before the store is read, so that no decision is missed.
    pub(crate) fn enter(&self, device: &DeviceId) -> Option<Ticket> {
        let mut rooms = self.lock();
        if rooms.len() >= MAX_WAITING && !rooms.contains_key(device) {
            return None;
        }
        let room = rooms.entry(device.clone()).or_insert_with(|| Room { sender: watch::channel(None).0, inside: 0 });
        room.inside += 1;
        let mut receiver = room.sender.subscribe();
        receiver.mark_unchanged();
        Some(Ticket { waiters: self.clone(), device: device.clone(), receiver })
    }

    /// Tells everybody who waits as that device.
    pub(crate) fn tell(&self, device: &DeviceId, decision: Decision) {
        if let Some(room) = self.lock().get(device) {
            room.sender.send_replace(Some(decision));
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<DeviceId, Room>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Ticket {
    /// Waits for the next decision. Cancel-safe.
    pub(crate) async fn decided(&mut self) -> Decision {
        if self.receiver.changed().await.is_err() {
            return Decision::LookAgain;
        }
        self.receiver.borrow_and_update().unwrap_or(Decision::LookAgain)
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        let mut rooms = self.waiters.lock();
        if let Some(room) = rooms.get_mut(&self.device) {
            room.inside -= 1;
            if room.inside == 0 {
                rooms.remove(&self.device);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_decision_between_entering_and_waiting_is_not_missed() {
        let waiters = Waiters::default();
        let device = DeviceId::new("d");
        let mut ticket = waiters.enter(&device).unwrap();
        waiters.tell(&device, Decision::Rejected);
        assert_eq!(ticket.decided().await, Decision::Rejected);
        drop(ticket);
        assert!(waiters.lock().is_empty());
    }

    #[test]
    fn the_room_is_bounded() {
        let waiters = Waiters::default();
        let tickets: Vec<_> = (0..MAX_WAITING).map(|n| waiters.enter(&DeviceId::new(n.to_string())).unwrap()).collect();
        assert!(waiters.enter(&DeviceId::new("one more")).is_none());
        drop(tickets);
        assert!(waiters.enter(&DeviceId::new("one more")).is_some());
    }
}
