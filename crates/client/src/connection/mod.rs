//! An open connection: an actor owns the socket ([`actor`]), everybody else holds a [`Connection`].

mod actor;
mod close;
mod events;
mod handle;
mod link;
mod pending;

pub use close::{CloseInfo, CloseKind};
pub use events::EventStream;
pub use handle::{CallError, Connection};

pub(crate) use actor::{error_of, start};
