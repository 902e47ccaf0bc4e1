//! Slowing down guesses (SEC-022, SEC-033…035; protocol.md §4.4).

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

/// Keys that are remembered at most; the oldest go first (SEC-034).
const MAX_KEYS: usize = 10_000;

/// What kind of credential was wrong. Success with one kind clears only that kind (SEC-035).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Kind {
    /// The gateway's token or password.
    SharedSecret,
    /// A bootstrap token.
    Bootstrap,
}

/// Who is counted: an address, or the page of a browser on this machine.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Who {
    Address(IpAddr),
    Page(String),
}

/// How many wrong credentials in which time lock somebody out for how long.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    pub max_attempts: u32,
    pub window: Duration,
    pub lockout: Duration,
    pub exempt_loopback: bool,
}

/// Counts wrong credentials by who sent them.
pub(crate) struct RateLimiter {
    entries: Mutex<HashMap<(Kind, Who), Entry>>,
}

struct Entry {
    failures: Vec<Instant>,
    locked_until: Option<Instant>,
    touched: Instant,
}

/// A slot that was taken before the credential is looked at, so that parallel attempts cannot overtake the count.
/// Reported as right with [`Attempt::succeeded`]; otherwise it stays counted as a failure.
#[must_use]
pub(crate) struct Attempt<'a> {
    limiter: &'a RateLimiter,
    key: Option<(Kind, Who)>,
}

impl RateLimiter {
    pub(crate) fn new() -> Self {
        Self { entries: Mutex::new(HashMap::new()) }
    }

    /// Takes a slot for one comparison.
    ///
    /// # Errors
    /// How long to wait, when `who` is locked out.
    pub(crate) fn attempt(&self, kind: Kind, who: &Who, limits: Limits) -> Result<Attempt<'_>, Duration> {
        if limits.exempt_loopback && matches!(who, Who::Address(ip) if ip.is_loopback()) {
            return Ok(Attempt { limiter: self, key: None });
        }
        let now = Instant::now();
        let key = (kind, who.clone());
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        if entries.len() >= MAX_KEYS && !entries.contains_key(&key) {
            prune(&mut entries, now, limits);
        }
        let entry = entries.entry(key.clone()).or_insert_with(|| Entry {
            failures: Vec::new(),
            locked_until: None,
            touched: now,
        });
        entry.touched = now;
        if let Some(until) = entry.locked_until {
            if until > now {
                return Err(until - now);
            }
            entry.locked_until = None;
            entry.failures.clear();
        }
        entry.failures.retain(|at| now.duration_since(*at) < limits.window);
        entry.failures.push(now);
        if entry.failures.len() > limits.max_attempts as usize {
            entry.locked_until = Some(now + limits.lockout);
            return Err(limits.lockout);
        }
        Ok(Attempt { limiter: self, key: Some(key) })
    }

    /// Takes back the last counted failure: what was shown turned out to be right for another purpose, such as a
    /// device's own token where the shared secret was looked for (protocol.md §4.4).
    pub(crate) fn forgive(&self, kind: Kind, who: &Who) {
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(entry) = entries.get_mut(&(kind, who.clone())) {
            entry.failures.pop();
        }
    }
}

impl Attempt<'_> {
    /// The credential was right, or there was none to compare: nothing is counted, earlier failures are forgotten only
    /// in the first case.
    pub(crate) fn succeeded(self) {
        let Some(key) = &self.key else { return };
        self.limiter.entries.lock().unwrap_or_else(PoisonError::into_inner).remove(key);
    }
}

fn prune(entries: &mut HashMap<(Kind, Who), Entry>, now: Instant, limits: Limits) {
    let keep_for = limits.window.max(limits.lockout);
    entries.retain(|_, entry| now.duration_since(entry.touched) < keep_for);
    while entries.len() >= MAX_KEYS {
        let oldest = entries.iter().min_by_key(|(_, entry)| entry.touched).map(|(key, _)| key.clone());
        match oldest {
            Some(key) => drop(entries.remove(&key)),
            None => return,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: Limits = Limits {
        max_attempts: 10,
        window: Duration::from_mins(1),
        lockout: Duration::from_mins(5),
        exempt_loopback: true,
    };

    fn from(ip: &str) -> Who {
        Who::Address(ip.parse().unwrap())
    }

    #[test]
    fn sec_033_a_hundred_attempts_reach_the_comparison_ten_times() {
        let limiter = RateLimiter::new();
        let reached =
            (0..100).filter(|_| limiter.attempt(Kind::SharedSecret, &from("192.0.2.1"), LIMITS).is_ok()).count();
        assert_eq!(reached, 10);
        assert!(limiter.attempt(Kind::SharedSecret, &from("192.0.2.2"), LIMITS).is_ok());
    }

    #[test]
    fn sec_022_a_page_on_this_machine_is_limited_while_the_cli_is_not() {
        let limiter = RateLimiter::new();
        let page = Who::Page("https://evil.example".into());
        let reached = (0..200).filter(|_| limiter.attempt(Kind::SharedSecret, &page, LIMITS).is_ok()).count();
        assert_eq!(reached, 10);
        assert!((0..200).all(|_| limiter.attempt(Kind::SharedSecret, &from("127.0.0.1"), LIMITS).is_ok()));
    }

    #[test]
    fn sec_035_success_clears_only_its_own_kind() {
        let limiter = RateLimiter::new();
        let who = from("192.0.2.1");
        for kind in [Kind::SharedSecret, Kind::Bootstrap] {
            for _ in 0..9 {
                drop(limiter.attempt(kind, &who, LIMITS));
            }
        }
        limiter.attempt(Kind::SharedSecret, &who, LIMITS).unwrap().succeeded();
        assert!(limiter.attempt(Kind::SharedSecret, &who, LIMITS).is_ok());
        drop(limiter.attempt(Kind::Bootstrap, &who, LIMITS));
        assert!(limiter.attempt(Kind::Bootstrap, &who, LIMITS).is_err());
    }

    #[test]
    fn sec_034_the_memory_of_failures_is_bounded() {
        let limiter = RateLimiter::new();
        for n in 0..12_000_u32 {
            let who = Who::Address(IpAddr::V4(n.into()));
            drop(limiter.attempt(Kind::SharedSecret, &who, LIMITS));
        }
        assert!(limiter.entries.lock().unwrap().len() <= MAX_KEYS);
    }
}
