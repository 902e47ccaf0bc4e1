//! Admission: everything around the pure decision. Verifies, looks up, decides, writes, and tells what follows.

use openclaw_identity::Secret;
use openclaw_protocol::{
    connect::{CAP_PURPOSE_PREFIX, ConnectParams},
    hello::HelloAuth,
    scope::{Role, ScopeSet},
    version::Dialect,
};
use openclaw_store::pairing::{self, Device, DeviceToken, Invitation, Profile, Surface, TokenCheck, verify_token};
use tracing::{info, warn};

use super::{
    credentials::{self, AuthFailure, Proof},
    decide::{self, Admit, Ask, Circumstances, Decision},
    device::{self, VerifiedDevice},
    deviceless,
    origin::{self, Page},
    rate_limit::Kind,
    refusal::{PairingNeeded, Refusal},
};
use crate::{
    conn::{
        close::Close,
        handshake::Context,
        session::{Facts, NodeSide, Session},
    },
    hub::Hub,
    nodes::policy::{self, Platform},
    pairing::{inbox, seen, waiters::Ticket},
};

/// Names in `caps` that begin so are ours and are no capabilities.
pub(crate) const OWN_CAPS: &str = "openclaw.";
/// Longest purpose that is kept, in characters.
const MAX_PURPOSE: usize = 200;

/// What follows from a `connect`.
pub(crate) enum Outcome {
    Admitted(Box<Admitted>),
    Refused(Refusal),
    /// The client asked to be kept waiting for a person.
    Wait(Box<Wait>),
}

/// A connection that may come in.
pub(crate) struct Admitted {
    pub session: Session,
    pub auth: Option<HelloAuth>,
}

/// A connection that waits.
pub(crate) struct Wait {
    pub needed: PairingNeeded,
    pub device: VerifiedDevice,
    pub ticket: Ticket,
}

/// Everything known about one `connect`.
struct Attempt<'a> {
    context: &'a Context,
    params: &'a ConnectParams,
    dialect: Dialect,
    role: Role,
    page: Page,
    proof: Proof,
    /// An invitation is redeemed once, not again for each look at a device that waits.
    redeems: bool,
}

/// Decides about a `connect`.
pub(crate) async fn admit(context: &Context, params: &ConnectParams, dialect: Dialect, nonce: &str) -> Outcome {
    let attempt = match Attempt::new(context, params, dialect) {
        Ok(attempt) => attempt,
        Err(refusal) => return Outcome::Refused(refusal),
    };
    let Some(proof) = &params.device else { return attempt.without_device() };
    match device::verify(params, proof, attempt.role, nonce, context.hub.clock.now_ms()) {
        Ok(device) => attempt.with_device(device).await,
        Err(problem) => Outcome::Refused(Refusal::Device(problem)),
    }
}

/// Decides again about a device whose signature was verified on this connection before.
pub(crate) async fn again(
    context: &Context,
    params: &ConnectParams,
    dialect: Dialect,
    device: &VerifiedDevice,
) -> Outcome {
    match Attempt::new(context, params, dialect) {
        Ok(attempt) => Attempt { redeems: false, ..attempt }.with_device(device.clone()).await,
        Err(refusal) => Outcome::Refused(refusal),
    }
}

/// Looks once more at the record of a session that was just made known, so that whatever was decided while it came in
/// counts for it too: a removal ends it (SEC-060), an approval gives a node its commands.
pub(crate) fn confirm(hub: &Hub, session: &Session) {
    let Some(id) = &session.device_id else { return };
    let mut seen = None;
    loop {
        let record = match hub.store.device(id) {
            Ok(record) => record.filter(|record| record.has_live_role(session.role)),
            Err(error) => {
                warn!(device.id = %id, "its record could not be read again: {error}");
                None
            }
        };
        let Some(record) = record else { return session.outbox.close(Close::Removed("device removed")) };
        if session.role == Role::Operator && !record.scopes.covers_all(&session.scopes) {
            return session.outbox.close(Close::Removed("operator role changed"));
        }
        let approved = record.surface.unwrap_or_default();
        // An approval between the look and the setting would be lost: only what is seen twice is settled.
        if session.role == Role::Operator || seen.as_ref() == Some(&approved) {
            return;
        }
        session.set_effective(session.declared_surface().intersection(&approved));
        seen = Some(approved);
    }
}

