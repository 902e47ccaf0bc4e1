//! Everything on the gateway's port that is not a WebSocket (protocol.md §1.6): probes and one page that says what this
//! is. [`router`] holds the whole route table; [`guard`] and [`headers`] apply to every answer.

mod guard;
mod headers;
mod page;
mod probes;
mod router;

pub(crate) use router::router;
