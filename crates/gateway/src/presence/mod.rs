//! Who takes part: the gateway itself, connected clients and nodes, and machines that were told of (protocol.md §8.1).
//!
//! Bounded and cheap: coming and going costs a look-up in a map of at most 200 entries; readers get copies, and the
//! event goes out at most four times a second however many come and go.

mod list;
mod system_event;

pub(crate) use list::{Presence, broadcast_loop};