impl<'a> Attempt<'a> {
    fn new(context: &'a Context, params: &'a ConnectParams, dialect: Dialect) -> Result<Self, Refusal> {
        let role = Role::parse(params.role.as_deref().unwrap_or("operator")).ok_or(Refusal::Role)?;
        let hub = &context.hub;
        let settings = hub.settings();
        let page = origin::check(params, &context.arrival, &settings).map_err(Refusal::Origin)?;
        let proof = credentials::check(
            params.auth.as_ref(),
            &context.arrival,
            &settings,
            &hub.identity.owner_secret,
            &hub.limiter,
        );
        Ok(Self { context, params, dialect, role, page, proof, redeems: true })
    }

    fn without_device(self) -> Outcome {
        match deviceless::admit(self.params, self.role, self.dialect, &self.proof, self.page) {
            Ok(scopes) => {
                let method = match &self.proof {
                    Proof::Owner(method) | Proof::Shared(method) => method.as_str(),
                    Proof::Open | Proof::Nothing(_) => "none",
                };
                let auth = HelloAuth {
                    method: None,
                    role: self.role,
                    scopes: scopes.clone(),
                    device_token: None,
                    issued_at_ms: None,
                };
                let session = Session::new(self.facts(scopes, None, method), NodeSide::default());
                // v3 leaves the member out without a device (protocol.md §3.7).
                let auth = (self.dialect == Dialect::V4).then_some(auth);
                Outcome::Admitted(Box::new(Admitted { session, auth }))
            }
            Err(refusal) => Outcome::Refused(refusal),
        }
    }

    async fn with_device(self, device: VerifiedDevice) -> Outcome {
        let hub = &self.context.hub;
        // Entered before anything is looked up, so that no decision in between is missed.
        let ticket = if self.params.waits_for_pairing() { hub.waiters.enter(&device.id) } else { None };
        let record = match hub.store.device(&device.id) {
            Ok(record) => record,
            Err(error) => return Outcome::Refused(Refusal::State(error.to_string())),
        };
        self.forgive_own_token(record.as_ref());
        let invitation = match self.invitation(&device, record.as_ref()).await {
            Ok(invitation) => invitation,
            Err(refusal) => return Outcome::Refused(refusal),
        };
        let ask = self.ask();
        let settings = hub.settings();
        let arrival = &self.context.arrival;
        let how = Circumstances {
            proof: self.proof.clone(),
            page: self.page,
            invitation,
            auto_approve_local: settings.nodes().auto_approve_local,
            in_trusted_network: arrival.client_ip == arrival.peer.ip().to_canonical()
                && !arrival.behind_proxy
                && settings.nodes().auto_approve_networks.iter().any(|network| network.contains(arrival.client_ip)),
        };
        match (decide::decide(&ask, &how, record.as_ref()), record) {
            (Decision::Unauthorized(failure), _) => Outcome::Refused(Refusal::Unauthorized(failure)),
            (Decision::Ask { wish, reason }, record) => {
                let ask = self.pairing_ask(&device, wish, reason, record.as_ref());
                self.wait_or_refuse(device, ask, record.as_ref(), ticket).await
            }
            (Decision::Pair { via, wish, method, reason }, record) => {
                let ask = self.pairing_ask(&device, wish, reason, record.as_ref());
                match inbox::pair_silently(hub, ask, via).await {
                    Ok(record) => self.enter(&device, &record, method, None).await,
                    Err(error) => Outcome::Refused(Refusal::State(error.to_string())),
                }
            }
            (Decision::Admit(admit), Some(record)) => self.admitted(&device, &record, admit).await,
            // Without a record nobody is admitted; the pure function says so, and this arm keeps it so (SEC-001).
            (Decision::Admit(_), None) => Outcome::Refused(Refusal::Unauthorized(AuthFailure::TokenMissing)),
        }
    }

    async fn admitted(self, device: &VerifiedDevice, record: &Device, admit: Admit) -> Outcome {
        let hub = &self.context.hub;
        if admit.repaired {
            info!(
                device.id = %device.id, role = %self.role,
                "security audit: {} came in by its key, with a stale token or none; it gets its current token",
                crate::text::for_log(record.name())
            );
        }
        if let Some(wish) = admit.also_ask {
            let ask = self.pairing_ask(device, wish, pairing::Reason::SurfaceUpgrade, Some(record));
            if let Err(error) = inbox::file(hub, ask).await {
                warn!(device.id = %device.id, "its new commands could not be put before the owner: {error}");
            }
        }
        self.enter(device, record, admit.method, Some(admit.repaired)).await
    }

