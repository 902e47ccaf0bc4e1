//! The one screen of `up`, and its live lines.

use openclaw_gateway::Running;
use openclaw_node::host::Report;
use serde_json::json;

use super::watch::Happening;
use crate::{
    commands::node::reports::Printer,
    connect::short,
    context::Context,
    here::Here,
    human::clean,
    pairing_text::{device_label, roles},
    problem::Problem,
    ui::Tone,
};

/// What stands on the screen.
#[derive(Debug)]
pub(super) struct Screen<'c> {
    ctx: &'c Context,
    printer: Printer<'c>,
}

impl<'c> Screen<'c> {
    pub(super) const fn new(ctx: &'c Context) -> Self {
        Self { ctx, printer: Printer::new(ctx, None) }
    }

    /// The gateway, and how to reach it.
    pub(super) fn gateway(&self, here: &Here, running: Option<&Running>, attached: bool) {
        let Some(info) = here.gateway() else { return };
        let ui = &self.ctx.ui;
        let lan: Vec<String> = running
            .map(|running| {
                running.lan_addresses().iter().map(|ip| lan_url(&info.url, &ip.to_string(), info.port)).collect()
            })
            .unwrap_or_default();
        if ui.is_json() {
            ui.json_line(&json!({
                "type": "gateway",
                "attached": attached,
                "pid": info.pid,
                "name": info.name,
                "instanceId": info.instance_id,
                "url": info.url,
                "lanUrls": lan,
            }));
            return;
        }
        let word = if attached { "Attached to gateway" } else { "Gateway" };
        ui.line(ui.paint(Tone::Strong, format!("{word} {} ({})", clean(&info.name), short(&info.instance_id))));
        if attached {
            ui.line(format!("  runs      already, pid {}; it stays when this ends", info.pid));
        }
        ui.line(format!("  instance  {}", info.instance_id));
        ui.line(format!("  here      {}", info.url));
        for url in &lan {
            ui.line(format!("  network   {url}"));
        }
        if let Some(fingerprint) = &info.tls_fingerprint {
            ui.line(format!("  tls       sha256:{fingerprint}"));
        }
        if lan.is_empty() && !attached {
            ui.line(format!("  network   only this machine; for others: {}", self.ctx.command("up --bind lan")));
        } else {
            ui.line(format!("  invite    {}", self.ctx.command("devices invite")));
        }
        ui.line(format!("  look      {}", self.ctx.command("nodes status")));
    }

    /// What the node of this process reports.
    pub(super) fn node(&mut self, report: &Report) {
        self.printer.say(report);
    }

    pub(super) fn node_runs_elsewhere(&self) {
        self.live("node", "a node of this machine runs already; it stays when this ends");
    }

    pub(super) fn node_failed(&self, problem: &Problem) {
        if self.ctx.ui.is_json() {
            self.ctx.ui.json_line(&json!({"type": "node", "problem": problem.error_json()}));
        } else {
            self.ctx.ui.note(problem.text());
        }
    }

    pub(super) fn restarted(&self) {
        self.live("gateway", "restarted");
    }

    pub(super) fn ending(&self) {
        self.live("up", "ending");
    }

    /// Something that happened at the gateway.
    pub(super) fn event(&self, event: &Happening) {
        let ui = &self.ctx.ui;
        match event {
            Happening::Requested(request) => {
                let approve = self.ctx.command(&format!("devices approve {}", clean(&request.request_id)));
                if ui.is_json() {
                    ui.json_line(&json!({"type": "pairing", "request": request, "approve": approve}));
                    return;
                }
                let name = device_label(request.display_name.as_deref(), &request.device_id);
                let code = request.shown.matching_code.as_deref().map(clean).unwrap_or_default();
                ui.line(ui.paint(Tone::Warn, format!("{name} asks to be let in as {}  code {code}", roles(request))));
                ui.line(format!("  approve   {approve}"));
            }
            Happening::Node { name, connected } => {
                let word = if *connected { "connected" } else { "went away" };
                self.live("node", &format!("{} {word}", clean(name)));
            }
            Happening::Decided { request_id, decision } => {
                self.live("pairing", &format!("{} {}", clean(request_id), clean(decision)));
            }
        }
    }

    fn live(&self, what: &str, text: &str) {
        if self.ctx.ui.is_json() {
            self.ctx.ui.json_line(&json!({"type": what, "message": text}));
        } else {
            self.ctx.ui.line(format!("{what}: {text}"));
        }
    }
}

fn lan_url(url: &str, ip: &str, port: u16) -> String {
    let scheme = if url.starts_with("wss://") { "wss" } else { "ws" };
    let ip = if ip.contains(':') { format!("[{ip}]") } else { ip.to_owned() };
    format!("{scheme}://{ip}:{port}")
}
