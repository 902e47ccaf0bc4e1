//! The store through its public door, on a real disk.

mod common;
mod pairing;
