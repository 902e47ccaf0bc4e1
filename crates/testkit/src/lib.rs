//! For tests only: a gateway on port 0 with temporary state ([`gateway`]), devices that dial it with our
//! own client ([`device`]), and, for frames that no client of ours would send, a bare wire ([`wire`]) with a door
//! knocker ([`knock`]) and a conversation ([`peer`]) on top, and a bare socket below ([`raw`]).

#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::missing_panics_doc,
    clippy::indexing_slicing,
    reason = "a test helper that cannot go on fails its test"
)]

pub mod device;
pub mod gateway;
pub mod knock;
pub mod peer;
pub mod raw;
mod wait;
pub mod wire;

pub use device::Device;
pub use gateway::{TOKEN, TestGateway};
pub use knock::{Knock, Refused};
pub use peer::Peer;
pub use raw::RawSocket;
pub use wire::Wire;

pub use wait::{DEADLINE, eventually, within};
