//! What waits for a person's decision, as a person needs to see it (promise P9).

use openclaw_protocol::methods::device::PendingRequest;

use crate::{
    connect::short,
    human::{ago, clean},
    ui::{Tone, Ui},
};

/// What a command can do to the machine, the worst first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Risk {
    /// Runs programs, or changes what may run.
    RunAnything,
    /// Reads or writes files.
    Files,
    /// Sees, hears, or locates.
    Senses,
    /// Not known to this version, so nothing is promised.
    Unknown,
    /// Shows something, or tells about the machine.
    Harmless,
}

impl Risk {
    const ALL: [Self; 5] = [Self::RunAnything, Self::Files, Self::Senses, Self::Unknown, Self::Harmless];

    /// The risk of a command by its name.
    pub(crate) fn of(command: &str) -> Self {
        let starts = |prefixes: &[&str]| prefixes.iter().any(|prefix| command.starts_with(prefix));
        if matches!(command, "system.which" | "system.notify") || starts(&["canvas.", "device.", "push."]) {
            Self::Harmless
        } else if starts(&["system.run", "system.execApprovals", "browser.proxy", "terminal.", "mcp.", "desktop."]) {
            Self::RunAnything
        } else if starts(&["file.", "dir.", "fs.", "photos."]) {
            Self::Files
        } else if starts(&[
            "camera.",
            "screen.",
            "location.",
            "audio.",
            "contacts.",
            "calendar.",
            "sms.",
            "notifications.",
        ]) {
            Self::Senses
        } else {
            Self::Unknown
        }
    }

    const fn label(self) -> &'static str {
        match self {
            Self::RunAnything => "can run anything",
            Self::Files => "reads or writes files",
            Self::Senses => "sees, hears, locates",
            Self::Unknown => "unknown to this version",
            Self::Harmless => "harmless",
        }
    }

    const fn tone(self) -> Tone {
        match self {
            Self::RunAnything => Tone::Bad,
            Self::Files | Self::Senses | Self::Unknown => Tone::Warn,
            Self::Harmless => Tone::Faint,
        }
    }
}

/// Commands in one line per risk, the worst first.
pub(crate) fn by_risk(ui: &Ui, commands: &[String]) -> Vec<String> {
    let mut lines = Vec::new();
    for risk in Risk::ALL {
        let names: Vec<String> =
            commands.iter().filter(|command| Risk::of(command) == risk).map(|command| clean(command)).collect();
        if !names.is_empty() {
            lines.push(format!("{}: {}", ui.paint(risk.tone(), risk.label()), names.join(", ")));
        }
    }
    lines
}

/// How a device is called in lists: its name and the start of its id.
pub(crate) fn device_label(name: Option<&str>, id: &str) -> String {
    match name.map(clean).filter(|name| !name.trim().is_empty()) {
        Some(name) => format!("{name} ({})", short(id)),
        None => format!("{}…", short(id)),
    }
}

/// The roles of a request in one word.
pub(crate) fn roles(request: &PendingRequest) -> String {
    if request.roles.is_empty() { request.role.clone().unwrap_or_default() } else { request.roles.join(", ") }
}

/// The table of what waits, then what each asks for, then the command that lets it in.
pub(crate) fn show_pending(ui: &Ui, pending: &[PendingRequest], now_ms: u64, approve: &str) {
    ui.line(ui.paint(Tone::Strong, format!("Pending ({})", pending.len())));
    let rows = pending.iter().map(|request| {
        let flags = match (&request.shown.reason, request.is_repair) {
            (Some(reason), _) => clean(reason),
            (None, true) => "repair".to_owned(),
            (None, false) => String::new(),
        };
        [
            clean(&request.request_id),
            device_label(request.display_name.as_deref(), &request.device_id),
            roles(request),
            request.remote_ip.clone().unwrap_or_else(|| "local".to_owned()),
            ago(now_ms, request.ts),
            flags,
            request.shown.matching_code.clone().unwrap_or_default(),
        ]
    });
    ui.table(["Request", "Device", "Role", "IP", "Age", "Flags", "Code"], rows);
    for request in pending {
        show_wish(ui, request);
    }
    if let Some(first) = pending.first() {
        ui.line(format!("Approve with: {approve} {}", clean(&first.request_id)));
    }
}

/// What one request asks for, below its name.
fn show_wish(ui: &Ui, request: &PendingRequest) {
    let shown = &request.shown;
    let mut lines = Vec::new();
    if let Some(purpose) = &shown.purpose {
        lines.push(format!("purpose: {}", clean(purpose)));
    }
    if !request.scopes.is_empty() {
        let scopes: Vec<String> = request.scopes.iter().map(|scope| clean(scope.as_str())).collect();
        lines.push(format!("scopes: {}", scopes.join(", ")));
    }
    // Of a device that is paired already, the difference is what matters.
    if request.is_repair && !shown.added_commands.is_empty() && shown.added_commands.len() < shown.commands.len() {
        lines.push("new since the last approval:".to_owned());
        lines.extend(by_risk(ui, &shown.added_commands).into_iter().map(|line| format!("  {line}")));
    } else {
        lines.extend(by_risk(ui, &shown.commands));
    }
    if lines.is_empty() {
        return;
    }
    ui.line(format!("{} asks for", device_label(request.display_name.as_deref(), &request.device_id)));
    for line in lines {
        ui.line(format!("  {line}"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_sorted_by_what_they_can_do() {
        let risks = ["system.run", "system.which", "file.fetch", "camera.snap", "canvas.present", "brand.new"];
        assert_eq!(
            risks.map(Risk::of),
            [Risk::RunAnything, Risk::Harmless, Risk::Files, Risk::Senses, Risk::Harmless, Risk::Unknown]
        );
    }

    #[test]
    fn sec_130_a_device_name_is_shown_without_escape_sequences() {
        assert_eq!(device_label(Some("\u{1b}[2Jx"), "0123456789"), r"\u{1b}[2Jx (01234567)");
        assert_eq!(device_label(Some("  "), "0123456789"), "01234567…");
    }
}
