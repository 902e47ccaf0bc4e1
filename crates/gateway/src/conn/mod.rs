//! A connection, from its upgrade to its close: [`upgrade`] (HTTP to WebSocket), [`handshake`] (until hello-ok),
//! [`waiting`] (the room where a device waits for a person), [`actor`] (the one task that owns the socket),
//! [`outbox`] (what waits to be sent), [`session`] (what others know of it), [`directory`] (all of them).

pub(crate) mod actor;
pub(crate) mod challenge;
pub(crate) mod close;
pub(crate) mod directory;
pub(crate) mod handshake;
pub(crate) mod hello;
pub(crate) mod outbox;
pub(crate) mod session;
pub(crate) mod socket;
pub(crate) mod upgrade;
pub(crate) mod waiting;
