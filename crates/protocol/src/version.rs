//! Protocol versions and their negotiation (protocol.md §3.3, §11.1).

use std::fmt;

/// The dialect that a connection speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Dialect {
    /// Protocol 3, `OpenClaw` 2026.3.x.
    V3,
    /// Protocol 4, `OpenClaw` 2026.9.x.
    V4,
}

/// What our programs say when asked for their version: the release whose wire they speak, then our own build of it.
pub const RELEASE: &str = "2026.9.1-rs.1";
/// What is written into `meta.lastTouchedVersion` of openclaw.json: the release whose file format ours is. Programs of
/// that release warn at every call about a file that a newer one wrote.
pub const CONFIG_RELEASE: &str = "2026.3.13";
/// Lowest protocol that this code speaks.
pub const MIN_PROTOCOL: u32 = 3;
/// Highest protocol that this code speaks.
pub const MAX_PROTOCOL: u32 = 4;

impl Dialect {
    /// The number on the wire.
    pub const fn number(self) -> u32 {
        match self {
            Self::V3 => 3,
            Self::V4 => 4,
        }
    }

    /// What both sides speak: the highest common version, or `None` when there is none.
    pub fn negotiate(client_min: u32, client_max: u32) -> Option<Self> {
        if client_min > MAX_PROTOCOL || client_max < MIN_PROTOCOL || client_min > client_max {
            return None;
        }
        Some(if client_max >= 4 { Self::V4 } else { Self::V3 })
    }

    /// The dialect of a hello-ok's `protocol`; versions above ours are read as the newest that we know.
    pub fn of_number(protocol: u32) -> Option<Self> {
        match protocol {
            3 => Some(Self::V3),
            n if n >= 4 => Some(Self::V4),
            _ => None,
        }
    }
}

impl fmt::Display for Dialect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "v{}", self.number())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_highest_common_version_wins() {
        for (min, max, expected) in [
            (3, 3, Some(Dialect::V3)),
            (4, 4, Some(Dialect::V4)),
            (3, 4, Some(Dialect::V4)),
            (1, 9, Some(Dialect::V4)),
            (5, 9, None),
            (1, 2, None),
            (4, 3, None),
        ] {
            assert_eq!(Dialect::negotiate(min, max), expected, "{min}..{max}");
        }
    }
}
