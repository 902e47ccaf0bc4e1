//! The records. They are the store's own, and are converted to and from wire types by whoever speaks the wire.

use std::{collections::BTreeSet, fmt};

use openclaw_identity::Secret;
use openclaw_protocol::{
    id::{DeviceId, RequestId},
    scope::{Role, Scope, ScopeSet},
};
use serde::{Deserialize, Serialize};

use super::wish::{Surface, Wish};

/// A paired device.
#[derive(Clone, Debug)]
pub struct Device {
    pub id: DeviceId,
    /// base64url of the raw 32 bytes.
    pub public_key: String,
    pub profile: Profile,
    pub roles: BTreeSet<Role>,
    /// The approved baseline: no token of the role operator gives more (SEC-051).
    pub scopes: ScopeSet,
    /// The approved node surface; `None` until one was approved.
    pub surface: Option<Surface>,
    /// At most one per role, sorted by role.
    pub tokens: Vec<DeviceToken>,
    /// What the operator calls it, beside the name that it gives itself.
    pub operator_label: Option<String>,
    pub created_at_ms: u64,
    pub approved_at_ms: u64,
    pub approved_via: ApprovedVia,
    pub seen: Seen,
}

impl Device {
    /// The token of that role, revoked or not.
    pub fn token(&self, role: Role) -> Option<&DeviceToken> {
        self.tokens.iter().find(|token| token.role == role)
    }

    /// Whether the device holds that role and it was not revoked.
    pub fn has_live_role(&self, role: Role) -> bool {
        self.roles.contains(&role) && self.token(role).is_some_and(|token| token.revoked_at_ms.is_none())
    }

    /// Whether it may do everything: then only somebody who may do everything acts on it (SEC-058).
    pub fn is_admin(&self) -> bool {
        self.has_live_role(Role::Operator) && self.scopes.covers(Scope::ADMIN)
    }

    /// What people call it: the operator's label, else its own name, else the start of its id.
    pub fn name(&self) -> &str {
        self.operator_label.as_deref().or(self.profile.display_name.as_deref()).unwrap_or_else(|| self.id.short())
    }
}

/// What a device says about itself. It grants nothing (SEC-002).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Profile {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub display_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub platform: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub device_family: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model_identifier: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_mode: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// The address of its socket; `None` for this machine.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remote_ip: Option<String>,
    /// What the person wrote behind `--purpose` (promise P9).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub purpose: Option<String>,
}

impl Profile {
    /// `newer` where it says something, the old value where it does not: a name is never lost (cli.md §4.2).
    #[must_use]
    pub fn merged(&self, newer: &Self) -> Self {
        let pick = |new: &Option<String>, old: &Option<String>| {
            new.as_ref().filter(|text| !text.is_empty()).or(old.as_ref()).cloned()
        };
        Self {
            display_name: pick(&newer.display_name, &self.display_name),
            platform: pick(&newer.platform, &self.platform),
            device_family: pick(&newer.device_family, &self.device_family),
            model_identifier: pick(&newer.model_identifier, &self.model_identifier),
            client_id: pick(&newer.client_id, &self.client_id),
            client_mode: pick(&newer.client_mode, &self.client_mode),
            version: pick(&newer.version, &self.version),
            remote_ip: pick(&newer.remote_ip, &self.remote_ip),
            purpose: pick(&newer.purpose, &self.purpose),
        }
    }
}

/// A secret by which a device proves a role without asking again.
#[derive(Clone, Debug)]
pub struct DeviceToken {
    pub role: Role,
    pub token: Secret,
    /// What it gives, within the device's baseline.
    pub scopes: ScopeSet,
    pub created_at_ms: u64,
    pub rotated_at_ms: Option<u64>,
    pub revoked_at_ms: Option<u64>,
    pub last_used_at_ms: Option<u64>,
}

/// When a device was here. May lose its last second when the power fails.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    pub last_seen_at_ms: Option<u64>,
    /// `connect`, `device-token-auth`, …
    pub last_seen_reason: Option<String>,
    pub last_connected_at_ms: Option<u64>,
    pub last_disconnected_at_ms: Option<u64>,
}

macro_rules! named {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $text:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum $name { $($(#[$variant_doc])* $variant,)+ }

        impl $name {
            /// The name on the wire and on the disk.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text,)+ }
            }

            /// The value of that name.
            pub fn parse(text: &str) -> Option<Self> {
                match text { $($text => Some(Self::$variant),)+ _ => None }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }
    };
}

named! {
    /// How a device came in (`approvedVia`, protocol.md §5.1).
    ApprovedVia {
        /// Somebody approved it.
        Owner = "owner",
        /// It proved that it is on the owner's machine.
        Silent = "silent",
        /// It used an invitation.
        Bootstrap = "bootstrap",
        /// Its network is trusted by the configuration.
        TrustedCidr = "trusted-cidr",
        /// It came from the state of an older installation.
        Import = "import",
    }
}

named! {
    /// Why a device has to ask (protocol.md §3.6).
    Reason {
        NotPaired = "not-paired",
        RoleUpgrade = "role-upgrade",
        ScopeUpgrade = "scope-upgrade",
        MetadataUpgrade = "metadata-upgrade",
        /// A paired node offers more than was approved.
        SurfaceUpgrade = "surface-upgrade",
    }
}

/// A device that waits for a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PairingRequest {
    pub id: RequestId,
    pub device_id: DeviceId,
    pub public_key: String,
    pub profile: Profile,
    pub wish: Wish,
    pub reason: Reason,
    /// The device is paired already and asks for more.
    pub is_repair: bool,
    pub created_at_ms: u64,
    /// Every retry sets it; the life of the request counts from here.
    pub refreshed_at_ms: u64,
    /// An approver has been shown it; it is never evicted then (SEC-056).
    pub shown: bool,
}

impl PairingRequest {
    /// When it ends unless the device retries.
    pub fn expires_at_ms(&self) -> u64 {
        self.refreshed_at_ms.saturating_add(openclaw_protocol::limits::PAIRING_TTL_MS)
    }
}

/// What a device asks for, as a connection brings it.
#[derive(Clone, Debug)]
pub struct Ask {
    pub device_id: DeviceId,
    pub public_key: String,
    pub profile: Profile,
    pub wish: Wish,
    pub reason: Reason,
    pub is_repair: bool,
}

/// In whose name something is granted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Approver {
    /// Whoever owns the state directory: may grant everything (promise P5).
    Owner,
    /// A connection with these scopes: may grant what it holds itself (SEC-050).
    Scopes(ScopeSet),
}

impl Approver {
    /// The first of `wanted` that it does not hold.
    pub(super) fn missing<'a>(&self, wanted: impl IntoIterator<Item = &'a str>) -> Option<String> {
        match self {
            Self::Owner => None,
            Self::Scopes(held) => wanted.into_iter().find(|scope| !held.covers(scope)).map(str::to_owned),
        }
    }

    pub(super) const fn as_str(&self) -> &'static str {
        match self {
            Self::Owner => "owner",
            Self::Scopes(_) => "operator",
        }
    }
}
