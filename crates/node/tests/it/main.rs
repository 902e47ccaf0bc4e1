//! The node host against a gateway that follows a script.

mod gateway;
mod host;
mod invokes;
