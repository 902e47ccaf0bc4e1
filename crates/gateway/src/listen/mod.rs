//! Where the gateway listens (cli.md §2.1): from the configuration to bound sockets, before anything else changes
//! (REL-021).

mod bind;
mod holder;

pub(crate) use bind::{ListenError, bind};
