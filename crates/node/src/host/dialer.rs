//! One dial of a node: with the credentials of this moment, and with what is to be said while a person decides.

use openclaw_client::{Caller, Connected, Credentials, DialError, Dialer, dial_with_retry};
use openclaw_identity::{PublicKey, matching_code};
use openclaw_protocol::{hello::Waiting, scope::Role};

use super::{
    identity::NodeIdentity,
    options::NodeOptions,
    report::{Report, Reports, WaitingReport},
    run::address,
};

pub(super) struct NodeDialer<'a> {
    options: &'a NodeOptions,
    caller: &'a Caller,
    identity: &'a NodeIdentity,
    reporter: &'a dyn Reports,
}

impl<'a> NodeDialer<'a> {
    pub(super) const fn new(
        options: &'a NodeOptions,
        caller: &'a Caller,
        identity: &'a NodeIdentity,
        reporter: &'a dyn Reports,
    ) -> Self {
        Self { options, caller, identity, reporter }
    }

    /// The given secrets, and the token that this gateway gave this node earlier.
    fn credentials(&self) -> Credentials {
        let mut credentials = self.options.credentials.clone();
        match self.identity.tokens().token(&self.options.token_endpoint(), Role::Node) {
            Ok(stored) => credentials.device_token = stored.map(|stored| stored.token),
            Err(error) => {
                let text = format!("the stored device token cannot be read: {error}");
                self.reporter.report(Report::Notice(text), self.options.dial.clock.now_ms());
            }
        }
        credentials
    }

    fn waiting(&self, waiting: &Waiting) -> WaitingReport {
        let gateway = PublicKey::parse(&waiting.gateway_public_key).ok();
        let code = gateway.map(|key| matching_code(&key, &self.identity.key.public(), &waiting.request_id));
        WaitingReport {
            url: address(&self.options.endpoint),
            gateway_name: Some(waiting.gateway_name.clone()),
            instance_id: Some(waiting.instance_id.clone()),
            device_id: self.identity.device_id().into(),
            display_name: self.identity.display_name.clone(),
            request_id: Some(waiting.request_id.clone()),
            reason: waiting.reason.clone(),
            matching_code: code,
            expires_at_ms: Some(waiting.expires_at_ms),
            approval_url: waiting.approval_url.clone(),
            is_kept: true,
        }
    }
}

impl Dialer for NodeDialer<'_> {
    async fn dial(&mut self) -> Result<Connected, DialError> {
        let options = self.options;
        // Before any secret is read (SEC-014).
        options.endpoint.check_plaintext(options.dial.allow_private_plaintext)?;
        let credentials = self.credentials();
        let mut on_waiting = |waiting: &Waiting| {
            let report = Report::Waiting(Box::new(self.waiting(waiting)));
            self.reporter.report(report, options.dial.clock.now_ms());
        };
        dial_with_retry(&options.endpoint, self.caller, &credentials, &options.dial, &mut on_waiting).await
    }
}
