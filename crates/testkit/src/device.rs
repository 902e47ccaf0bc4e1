//! Devices that dial a test gateway.

use openclaw_client::Caller;
use openclaw_identity::DeviceKey;
use openclaw_protocol::{
    connect::ConnectParams,
    id::DeviceId,
    scope::{Role, ScopeSet},
};

/// A device with its own key.
#[derive(Clone, Debug)]
pub struct Device {
    pub caller: Caller,
}

impl Device {
    /// This caller with a new key.
    pub fn with(mut caller: Caller) -> Self {
        caller.key = Some(DeviceKey::generate().expect("random bytes"));
        Self { caller }
    }

    /// A node that offers these commands and is refused rather than kept waiting.
    pub fn node(commands: &[&str]) -> Self {
        let mut caller = Caller::new("node-host", "node", Role::Node);
        caller.client.display_name = Some("Build Box".into());
        caller.caps = vec!["system".into()];
        caller.commands = commands.iter().map(|command| (*command).to_owned()).collect();
        Self::with(caller)
    }

    /// An operator that asks for these scopes.
    pub fn operator(scopes: &[&str]) -> Self {
        let mut caller = Caller::new("cli", "cli", Role::Operator);
        caller.scopes = scopes.iter().map(|scope| (*scope).to_owned()).collect();
        Self::with(caller)
    }

    /// The same device, asking to be kept in the waiting room.
    #[must_use]
    pub fn waiting(mut self) -> Self {
        self.caller.wait_for_pairing = true;
        self
    }

    /// The same key in another role.
    #[must_use]
    pub fn as_other(&self, other: &Self) -> Self {
        let mut caller = other.caller.clone();
        caller.key.clone_from(&self.caller.key);
        Self { caller }
    }

    /// What it says in `connect`, for protocols 3 to 4, without credentials and unsigned.
    pub fn params(&self) -> ConnectParams {
        let caller = &self.caller;
        ConnectParams {
            min_protocol: 3,
            max_protocol: 4,
            client: caller.client.clone(),
            caps: caller.caps.clone(),
            commands: caller.commands.clone(),
            permissions: caller.permissions.clone(),
            role: Some(caller.role.as_str().to_owned()),
            scopes: caller.scopes.clone(),
            ..ConnectParams::default()
        }
    }

    /// Whose key it holds.
    ///
    /// # Panics
    /// When it has none.
    pub fn key(&self) -> &DeviceKey {
        self.caller.key.as_ref().expect("a key")
    }

    /// The device's id.
    pub fn id(&self) -> DeviceId {
        self.caller.key.as_ref().expect("a key").device_id()
    }
}

/// The CLI of the gateway's owner.
pub fn owner_caller() -> Caller {
    let mut caller = Caller::new("cli", "cli", Role::Operator);
    caller.scopes = ScopeSet::owner().iter().map(ToString::to_string).collect();
    caller
}
