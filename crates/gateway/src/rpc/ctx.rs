//! What a handler gets: the gateway's shared parts and who calls.

use std::sync::Arc;

use openclaw_protocol::scope::{Scope, ScopeSet};
use openclaw_store::pairing::Approver;

use crate::{conn::session::Session, hub::Hub};

/// The context of one request.
#[derive(Clone)]
pub(crate) struct Ctx {
    pub hub: Arc<Hub>,
    pub session: Arc<Session>,
}

impl Ctx {
    pub(crate) fn now_ms(&self) -> u64 {
        self.hub.clock.now_ms()
    }

    /// What the caller may grant: everything for the owner of the state directory on this machine, else no more than
    /// it holds itself (SEC-050).
    pub(crate) fn approver(&self) -> Approver {
        if self.session.owner { Approver::Owner } else { Approver::Scopes(self.session.scopes.clone()) }
    }

    /// Whether the caller may see and change what belongs to other devices (SEC-058).
    pub(crate) fn is_admin(&self) -> bool {
        self.session.scopes.covers(Scope::ADMIN)
    }

    pub(crate) fn scopes(&self) -> &ScopeSet {
        &self.session.scopes
    }

    /// Who the caller is, for the audit trail.
    pub(crate) fn principal(&self) -> String {
        match &self.session.device_id {
            Some(device) => device.to_string(),
            None => format!("{} without device", self.session.client.id),
        }
    }
}
