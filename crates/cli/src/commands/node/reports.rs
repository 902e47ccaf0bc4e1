//! What a node host reports, as people and programs read it.

use openclaw_node::host::{ConnectedReport, Report, WaitingReport};
use serde_json::{Value, json};

use crate::{
    connect::{WaitingText, short},
    context::Context,
    human::{clean, duration},
    pairing_text::{by_risk, device_label},
    ui::Tone,
};

/// Prints reports; knows what was said already.
#[derive(Debug)]
pub(crate) struct Printer<'c> {
    ctx: &'c Context,
    missing: Vec<(String, String)>,
    /// The request whose box stands on the screen.
    request: Option<String>,
    /// The last loss or retry, which is said once.
    trouble: Option<String>,
    purpose: Option<String>,
}

impl<'c> Printer<'c> {
    pub(crate) const fn new(ctx: &'c Context, purpose: Option<String>) -> Self {
        Self { ctx, missing: Vec::new(), request: None, trouble: None, purpose }
    }

    /// Says one report.
    pub(crate) fn say(&mut self, report: &Report) {
        if self.ctx.ui.is_json() {
            self.ctx.ui.json_line(&document(report));
            return;
        }
        let ui = &self.ctx.ui;
        match report {
            Report::Notice(text) => ui.note(format!("node: {}", clean(text))),
            Report::Started { missing, .. } => self.missing.clone_from(missing),
            Report::Waiting(waiting) => self.waiting(waiting),
            Report::Connected(connected) => {
                (self.request, self.trouble) = (None, None);
                self.connected(connected);
            }
            Report::Lost { why, in_ms } => ui.note(format!("node: {}; again in {}", clean(why), duration(*in_ms))),
            Report::Retrying { why, in_ms } => {
                if self.trouble.as_ref() != Some(why) {
                    ui.note(format!("node: {}; trying again, next in {}", clean(why), duration(*in_ms)));
                    self.trouble = Some(why.clone());
                }
            }
            Report::SurfaceDecided { decision } => {
                ui.line(ui.paint(Tone::Good, format!("node: its new commands were {}", clean(decision))));
            }
            Report::Rejected { message } => ui.note(format!("node: {}", clean(message))),
        }
    }

    fn waiting(&mut self, waiting: &WaitingReport) {
        if self.request.is_some() && self.request == waiting.request_id {
            return;
        }
        self.request.clone_from(&waiting.request_id);
        let text = WaitingText {
            address: &waiting.url,
            gateway_name: waiting.gateway_name.as_deref(),
            instance_id: waiting.instance_id.as_deref(),
            device: device_label(waiting.display_name.as_deref(), &waiting.device_id),
            code: waiting.matching_code.as_deref(),
            request_id: waiting.request_id.as_deref(),
            reason: &waiting.reason,
            expires_at_ms: waiting.expires_at_ms,
            page: waiting.approval_url.as_deref(),
        };
        self.ctx.ui.line(text.lines(self.ctx.now_ms()));
    }

    fn connected(&self, connected: &ConnectedReport) {
        let ui = &self.ctx.ui;
        let gateway = gateway_text(connected);
        ui.line(ui.paint(Tone::Good, "Node connected"));
        ui.line(format!("  gateway   {gateway}"));
        ui.line(format!("  node      {}", device_label(connected.display_name.as_deref(), &connected.device_id)));
        ui.line(format!("  id        {}", connected.device_id));
        ui.line(format!("  caps      {}", connected.capabilities.join(", ")));
        for (at, line) in by_risk(ui, &connected.commands).into_iter().enumerate() {
            ui.line(format!("  {} {line}", if at == 0 { "commands " } else { "         " }));
        }
        for (name, why) in &self.missing {
            ui.line(format!("  missing   {}: {}", clean(name), clean(why)));
        }
        ui.line(format!("  policy    {}", policy_text(self.ctx)));
        if let Some(purpose) = &self.purpose {
            ui.line(format!("  purpose   {}", clean(purpose)));
        }
        if !connected.waiting_commands.is_empty() {
            let names = connected.waiting_commands.join(", ");
            ui.line(ui.paint(Tone::Warn, format!("  waiting   for an approval: {}", clean(&names))));
            ui.line("  approve   openclaw nodes approve --latest   on the gateway's machine");
        }
    }
}

/// Name, instance and address of the gateway.
pub(crate) fn gateway_text(connected: &ConnectedReport) -> String {
    match (&connected.gateway_name, &connected.instance_id) {
        (Some(name), Some(id)) => format!("{} ({}) at {}", clean(name), clean(short(id)), connected.url),
        _ => format!("{} (version {})", connected.url, clean(&connected.version)),
    }
}

/// What may run on this machine, and how that is changed.
pub(crate) fn policy_text(ctx: &Context) -> String {
    use openclaw_node::exec::policy::{MAIN_AGENT, Policy, Security};
    let policy = Policy::load(&ctx.paths.exec_approvals_json());
    let security = policy.as_ref().ok().and_then(|policy| policy.security(MAIN_AGENT).ok());
    match (security, &policy) {
        (Some(Security::Full), _) => "full: everything may run".to_owned(),
        (Some(Security::Deny), _) => {
            format!("deny: nothing may run ({})", ctx.command("node policy allowlist"))
        }
        (Some(Security::Allowlist), Ok(policy)) => {
            let entries: usize = policy
                .document()
                .map_or(0, |document| document.agents.values().map(|agent| agent.allowlist.len()).sum());
            let add = ctx.command("approvals allowlist add PROGRAM");
            format!("allowlist with {} ({add})", crate::human::count_of(entries, "entry", "entries"))
        }
        _ => format!("nothing may run: {} cannot be read", ctx.paths.display(&ctx.paths.exec_approvals_json())),
    }
}

/// A report as one line of JSON.
fn document(report: &Report) -> Value {
    match report {
        Report::Notice(text) => json!({"type": "notice", "message": text}),
        Report::Started { device_id, commands, missing } => {
            let missing: Vec<Value> = missing.iter().map(|(name, why)| json!({"command": name, "why": why})).collect();
            json!({"type": "started", "deviceId": device_id, "commands": commands, "missing": missing})
        }
        Report::Waiting(waiting) => json!({
            "type": "waiting",
            "gateway": {"url": waiting.url, "name": waiting.gateway_name, "instanceId": waiting.instance_id},
            "deviceId": waiting.device_id,
            "requestId": waiting.request_id,
            "reason": waiting.reason,
            "matchingCode": waiting.matching_code,
            "expiresAtMs": waiting.expires_at_ms,
            "approvalUrl": waiting.approval_url,
        }),
        Report::Connected(connected) => json!({
            "type": "connected",
            "gateway": {
                "url": connected.url,
                "name": connected.gateway_name,
                "instanceId": connected.instance_id,
                "version": connected.version,
                "protocol": connected.protocol,
            },
            "deviceId": connected.device_id,
            "displayName": connected.display_name,
            "caps": connected.capabilities,
            "commands": connected.commands,
            "waitingCommands": connected.waiting_commands,
        }),
        Report::Lost { why, in_ms } => json!({"type": "lost", "message": why, "inMs": in_ms}),
        Report::Retrying { why, in_ms } => json!({"type": "retrying", "message": why, "inMs": in_ms}),
        Report::SurfaceDecided { decision } => json!({"type": "surface", "decision": decision}),
        Report::Rejected { message } => json!({"type": "rejected", "message": message}),
    }
}
