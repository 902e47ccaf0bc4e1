//! What a method is: a wire name, the type of its params, the type of its reply.

use schemars::JsonSchema;
use serde::{Serialize, de::DeserializeOwned};

/// One RPC method. Implemented by an empty enum that is only a name for the compiler.
pub trait Method: Send + Sync + 'static {
    /// The wire name, such as `node.rename`.
    const NAME: &'static str;
    /// Decoded strictly by the gateway.
    type Params: Serialize + DeserializeOwned + JsonSchema + Send;
    /// Decoded leniently by clients.
    type Reply: Serialize + DeserializeOwned + JsonSchema + Send;
}

/// Declares a [`Method`].
macro_rules! method {
    ($(#[$doc:meta])* $name:ident = $wire:literal: $params:ty => $reply:ty) => {
        $(#[$doc])*
        pub enum $name {}

        impl $crate::method::Method for $name {
            const NAME: &'static str = $wire;
            type Params = $params;
            type Reply = $reply;
        }
    };
}
pub(crate) use method;

/// Params of a method that takes none. Closed, as the reference's are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NoParams {}

/// The answer `{"ok": true}`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize, JsonSchema)]
pub struct Done {
    /// Always true.
    pub ok: bool,
}

impl Done {
    /// `{"ok": true}`.
    pub const OK: Self = Self { ok: true };
}
