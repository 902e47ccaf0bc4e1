//! When devices come and go. Written in batches: it may lose its last second when the power fails.

use openclaw_protocol::scope::Role;
use openclaw_store::pairing::{SeenEvent, SeenUpdate};

use crate::{conn::session::Session, hub::Hub};

/// Notes that a device connected, and that it used its token.
pub(crate) fn note_connect(hub: &Hub, session: &Session, reason: &str) {
    note(hub, session, SeenEvent::Connected, Some(reason));
}

/// Notes that a node disconnected.
pub(crate) fn note_disconnect(hub: &Hub, session: &Session) {
    if session.role == Role::Node {
        note(hub, session, SeenEvent::Disconnected, None);
    }
}

fn note(hub: &Hub, session: &Session, event: SeenEvent, reason: Option<&str>) {
    let Some(device_id) = session.device_id.clone() else { return };
    let update = SeenUpdate {
        device_id,
        at_ms: hub.clock.now_ms(),
        event,
        reason: reason.map(str::to_owned),
        profile: None,
        used_role: (event == SeenEvent::Connected).then_some(session.role),
    };
    // Nobody waits for it: losing it costs a time in a list.
    drop(hub.store.note_seen(vec![update]));
}
