//! Which commands a node of which platform may offer (protocol.md §7.5, SEC-082).
//!
//! The platform decides what is believable, the approval decides what is allowed, `gateway.nodes` has the last word in
//! both directions. What is dangerous is only ever offered after an explicit `allow`.

use openclaw_protocol::connect::ClientInfo;
use openclaw_store::pairing::Surface;

use crate::settings::NodeSettings;

/// Commands of the canvas family.
const CANVAS: [&str; 8] = [
    "canvas.present",
    "canvas.hide",
    "canvas.navigate",
    "canvas.eval",
    "canvas.snapshot",
    "canvas.a2ui.push",
    "canvas.a2ui.pushJSONL",
    "canvas.a2ui.reset",
];
/// What every device can be asked.
const COMMON: [&str; 5] = ["camera.list", "location.get", "device.info", "device.status", "system.notify"];
/// Running things: desktop systems only.
const DESKTOP: [&str; 12] = [
    "system.run",
    "system.run.prepare",
    "system.which",
    "system.execApprovals.get",
    "system.execApprovals.set",
    "browser.proxy",
    "browser.proxy.upload.v1",
    "fs.listDir",
    "terminal.upload",
    "mcp.tools.call.v1",
    "screen.snapshot",
    "device.health",
];
/// Personal data that phones and Macs offer.
const PERSONAL: [&str; 6] =
    ["contacts.search", "calendar.events", "reminders.list", "photos.latest", "motion.activity", "motion.pedometer"];
/// Android's own.
const ANDROID: [&str; 6] = [
    "notifications.list",
    "notifications.actions",
    "device.permissions",
    "device.health",
    "device.apps",
    "callLog.search",
];
/// Never without `gateway.nodes.allowCommands`.
const DANGEROUS: [&str; 11] = [
    "camera.snap",
    "camera.clip",
    "camera.ptz.control",
    "screen.record",
    "contacts.add",
    "calendar.add",
    "reminders.add",
    "sms.send",
    "sms.search",
    "health.summary",
    "computer.act",
];

/// A platform as far as the lists tell platforms apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Platform {
    Ios,
    WatchOs,
    Android,
    MacOs,
    Windows,
    Linux,
    Unknown,
}

impl Platform {
    /// Classifies by the names that a client claims. Only plain ASCII counts: a confusable spelling is unknown and so
    /// gets no commands that run things (SEC-082). A family that contradicts the platform makes it unknown too; a
    /// missing one is fine for a node host, whose 2026.3 release sends none (protocol.md §11.8).
    pub(crate) fn of(client: &ClientInfo) -> Self {
        let platform = client.platform.trim().to_ascii_lowercase();
        let family = client.device_family.as_deref().unwrap_or_default().trim().to_ascii_lowercase();
        let headless = client.id == "node-host" || client.mode == "test" || client.id == "test";
        let agrees = |families: &[&str]| (family.is_empty() && headless) || families.contains(&family.as_str());
        let label = platform.split(' ').next().unwrap_or_default();
        match label {
            "ios" | "ipados" if family.is_empty() || agrees(&["iphone", "ipad", "ios"]) => Self::Ios,
            "watchos" => Self::WatchOs,
            "android" if family.is_empty() || agrees(&["android"]) => Self::Android,
            "macos" | "darwin" if agrees(&["mac"]) => Self::MacOs,
            "windows" | "win32" if agrees(&["windows"]) => Self::Windows,
            "linux" if platform == "linux" && agrees(&["linux"]) => Self::Linux,
            _ => Self::Unknown,
        }
    }

    /// The reference's name, for error texts.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Ios => "ios",
            Self::WatchOs => "watchos",
            Self::Android => "android",
            Self::MacOs => "macos",
            Self::Windows => "windows",
            Self::Linux => "linux",
            Self::Unknown => "unknown",
        }
    }

    fn offers(self, command: &str) -> bool {
        let desktop = DESKTOP.contains(&command) || CANVAS.contains(&command) || COMMON.contains(&command);
        match self {
            Self::Linux | Self::Windows => desktop,
            Self::MacOs => {
                desktop || PERSONAL.contains(&command) || matches!(command, "camera.ptz.status" | "device.apps")
            }
            Self::Ios => CANVAS.contains(&command) || COMMON.contains(&command) || PERSONAL.contains(&command),
            Self::Android => {
                CANVAS.contains(&command)
                    || COMMON.contains(&command)
                    || PERSONAL.contains(&command)
                    || ANDROID.contains(&command)
            }
            Self::WatchOs => matches!(command, "device.info" | "device.status" | "system.notify"),
            Self::Unknown => {
                CANVAS.contains(&command) || matches!(command, "camera.list" | "location.get" | "system.notify")
            }
        }
    }
}