    /// Makes the session of an admitted device, with a token that covers what it asked for.
    async fn enter(
        self,
        device: &VerifiedDevice,
        record: &Device,
        method: &'static str,
        known: Option<bool>,
    ) -> Outcome {
        let hub = &self.context.hub;
        let scopes = match self.role {
            Role::Operator => asked_scopes(self.params).limited_to(&record.scopes),
            Role::Node => ScopeSet::none(),
        };
        let token = match self.token(record, &scopes).await {
            Ok(token) => token,
            Err(refusal) => return Outcome::Refused(refusal),
        };
        let node = match self.role {
            Role::Operator => NodeSide::default(),
            Role::Node => {
                let declared = self.ask().surface;
                let effective = record.surface.as_ref().map(|approved| declared.intersection(approved));
                NodeSide { declared: declared.into(), effective: effective.unwrap_or_default().into() }
            }
        };
        let auth = HelloAuth {
            method: None,
            role: self.role,
            scopes: scopes.clone(),
            device_token: Some(token.token.expose().to_owned()),
            issued_at_ms: Some(token.rotated_at_ms.unwrap_or(token.created_at_ms)),
        };
        let reason = if known.is_some() { "connect" } else { "pairing" };
        let mut facts = self.facts(scopes, Some(device), method);
        if let Some(platform) = &record.profile.platform {
            // The pinned spelling replaces the claimed one, so that policy and lists see what was approved.
            facts.client.platform.clone_from(platform);
        }
        let session = Session::new(facts, node);
        seen::note_connect(hub, &session, reason);
        Outcome::Admitted(Box::new(Admitted { session, auth: Some(auth) }))
    }

    async fn token(&self, record: &Device, scopes: &ScopeSet) -> Result<DeviceToken, Refusal> {
        let current = record.token(self.role).filter(|token| token.revoked_at_ms.is_none());
        if let Some(token) = current.filter(|token| !token.token.is_empty() && token.scopes.covers_all(scopes)) {
            return Ok(token.clone());
        }
        let hub = &self.context.hub;
        let minted = hub.store.ensure_token(record.id.clone(), self.role, scopes.clone(), hub.clock.now_ms()).await;
        minted.map_err(|error| Refusal::State(error.to_string()))
    }

    async fn wait_or_refuse(
        self,
        device: VerifiedDevice,
        ask: pairing::Ask,
        record: Option<&Device>,
        ticket: Option<Ticket>,
    ) -> Outcome {
        let hub = &self.context.hub;
        // Why this attempt has to wait, which is not always why its device's one request was filed.
        let reason = ask.reason;
        let request = match inbox::file(hub, ask).await {
            Ok(request) => request,
            Err(inbox::FileError::Quota(_)) => return Outcome::Refused(Refusal::Quota),
            Err(inbox::FileError::Store(error)) => return Outcome::Refused(Refusal::State(error.to_string())),
        };
        let needed = PairingNeeded {
            matching_code: openclaw_identity::matching_code(
                &hub.identity.key.public(),
                &device.key,
                request.id.as_str(),
            ),
            request_id: request.id,
            reason,
            role: self.role,
            scopes: asked_scopes(self.params),
            approved_roles: record.map(|record| record.roles.iter().copied().collect()).unwrap_or_default(),
            approved_scopes: record.map(|record| record.scopes.clone()).unwrap_or_default(),
        };
        match ticket {
            Some(ticket) => Outcome::Wait(Box::new(Wait { needed, device, ticket })),
            None => Outcome::Refused(Refusal::Pairing(Box::new(needed))),
        }
    }

    /// Redeems the invitation that came with the connection. One that is no good does not keep a paired device out.
    async fn invitation(
        &self,
        device: &VerifiedDevice,
        record: Option<&Device>,
    ) -> Result<Option<Invitation>, Refusal> {
        let code = self.params.auth.as_ref().and_then(|auth| auth.bootstrap_token.as_deref());
        let Some(code) = code.map(str::trim).filter(|code| !code.is_empty()) else { return Ok(None) };
        if !self.redeems || matches!(self.proof, Proof::Owner(_)) {
            return Ok(None);
        }
        let hub = &self.context.hub;
        let arrival = &self.context.arrival;
        let limits = hub.settings().rate_limits(arrival);
        let attempt = hub.limiter.attempt(Kind::Bootstrap, &credentials::who(arrival), limits);
        let attempt = attempt.map_err(|wait| Refusal::Unauthorized(credentials::limited(wait)))?;
        match hub.store.redeem(Secret::new(code), device.id.clone(), hub.clock.now_ms()).await {
            Ok(invitation) => {
                attempt.succeeded();
                Ok(Some(invitation))
            }
            Err(_) if record.is_some_and(|record| record.has_live_role(self.role)) => Ok(None),
            Err(pairing::RedeemError::Store(error)) => Err(Refusal::State(error.to_string())),
            Err(_) => Err(Refusal::Unauthorized(AuthFailure::BootstrapInvalid)),
        }
    }

