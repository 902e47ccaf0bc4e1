//! The gateway: one port for operators and nodes of both protocol versions.
//!
//! Where to look: a method's behaviour is in `rpc`, in the file of its family; what may come in is decided in `auth`
//! (the pairing decision itself is the pure function in `auth/decide.rs`); a connection's life is in `conn`; calling a
//! node is in `nodes/invoke.rs`; requests that wait for a person are in `pairing`.
//!
//! Invariants: a handler never checks scopes, the dispatcher does. No lock is held across an await. A broadcast never
//! waits for a peer. What is acknowledged is on the disk. This crate does not know the client crate: both ends of the
//! wire share only `openclaw-protocol`.

mod auth;
mod budget;
mod configuration;
mod conn;
mod health;
mod http;
mod hub;
mod invite;
mod listen;
pub mod log;
mod nodes;
mod original;
mod pairing;
mod presence;
mod reach;
mod restart;
mod rpc;
pub mod schema;
mod server;
mod settings;
mod shutdown;
mod start;
mod suspension;
mod text;
mod tick;
mod tls;

pub use conn::socket::config as websocket_config;
pub use pairing::shape;
pub use start::{Ended, Options, Overrides, Running, StartError, start};
