//! The node host against a gateway that follows a script.

#[cfg(test)]
mod gateway;
#[cfg(test)]
mod host;
#[cfg(test)]
mod invokes;