    /// Official clients send the token of their device where the shared one belongs. It is no guess when it is right,
    /// so it does not count as one; any other text does, whoever sends it (SEC-033).
    fn forgive_own_token(&self, record: Option<&Device>) {
        let shown = self.params.auth.as_ref().and_then(|auth| auth.token.as_deref()).map(str::trim);
        let (Some(record), Some(shown)) = (record, shown) else { return };
        let mismatch = matches!(self.proof, Proof::Nothing(AuthFailure::TokenMismatch));
        if mismatch && matches!(verify_token(record, self.role, shown), TokenCheck::Valid { .. }) {
            self.context.hub.limiter.forgive(Kind::SharedSecret, &credentials::who(&self.context.arrival));
        }
    }

    fn ask(&self) -> Ask {
        let params = self.params;
        let auth = params.auth.as_ref();
        let presented = auth.and_then(|auth| auth.device_token.as_deref().or(auth.token.as_deref()));
        let surface = match self.role {
            Role::Operator => Surface::default(),
            Role::Node => {
                let settings = self.context.hub.settings();
                policy::permitted(declared(params), Platform::of(&params.client), settings.nodes())
            }
        };
        Ask {
            role: self.role,
            scopes: if self.role == Role::Operator { asked_scopes(params) } else { ScopeSet::none() },
            surface,
            platform: params.client.platform.clone(),
            device_family: params.client.device_family.clone(),
            presented_token: presented.map(|token| token.trim().to_owned()),
        }
    }

    fn pairing_ask(
        &self,
        device: &VerifiedDevice,
        wish: pairing::Wish,
        reason: pairing::Reason,
        record: Option<&Device>,
    ) -> pairing::Ask {
        let client = &self.params.client;
        // A node that is also used as operator stays the node that people know: its name and program are the node's.
        let keeps = self.role == Role::Operator && record.is_some_and(|record| record.roles.contains(&Role::Node));
        let unless_kept = |text: Option<String>| text.filter(|_| !keeps);
        let purpose = self.params.caps.iter().find_map(|cap| cap.strip_prefix(CAP_PURPOSE_PREFIX));
        pairing::Ask {
            device_id: device.id.clone(),
            public_key: device.key.to_wire(),
            profile: Profile {
                display_name: unless_kept(client.display_name.clone()),
                platform: Some(client.platform.clone()),
                device_family: client.device_family.clone(),
                model_identifier: client.model_identifier.clone(),
                client_id: unless_kept(Some(client.id.clone())),
                client_mode: unless_kept(Some(client.mode.clone())),
                version: unless_kept(Some(client.version.clone())),
                remote_ip: self.context.arrival.remote_ip(),
                purpose: purpose.map(|text| text.chars().take(MAX_PURPOSE).collect()),
            },
            wish,
            reason,
            is_repair: record.is_some(),
        }
    }

    fn facts(&self, scopes: ScopeSet, device: Option<&VerifiedDevice>, method: &'static str) -> Facts {
        let Context { hub, conn_id, arrival, .. } = self.context;
        Facts {
            conn_id: conn_id.clone(),
            role: self.role,
            scopes,
            dialect: self.dialect,
            device_id: device.map(|device| device.id.clone()),
            client: self.params.client.clone(),
            caps: self.params.caps.clone(),
            path_env: self.params.path_env.clone(),
            remote_ip: arrival.remote_ip(),
            owner: matches!(self.proof, Proof::Owner(_)) && self.page != Page::Allowed,
            auth_method: method,
            connected_at_ms: hub.clock.now_ms(),
        }
    }
}

fn asked_scopes(params: &ConnectParams) -> ScopeSet {
    params.scopes.iter().cloned().collect()
}

/// What a node declares, without our own flags.
fn declared(params: &ConnectParams) -> Surface {
    let names = |list: &[String]| {
        list.iter().map(|name| name.trim()).filter(|name| !name.is_empty()).map(str::to_owned).collect()
    };
    let caps: Vec<String> = params.caps.iter().filter(|cap| !cap.starts_with(OWN_CAPS)).cloned().collect();
    Surface { caps: names(&caps), commands: names(&params.commands), permissions: params.permissions.clone() }
}
