//! `openclaw doctor`: walks the layers to the gateway, says at which it stops, and whether the gateway reached is the
//! one that this CLI administers (promise P7); then the state directory and the configuration. Changes nothing.

mod command;
mod gateway;
mod here;
mod node;

pub(crate) use command::{Doctor, run};
