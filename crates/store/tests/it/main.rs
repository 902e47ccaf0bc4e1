//! The store through its public door, on a real disk.
//!
//! `cfg(test)` on each module says to the lints that everything in it is test code.

#[cfg(test)]
mod common;
#[cfg(test)]
mod durability;
#[cfg(test)]
mod files;
#[cfg(test)]
mod import;
#[cfg(test)]
mod pairing;
#[cfg(test)]
mod properties;
#[cfg(test)]
mod security;
