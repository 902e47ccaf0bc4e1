//! `identity/device-auth.json`: the tokens that gateways gave this device (nodes.md §1.3).
//!
//! `tokens` is the official programs' map, for the gateway of this machine. Ours is `gateways`: a map for each other
//! endpoint, so that a token is sent nowhere but where it came from (SEC-010).

use std::{collections::BTreeMap, fmt, path::PathBuf};

use openclaw_identity::{Fingerprint, Secret};
use openclaw_protocol::{
    id::DeviceId,
    scope::{Role, ScopeSet},
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{
    FileError,
    text::{read_json, set_aside, write_json},
};

/// The gateway that a token belongs to.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Endpoint {
    /// The gateway of this state directory, where the official programs look too.
    Local,
    /// Exactly this URL (scheme, host, port, path), and this certificate when one is pinned.
    Remote { url: String, pin: Option<String> },
}

impl Endpoint {
    /// Another gateway.
    pub fn remote(url: &str, pin: Option<&Fingerprint>) -> Self {
        let url = url.trim().trim_end_matches('/').to_ascii_lowercase();
        Self::Remote { url, pin: pin.map(|pin| pin.as_str().to_owned()) }
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Local => f.write_str("local"),
            Self::Remote { url, pin: None } => f.write_str(url),
            Self::Remote { url, pin: Some(pin) } => write!(f, "{url} sha256:{pin}"),
        }
    }
}

/// A token from a gateway.
#[derive(Clone, Debug)]
pub struct StoredToken {
    pub token: Secret,
    pub scopes: ScopeSet,
    /// Milliseconds since the epoch.
    pub updated_at_ms: u64,
}

/// The file's members.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Members {
    version: u32,
    device_id: String,
    #[serde(default)]
    tokens: Tokens,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    gateways: BTreeMap<String, OfGateway>,
    #[serde(flatten)]
    rest: Map<String, Value>,
}

type Tokens = BTreeMap<String, TokenMembers>;

#[derive(Default, Serialize, Deserialize)]
struct OfGateway {
    #[serde(default)]
    tokens: Tokens,
    #[serde(flatten)]
    rest: Map<String, Value>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct TokenMembers {
    token: String,
    role: String,
    #[serde(default)]
    scopes: ScopeSet,
    #[serde(default)]
    updated_at_ms: u64,
    #[serde(flatten)]
    rest: Map<String, Value>,
}

/// The tokens of one device. Every call reads the file, for the official programs may write it too.
#[derive(Clone, Debug)]
pub struct DeviceAuth {
    path: PathBuf,
    device: DeviceId,
}

impl DeviceAuth {
    /// The file at `path`, in the name of that device.
    pub fn at(path: PathBuf, device: DeviceId) -> Self {
        Self { path, device }
    }

    /// The token for that endpoint and role; `None` when there is none, or the file belongs to another device.
    ///
    /// # Errors
    /// [`FileError::Malformed`].
    pub fn token(&self, endpoint: &Endpoint, role: Role) -> Result<Option<StoredToken>, FileError> {
        let mut members = self.read()?;
        Ok(tokens_of(&mut members, endpoint).remove(role.as_str()).filter(|found| !found.token.is_empty()).map(
            |found| StoredToken {
                token: Secret::new(found.token),
                scopes: found.scopes,
                updated_at_ms: found.updated_at_ms,
            },
        ))
    }

    /// Keeps a token. A file of another device is begun anew, as the original does; one that cannot be understood is
    /// moved aside first.
    ///
    /// # Errors
    /// [`FileError`].
    pub fn keep(&self, endpoint: &Endpoint, role: Role, token: &StoredToken) -> Result<(), FileError> {
        let mut members = match self.read() {
            Err(FileError::Malformed { why, .. }) => match set_aside(&self.path, why, token.updated_at_ms) {
                error @ FileError::SetAside { .. } => {
                    tracing::warn!(%error, "the stored gateway tokens were begun anew");
                    self.fresh()
                }
                error => return Err(error),
            },
            other => other?,
        };
        let tokens = tokens_of(&mut members, endpoint);
        let rest = tokens.remove(role.as_str()).map(|old| old.rest).unwrap_or_default();
        let members_of_token = TokenMembers {
            token: token.token.expose().to_owned(),
            role: role.as_str().to_owned(),
            scopes: token.scopes.clone(),
            updated_at_ms: token.updated_at_ms,
            rest,
        };
        tokens.insert(role.as_str().to_owned(), members_of_token);
        write_json(&self.path, &members)
    }

    /// Forgets a token, after the gateway refused it.
    ///
    /// # Errors
    /// [`FileError`].
    pub fn forget(&self, endpoint: &Endpoint, role: Role) -> Result<(), FileError> {
        let mut members = self.read()?;
        match tokens_of(&mut members, endpoint).remove(role.as_str()) {
            Some(_) => write_json(&self.path, &members),
            None => Ok(()),
        }
    }

    fn read(&self) -> Result<Members, FileError> {
        let members = read_json::<Members>(&self.path)?;
        Ok(members
            .filter(|members| members.version == 1 && members.device_id == self.device.as_str())
            .unwrap_or_else(|| self.fresh()))
    }

    fn fresh(&self) -> Members {
        Members {
            version: 1,
            device_id: self.device.as_str().to_owned(),
            tokens: Tokens::new(),
            gateways: BTreeMap::new(),
            rest: Map::new(),
        }
    }
}

fn tokens_of<'a>(members: &'a mut Members, endpoint: &Endpoint) -> &'a mut Tokens {
    match endpoint {
        Endpoint::Local => &mut members.tokens,
        Endpoint::Remote { .. } => &mut members.gateways.entry(endpoint.to_string()).or_default().tokens,
    }
}
