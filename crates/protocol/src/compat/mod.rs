//! Older shapes. Handlers see only the newest one; conversion happens at the connection's edge.

pub mod v3;
