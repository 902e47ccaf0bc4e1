//! The inbox of devices that wait for a person (promise P3): filing and deciding requests ([`inbox`]), the connections
//! that wait for a decision ([`waiters`]), what lists show ([`view`]), and who was here when ([`seen`]).

pub(crate) mod inbox;
pub(crate) mod seen;
pub mod shape;
pub(crate) mod view;
pub(crate) mod waiters;
