//! `openclaw up`: gateway and node of this machine in one process, what they can do, how to reach them; attaches to
//! what runs already.

mod command;
mod screen;
mod watch;

pub(crate) use command::{Up, run};
