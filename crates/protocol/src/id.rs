//! Identifiers. Each is a type of its own, so that one kind cannot be passed for another.

use std::{borrow::Borrow, fmt};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

macro_rules! text_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
        #[serde(transparent)]
        pub struct $name(String);

        impl $name {
            /// Takes the text as it is.
            pub fn new(text: impl Into<String>) -> Self {
                Self(text.into())
            }

            /// The text, as it stands on the wire.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> Self {
                id.0
            }
        }
    };
}

text_id! {
    /// A device: the lowercase hex SHA-256 of its raw 32-byte Ed25519 public key, 64 characters.
    ///
    /// It is also the id of the node that the device hosts (`nodeId` on the wire; protocol.md §7.1).
    DeviceId
}
text_id! {
    /// One pairing request, a `UUIDv4` chosen by the gateway; stable while the wish stays the same (promise P4).
    RequestId
}
text_id! {
    /// One connection to the gateway, a `UUIDv4` chosen by it (`server.connId` of hello-ok).
    ConnId
}
text_id! {
    /// One command that was sent to a node and waits for its result.
    InvokeId
}

impl DeviceId {
    /// The first characters, enough for a person to tell two devices apart.
    pub fn short(&self) -> &str {
        self.0.get(..8).unwrap_or(&self.0)
    }

    /// Whether the text has the form of a device id: 64 lowercase hex digits.
    pub fn is_well_formed(&self) -> bool {
        self.0.len() == 64 && self.0.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
    }
}
