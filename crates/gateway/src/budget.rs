//! Sockets that have not proved themselves yet (SEC-190).
//!
//! A place is taken when a TCP connection is accepted and given back once: when its handshake is over, or when it ends.
//! This machine has places of its own, so that a flood from elsewhere never locks out the local CLI.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Arc, Mutex, PoisonError},
};

/// Unproved sockets of one address at a time.
const PER_ADDRESS: usize = 32;
/// Unproved sockets of all other machines at a time.
const REMOTE: usize = 1_024;
/// Unproved sockets of this machine at a time. Larger than one address gets: a fleet under test, a browser, a person.
const LOCAL: usize = 1_024;

/// Counts places.
#[derive(Clone, Default)]
pub(crate) struct Budget(Arc<Mutex<Taken>>);

#[derive(Default)]
struct Taken {
    by_address: HashMap<IpAddr, usize>,
    remote: usize,
    local: usize,
}

/// A taken place.
pub(crate) struct Place {
    budget: Budget,
    address: IpAddr,
}

impl Budget {
    /// Takes a place for a socket from `address`; `None` when there is none left.
    pub(crate) fn take(&self, address: IpAddr) -> Option<Place> {
        let address = address.to_canonical();
        let mut taken = self.lock();
        if address.is_loopback() {
            if taken.local >= LOCAL {
                return None;
            }
            taken.local += 1;
        } else {
            let own = taken.by_address.get(&address).copied().unwrap_or_default();
            if taken.remote >= REMOTE || own >= PER_ADDRESS {
                return None;
            }
            taken.remote += 1;
            taken.by_address.insert(address, own + 1);
        }
        drop(taken);
        Some(Place { budget: self.clone(), address })
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Taken> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.budget.lock();
        if self.address.is_loopback() {
            taken.local = taken.local.saturating_sub(1);
            return;
        }
        taken.remote = taken.remote.saturating_sub(1);
        let left = taken.by_address.get(&self.address).copied().unwrap_or_default().saturating_sub(1);
        if left == 0 {
            taken.by_address.remove(&self.address);
        } else {
            taken.by_address.insert(self.address, left);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sec_190_one_address_gets_32_places_and_never_those_of_this_machine() {
        let budget = Budget::default();
        let remote: IpAddr = "192.0.2.1".parse().unwrap();
        let places: Vec<Place> = std::iter::from_fn(|| budget.take(remote)).collect();
        assert_eq!(places.len(), PER_ADDRESS);
        assert!(budget.take("127.0.0.1".parse().unwrap()).is_some());
        drop(places);
        assert!(budget.take(remote).is_some());
        assert_eq!(budget.lock().by_address.len(), 0);
    }
}
