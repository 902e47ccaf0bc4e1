//! The real binary against real gateways and nodes, each in a home folder of its own.
//!
//! `cfg(test)` on each module says to the lints that everything in it is test code.

#[cfg(test)]
mod approvals;
#[cfg(test)]
mod config;
#[cfg(test)]
mod devices;
#[cfg(test)]
mod errors;
#[cfg(test)]
mod gateway;
#[cfg(test)]
mod logs;
#[cfg(test)]
mod nodes;
#[cfg(test)]
mod pairing;
#[cfg(test)]
mod root;
#[cfg(test)]
mod up;
#[cfg(test)]
mod world;
