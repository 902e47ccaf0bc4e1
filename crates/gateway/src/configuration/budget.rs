//! How often one client may change the configuration (protocol.md §1.2, §2.4).
//!
//! 2026.3 allows three writes in a minute for `config.apply` and `config.patch` together; 2026.9 does not limit them, so
//! only v3 connections are counted.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use openclaw_protocol::{error::ErrorShape, version::Dialect};
use serde_json::json;

use crate::{conn::session::Session, rpc::error::RpcError};

const WRITES: u32 = 3;
const WINDOW: Duration = Duration::from_mins(1);
/// Clients that are counted at most; past it the ones whose window is over are forgotten.
const MAX_CLIENTS: usize = 1_000;

/// Writes by client within the current window.
#[derive(Debug, Default)]
pub(crate) struct WriteBudget(Mutex<HashMap<String, Window>>);

#[derive(Debug)]
struct Window {
    since: Instant,
    writes: u32,
}

impl WriteBudget {
    /// Takes one write of a v3 client; the error of the reference when it has none left.
    pub(crate) fn take(&self, session: &Session, method: &str, now: Instant) -> Result<(), RpcError> {
        if session.dialect != Dialect::V3 {
            return Ok(());
        }
        self.take_for(&key(session), now).map_err(|wait| too_often(method, wait))
    }

    fn take_for(&self, key: &str, now: Instant) -> Result<(), Duration> {
        let mut clients = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if clients.len() >= MAX_CLIENTS && !clients.contains_key(key) {
            clients.retain(|_, window| now.duration_since(window.since) < WINDOW);
            if clients.len() >= MAX_CLIENTS {
                return Err(WINDOW);
            }
        }
        let window = clients.entry(key.to_owned()).or_insert(Window { since: now, writes: 0 });
        let elapsed = now.duration_since(window.since);
        if elapsed >= WINDOW {
            *window = Window { since: now, writes: 0 };
        } else if window.writes >= WRITES {
            return Err(WINDOW.saturating_sub(elapsed));
        }
        window.writes += 1;
        Ok(())
    }
}

/// Device and address; the connection when both are unknown.
fn key(session: &Session) -> String {
    match (&session.device_id, &session.remote_ip) {
        (None, None) => format!("conn={}", session.conn_id),
        (device, ip) => {
            let device = device.as_ref().map_or("unknown-device", |device| device.as_str());
            format!("{device}|{}", ip.as_deref().unwrap_or("unknown-ip"))
        }
    }
}

fn too_often(method: &str, wait: Duration) -> RpcError {
    let wait_ms = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX);
    let text = format!("rate limit exceeded for {method}; retry after {}s", wait_ms.div_ceil(1000));
    RpcError(
        ErrorShape::unavailable(text)
            .retry_after(wait_ms)
            .with_details(json!({"method": method, "limit": "3 per 60s"})),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fourth_write_of_a_minute_waits_for_the_next_and_others_do_not() {
        let (budget, start) = (WriteBudget::default(), Instant::now());
        for _ in 0..WRITES {
            assert_eq!(budget.take_for("a", start), Ok(()));
        }
        let later = start + Duration::from_secs(20);
        assert_eq!(budget.take_for("a", later), Err(Duration::from_secs(40)));
        assert_eq!(budget.take_for("b", later), Ok(()));
        assert_eq!(budget.take_for("a", start + WINDOW), Ok(()));
    }

    #[test]
    fn the_error_has_the_words_and_details_of_the_reference() {
        let error = too_often("config.patch", Duration::from_millis(41_234)).0;
        assert_eq!(error.message, "rate limit exceeded for config.patch; retry after 42s");
        assert_eq!(error.retry_after_ms, Some(41_234));
        assert_eq!(error.details, Some(json!({"method": "config.patch", "limit": "3 per 60s"})));
    }

    #[test]
    fn the_number_of_counted_clients_is_bounded() {
        let (budget, start) = (WriteBudget::default(), Instant::now());
        for n in 0..MAX_CLIENTS {
            assert_eq!(budget.take_for(&n.to_string(), start), Ok(()));
        }
        assert!(budget.take_for("one more", start).is_err());
        assert_eq!(budget.take_for("one more", start + WINDOW), Ok(()));
    }
}
