//! Taking no new work, so that the machine can be suspended or the program replaced (protocol.md §9.2, REL-053).
//!
//! `accepting` → (`prepare` with `drain`, while work runs) → `draining` → (no work runs any more) → `prepared` →
//! (`resume`, or the time is up) → `accepting`. Looking, pairing and ending things stay possible throughout.

use std::sync::{Mutex, PoisonError};

use openclaw_protocol::methods::gateway::{Blocker, SuspendPrepareReply, SuspendStatusReply};

/// A suspension that nobody ends or asks for again ends by itself, so that a caller that died blocks nothing for ever.
const LIFE_MS: u64 = 5 * 60_000;
/// When to ask again while work runs.
const RETRY_AFTER_MS: u64 = 1_000;

/// Methods that start work.
const NEW_WORK: [&str; 5] = ["node.invoke", "config.set", "config.patch", "config.apply", "exec.approvals.node.set"];

/// Whether work is taken.
#[derive(Debug, Default)]
pub(crate) struct Suspension(Mutex<Option<Suspended>>);

#[derive(Clone, Debug)]
struct Suspended {
    /// The caller's, so that the same wish again is the same suspension.
    request_id: String,
    id: String,
    expires_at_ms: u64,
    drained: bool,
}

impl Suspension {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// `accepting`, `draining` or `prepared`, for `snapshot.suspension` and the event.
    pub(crate) fn phase(&self) -> &'static str {
        match &*self.lock() {
            None => "accepting",
            Some(suspended) if suspended.drained => "prepared",
            Some(_) => "draining",
        }
    }

    /// Whether a call of that method is new work that is not taken now.
    pub(crate) fn refuses(&self, method: &str) -> bool {
        NEW_WORK.contains(&method) && self.lock().is_some()
    }

    /// Starts a suspension, or tells where the one with the same `request_id` stands.
    pub(crate) fn prepare(&self, request_id: &str, drain: bool, active: u64, now_ms: u64) -> SuspendPrepareReply {
        let mut state = self.lock();
        expire(&mut state, now_ms);
        let blockers = blockers(active);
        let busy = |reason: &str| SuspendPrepareReply::Busy {
            reason: reason.to_owned(),
            retry_after_ms: RETRY_AFTER_MS,
            active_count: active,
            blockers: blockers.clone(),
        };
        match &*state {
            Some(suspended) if suspended.request_id != request_id => return busy("gateway-draining"),
            None if active > 0 && !drain => return busy("active-work"),
            _ => {}
        }
        let suspended = state.get_or_insert_with(|| Suspended {
            request_id: request_id.to_owned(),
            id: uuid::Uuid::new_v4().to_string(),
            expires_at_ms: 0,
            drained: false,
        });
        suspended.expires_at_ms = now_ms + LIFE_MS;
        suspended.drained |= active == 0;
        let (suspension_id, expires_at_ms) = (suspended.id.clone(), suspended.expires_at_ms);
        if suspended.drained {
            SuspendPrepareReply::Ready { suspension_id, expires_at_ms, active_count: active, blockers }
        } else {
            let retry_after_ms = RETRY_AFTER_MS;
            SuspendPrepareReply::Draining {
                suspension_id,
                expires_at_ms,
                retry_after_ms,
                active_count: active,
                blockers,
            }
        }
    }

    /// Where a suspension stands.
    pub(crate) fn status(&self, id: &str, active: u64, now_ms: u64) -> SuspendStatusReply {
        let mut state = self.lock();
        expire(&mut state, now_ms);
        let Some(suspended) = state.as_mut().filter(|suspended| suspended.id == id) else {
            return SuspendStatusReply::Running;
        };
        suspended.drained |= active == 0;
        let expires_at_ms = suspended.expires_at_ms;
        if suspended.drained {
            return SuspendStatusReply::Ready { expires_at_ms };
        }
        SuspendStatusReply::Draining {
            expires_at_ms,
            retry_after_ms: RETRY_AFTER_MS,
            active_count: active,
            blockers: blockers(active),
        }
    }

    /// Takes work again; false when there was no such suspension.
    pub(crate) fn resume(&self, id: &str) -> bool {
        let mut state = self.lock();
        let found = state.as_ref().is_some_and(|suspended| suspended.id == id);
        if found {
            *state = None;
        }
        found
    }

    /// Ends a suspension whose time is up and notes that its work is done; true when the phase changed.
    pub(crate) fn advance(&self, active: u64, now_ms: u64) -> bool {
        let mut state = self.lock();
        if expire(&mut state, now_ms) {
            return true;
        }
        match state.as_mut() {
            Some(suspended) if !suspended.drained && active == 0 => {
                suspended.drained = true;
                true
            }
            _ => false,
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<Suspended>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn expire(state: &mut Option<Suspended>, now_ms: u64) -> bool {
    let over = state.as_ref().is_some_and(|suspended| now_ms >= suspended.expires_at_ms);
    if over {
        *state = None;
    }
    over
}

/// What a restart or a suspension would interrupt, in the words of the wire.
pub(crate) fn blockers(active: u64) -> Vec<Blocker> {
    if active == 0 {
        return Vec::new();
    }
    let message = match active {
        1 => "1 command is running on a node".to_owned(),
        n => format!("{n} commands are running on nodes"),
    };
    vec![Blocker { kind: "root-request".to_owned(), count: active, message }]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id_of(reply: SuspendPrepareReply) -> String {
        match reply {
            SuspendPrepareReply::Ready { suspension_id, .. } | SuspendPrepareReply::Draining { suspension_id, .. } => {
                suspension_id
            }
            SuspendPrepareReply::Busy { reason, .. } => panic!("busy: {reason}"),
        }
    }

    #[test]
    fn running_work_is_drained_only_when_asked_for() {
        let suspension = Suspension::new();
        assert!(matches!(suspension.prepare("r", false, 2, 0), SuspendPrepareReply::Busy { active_count: 2, .. }));
        assert_eq!(suspension.phase(), "accepting");
        let id = id_of(suspension.prepare("r", true, 2, 0));
        assert_eq!(suspension.phase(), "draining");
        assert!(matches!(suspension.status(&id, 1, 0), SuspendStatusReply::Draining { active_count: 1, .. }));
        assert!(matches!(suspension.status(&id, 0, 0), SuspendStatusReply::Ready { .. }));
        assert_eq!(suspension.phase(), "prepared");
        assert!(!suspension.resume("another"));
        assert!(suspension.resume(&id));
        assert_eq!(suspension.phase(), "accepting");
    }

    #[test]
    fn rel_053_new_work_is_refused_and_control_stays_possible() {
        let suspension = Suspension::new();
        assert!(!suspension.refuses("node.invoke"));
        id_of(suspension.prepare("r", false, 0, 0));
        for method in ["node.invoke", "config.apply", "config.patch"] {
            assert!(suspension.refuses(method), "{method}");
        }
        for method in [
            "health",
            "status",
            "device.pair.approve",
            "device.pair.remove",
            "gateway.suspend.resume",
            "gateway.suspend.status",
            "node.invoke.result",
            "logs.tail",
            "config.get",
        ] {
            assert!(!suspension.refuses(method), "{method}");
        }
    }

    #[test]
    fn a_forgotten_suspension_ends_by_itself() {
        let suspension = Suspension::new();
        let id = id_of(suspension.prepare("r", false, 0, 0));
        assert!(!suspension.advance(0, LIFE_MS - 1));
        assert!(suspension.advance(0, LIFE_MS));
        assert!(matches!(suspension.status(&id, 0, LIFE_MS), SuspendStatusReply::Running));
    }

    #[test]
    fn the_same_wish_again_is_the_same_suspension_and_another_has_to_wait() {
        let suspension = Suspension::new();
        let id = id_of(suspension.prepare("r", false, 0, 0));
        assert_eq!(id_of(suspension.prepare("r", false, 0, 1)), id);
        assert!(
            matches!(suspension.prepare("s", true, 0, 1), SuspendPrepareReply::Busy { reason, .. } if reason == "gateway-draining")
        );
    }
}
