//! Serving connections: what the gateway asks for, and what becomes of a lost one.

use std::{sync::Arc, time::Duration};

use openclaw_client::{AfterSession, Caller, CloseInfo, Connected, DialError, Refusal, Retry, SessionHandler};
use openclaw_identity::Secret;
use openclaw_protocol::{
    events::node::{INVOKE_CANCEL, INVOKE_INPUT, INVOKE_REQUEST, PAIR_RESOLVED},
    frame::InEvent,
    hello::HelloOk,
    scope::Role,
};
use openclaw_store::files::StoredToken;
use serde_json::Value;

use super::{
    identity::NodeIdentity,
    invokes::{Invokes, Session},
    options::NodeOptions,
    report::{ConnectedReport, Report, Reports, WaitingReport},
    run::address,
};

/// A gateway that cannot keep us waiting is asked again after at least this long, so that its request stays alive.
const ASK_AGAIN: Duration = Duration::from_secs(2);

pub(super) struct Sessions<'a> {
    options: &'a NodeOptions,
    caller: &'a Caller,
    identity: &'a NodeIdentity,
    reporter: &'a dyn Reports,
    invokes: Arc<Invokes>,
}

impl<'a> Sessions<'a> {
    pub(super) const fn new(
        options: &'a NodeOptions,
        caller: &'a Caller,
        identity: &'a NodeIdentity,
        reporter: &'a dyn Reports,
        invokes: Arc<Invokes>,
    ) -> Self {
        Self { options, caller, identity, reporter, invokes }
    }

    fn report(&self, report: Report) {
        self.reporter.report(report, self.options.dial.clock.now_ms());
    }

    /// Keeps the token that came with the hello, for this gateway only (SEC-010).
    fn keep_token(&self, hello: &HelloOk) {
        let Some(auth) = &hello.auth else { return };
        let Some(token) = auth.device_token.as_ref().filter(|token| !token.is_empty()) else { return };
        let (tokens, endpoint) = (self.identity.tokens(), self.options.token_endpoint());
        let is_known = matches!(tokens.token(&endpoint, Role::Node), Ok(Some(known)) if known.token.is(token));
        if is_known {
            return;
        }
        let updated_at_ms = self.options.dial.clock.now_ms();
        let stored = StoredToken { token: Secret::new(token.clone()), scopes: auth.scopes.clone(), updated_at_ms };
        if let Err(error) = tokens.keep(&endpoint, Role::Node, &stored) {
            self.report(Report::Notice(format!("the device token could not be kept: {error}")));
        }
    }

    fn connected(&self, hello: &HelloOk) -> ConnectedReport {
        // Our gateway says more about itself in the snapshot than the reference does.
        let of_gateway = |name: &str| hello.snapshot.pointer(&format!("/gateway/{name}"))?.as_str().map(str::to_owned);
        let waiting = hello.snapshot.pointer("/node/pendingDeclaredCommands").and_then(Value::as_array);
        let waiting = waiting.into_iter().flatten().filter_map(Value::as_str).map(str::to_owned);
        ConnectedReport {
            url: address(&self.options.endpoint),
            gateway_name: of_gateway("name"),
            instance_id: of_gateway("instanceId"),
            version: hello.server.version.clone(),
            protocol: hello.protocol,
            device_id: self.identity.device_id().into(),
            display_name: self.identity.display_name.clone(),
            capabilities: self.caller.caps.iter().filter(|cap| !cap.starts_with("openclaw.")).cloned().collect(),
            commands: self.caller.commands.clone(),
            waiting_commands: waiting.collect(),
        }
    }

    fn serve(&self, session: &Session, event: InEvent) {
        if event.event == INVOKE_REQUEST.name {
            self.invokes.start(session, event.payload);
        } else if event.event == INVOKE_CANCEL.name {
            self.invokes.cancel(event.payload);
        } else if event.event == INVOKE_INPUT.name {
            self.invokes.input(event.payload);
        } else if event.event == PAIR_RESOLVED.name {
            let text = |name: &str| event.payload.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
            if text("nodeId") == self.identity.device_id().as_str() {
                self.report(Report::SurfaceDecided { decision: text("decision") });
            }
        }
    }

    /// Nobody but a person can go on, and the gateway cannot keep us waiting: ask again and again, which keeps the
    /// request alive.
    fn ask_again(&self, refusal: &Refusal) -> Option<Retry> {
        let pairing = refusal.pairing()?;
        let report = WaitingReport {
            url: address(&self.options.endpoint),
            device_id: self.identity.device_id().into(),
            display_name: self.identity.display_name.clone(),
            request_id: pairing.request_id,
            reason: pairing.reason,
            ..WaitingReport::default()
        };
        self.report(Report::Waiting(Box::new(report)));
        Some(Retry::After(ASK_AGAIN))
    }

    /// A stored token that the gateway does not take any more is forgotten, and the dial repeated once without it.
    fn without_stale_token(&self, refusal: &Refusal) -> Option<Retry> {
        let code = refusal.error.detail_code()?;
        let is_stale = matches!(code, "AUTH_TOKEN_MISMATCH" | "AUTH_DEVICE_TOKEN_MISMATCH");
        let given = &self.options.credentials;
        if !is_stale || given.token.is_some() || given.password.is_some() {
            return None;
        }
        let (tokens, endpoint) = (self.identity.tokens(), self.options.token_endpoint());
        match tokens.token(&endpoint, Role::Node) {
            Ok(Some(_)) if tokens.forget(&endpoint, Role::Node).is_ok() => Some(Retry::After(Duration::ZERO)),
            _ => None,
        }
    }
}

impl SessionHandler for Sessions<'_> {
    async fn session(&mut self, connected: Connected) -> AfterSession {
        let Connected { hello, dialect, connection, mut events } = connected;
        self.keep_token(&hello);
        self.report(Report::Connected(Box::new(self.connected(&hello))));
        let session = Session::new(connection, dialect);
        while let Some(event) = events.next().await {
            self.serve(&session, event);
        }
        AfterSession::Reconnect
    }

    fn failed(&mut self, error: &DialError) -> Retry {
        if let DialError::Refused(refusal) = error {
            let special = self.ask_again(refusal).or_else(|| self.without_stale_token(refusal));
            return special.unwrap_or_else(|| refusal.retry());
        }
        if error.is_final() { Retry::Never } else { Retry::After(Duration::ZERO) }
    }

    fn on_retry(&mut self, error: &DialError, wait: Duration) {
        if error.refusal().is_some_and(|refusal| refusal.pairing().is_some()) {
            return;
        }
        self.report(Report::Retrying { why: error.to_string(), in_ms: milliseconds(wait) });
    }

    fn on_lost(&mut self, close: &CloseInfo, wait: Duration) {
        self.report(Report::Lost { why: close.to_string(), in_ms: milliseconds(wait) });
    }
}

fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
