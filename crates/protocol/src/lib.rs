//! What travels between a gateway, its operators and its nodes.
//!
//! Frames, methods, events, roles and scopes, error codes, limits: the wire of `OpenClaw` 2026.3 (protocol 3) and
//! 2026.9 (protocol 4). No sockets, no files, no runtime; both ends of a connection share this crate and nothing else.
//!
//! Where to look: a method is in [`methods`], in the file of its family (the wire name up to the first dot); an event
//! likewise in [`events`]; every number is in [`limits`]; what older peers expect differently is in [`compat`].

pub mod clock;
pub mod compat;
pub mod connect;
pub mod error;
pub mod events;
pub mod frame;
pub mod hello;
pub mod id;
pub mod limits;
pub mod method;
pub mod methods;
pub mod scope;
pub mod setup_code;
pub mod version;