/// Why a command is not let through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Blocked {
    /// Not in the list of the platform.
    NotListed,
    /// In the list of what needs an explicit allow.
    Dangerous,
    /// Denied by the configuration.
    Denied,
}

/// Whether a node of that platform may offer that command.
pub(crate) fn check(platform: Platform, command: &str, settings: &NodeSettings) -> Result<(), Blocked> {
    if settings.deny.iter().any(|denied| denied.trim() == command) {
        return Err(Blocked::Denied);
    }
    if settings.allow.iter().any(|allowed| allowed.trim() == command) {
        return Ok(());
    }
    if DANGEROUS.contains(&command) {
        return Err(Blocked::Dangerous);
    }
    if platform.offers(command) { Ok(()) } else { Err(Blocked::NotListed) }
}

/// Cuts a declaration to what the policy lets a node of that platform offer. A capability goes when all commands of its
/// family went.
pub(crate) fn permitted(declared: Surface, platform: Platform, settings: &NodeSettings) -> Surface {
    let (kept, dropped): (Vec<_>, Vec<_>) =
        declared.commands.into_iter().partition(|command| check(platform, command, settings).is_ok());
    let family = |command: &String| command.split('.').next().unwrap_or_default().to_owned();
    let caps = declared
        .caps
        .into_iter()
        .filter(|cap| kept.iter().any(|c| family(c) == *cap) || !dropped.iter().any(|c| family(c) == *cap))
        .collect();
    Surface { caps, commands: kept.into_iter().collect(), permissions: declared.permissions }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(platform: &str, family: Option<&str>) -> ClientInfo {
        ClientInfo {
            id: "node-host".into(),
            platform: platform.into(),
            device_family: family.map(str::to_owned),
            ..ClientInfo::default()
        }
    }

    fn settings(allow: &[&str], deny: &[&str]) -> NodeSettings {
        let list = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        NodeSettings {
            allow: list(allow),
            deny: list(deny),
            auto_approve_local: true,
            auto_approve_networks: Vec::new(),
        }
    }

    #[test]
    fn sec_082_confusable_and_contradicting_platforms_run_nothing() {
        for (platform, family, expected) in [
            ("linux", None, Platform::Linux),
            ("linux", Some("Linux"), Platform::Linux),
            ("darwin", None, Platform::MacOs),
            ("win32", Some("Windows"), Platform::Windows),
            ("iOS 26.1", Some("iPhone"), Platform::Ios),
            ("linux", Some("Mac"), Platform::Unknown),
            ("Ｍacos", Some("Mac"), Platform::Unknown),
            ("linux\u{200b}", None, Platform::Unknown),
            ("linux 6.1", None, Platform::Unknown),
            ("web", None, Platform::Unknown),
        ] {
            let found = Platform::of(&client(platform, family));
            assert_eq!(found, expected, "{platform} {family:?}");
            let runs = check(found, "system.run", &settings(&[], &[])).is_ok();
            assert_eq!(runs, matches!(found, Platform::Linux | Platform::MacOs | Platform::Windows), "{platform}");
        }
        let app = ClientInfo { id: "openclaw-ios".into(), ..client("linux", None) };
        assert_eq!(Platform::of(&app), Platform::Unknown);
    }

    #[test]
    fn deny_wins_over_allow_and_danger_needs_an_allow() {
        let check = |command, settings: &NodeSettings| check(Platform::Linux, command, settings);
        assert_eq!(check("camera.snap", &settings(&[], &[])), Err(Blocked::Dangerous));
        assert_eq!(check("camera.snap", &settings(&["camera.snap"], &[])), Ok(()));
        assert_eq!(check("camera.snap", &settings(&["camera.snap"], &["camera.snap"])), Err(Blocked::Denied));
        assert_eq!(check("made.up", &settings(&[], &[])), Err(Blocked::NotListed));
    }

    #[test]
    fn a_capability_goes_with_the_last_command_of_its_family() {
        let declared = Surface {
            caps: ["camera", "system", "voice"].map(str::to_owned).into(),
            commands: ["camera.snap", "system.run"].map(str::to_owned).into(),
            ..Surface::default()
        };
        let kept = permitted(declared, Platform::Linux, &settings(&[], &[]));
        assert_eq!(kept.caps, ["system", "voice"].map(str::to_owned).into());
        assert_eq!(kept.commands, ["system.run".to_owned()].into());
    }
}
