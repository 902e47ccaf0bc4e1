//! What a child inherits.

use std::ffi::{OsStr, OsString};

use super::{names, overrides::Overrides};
use crate::exec::{platform, search::SearchPath};

/// Tells a program that it runs under `OpenClaw` (nodes.md §2.6).
const MARKER: (&str, &str) = ("OPENCLAW_CLI", "1");

/// Names that a child inherits when we have them. Places, languages, the terminal, the desktop session, the tool
/// homes; nothing that is a secret by its purpose.
const INHERITED: [&str; 86] = [
    "ALL_PROXY",
    "ALLUSERSPROFILE",
    "ANDROID_HOME",
    "APPDATA",
    "ASDF_DIR",
    "CARGO_HOME",
    "COLORTERM",
    "COLUMNS",
    "COMMONPROGRAMFILES",
    "COMMONPROGRAMFILES(X86)",
    "COMMONPROGRAMW6432",
    "COMPUTERNAME",
    "COMSPEC",
    "CURL_CA_BUNDLE",
    "DBUS_SESSION_BUS_ADDRESS",
    "DISPLAY",
    "DOTNET_ROOT",
    "DRIVERDATA",
    "EDITOR",
    "FORCE_COLOR",
    "GOPATH",
    "GOROOT",
    "HOME",
    "HOMEBREW_PREFIX",
    "HOMEDRIVE",
    "HOMEPATH",
    "HOSTNAME",
    "HTTPS_PROXY",
    "HTTP_PROXY",
    "INFOPATH",
    "JAVA_HOME",
    "LANG",
    "LANGUAGE",
    "LINES",
    "LOCALAPPDATA",
    "LOGNAME",
    "LOGONSERVER",
    "MANPATH",
    "NODE_EXTRA_CA_CERTS",
    "NODE_USE_SYSTEM_CA",
    "NO_COLOR",
    "NO_PROXY",
    "NUMBER_OF_PROCESSORS",
    "NVM_DIR",
    "OS",
    "PATHEXT",
    "PNPM_HOME",
    "PROCESSOR_ARCHITECTURE",
    "PROCESSOR_IDENTIFIER",
    "PROCESSOR_LEVEL",
    "PROCESSOR_REVISION",
    "PROGRAMDATA",
    "PROGRAMFILES",
    "PROGRAMFILES(X86)",
    "PROGRAMW6432",
    "PSMODULEPATH",
    "PUBLIC",
    "PYENV_ROOT",
    "REQUESTS_CA_BUNDLE",
    "RUSTUP_HOME",
    "SESSIONNAME",
    "SSH_AUTH_SOCK",
    "SSL_CERT_DIR",
    "SSL_CERT_FILE",
    "SYSTEMDRIVE",
    "SYSTEMROOT",
    "TEMP",
    "TERM",
    "TERMINFO",
    "TMP",
    "TMPDIR",
    "TZ",
    "USER",
    "USERDOMAIN",
    "USERNAME",
    "USERPROFILE",
    "VIRTUAL_ENV",
    "VISUAL",
    "VOLTA_HOME",
    "WAYLAND_DISPLAY",
    "WINDIR",
    "WSL_DISTRO_NAME",
    "WSL_INTEROP",
    "XAUTHORITY",
    "__CFBUNDLEIDENTIFIER",
    "__CF_USER_TEXT_ENCODING",
];

/// Beginnings of such names: locale categories, and the folders of the desktop.
const INHERITED_PREFIXES: [&str; 2] = ["LC_", "XDG_"];

/// The environment that every child of this node host starts from. Made once; children copy it.
#[derive(Clone, Debug)]
pub struct Environment {
    variables: Vec<(OsString, OsString)>,
}

impl Environment {
    /// Takes what is on the allowlist out of `ours`; PATH becomes the sanitised search path.
    pub fn new(ours: impl IntoIterator<Item = (OsString, OsString)>, search: &SearchPath) -> Self {
        let mut variables: Vec<_> = ours.into_iter().filter(|(name, _)| inherits(name)).collect();
        variables.sort();
        variables.dedup_by(|later, earlier| platform::same_variable(&later.0, &earlier.0));
        variables.push(("PATH".into(), search.text().to_owned()));
        variables.push((MARKER.0.into(), MARKER.1.into()));
        Self { variables }
    }

    /// The environment of one child: the basis and the caller's overrides, which replace a variable of the same name.
    pub fn child(&self, overrides: &Overrides) -> Vec<(OsString, OsString)> {
        let mut variables = self.variables.clone();
        for (name, value) in overrides.iter() {
            variables.retain(|(known, _)| !platform::same_variable(known, OsStr::new(name)));
            variables.push((name.into(), value.into()));
        }
        variables
    }
}

fn inherits(name: &OsStr) -> bool {
    let Some(name) = name.to_str() else { return false };
    let name = name.to_ascii_uppercase();
    !names::is_always_refused(&name)
        && (INHERITED.contains(&name.as_str()) || INHERITED_PREFIXES.iter().any(|prefix| name.starts_with(prefix)))
}
