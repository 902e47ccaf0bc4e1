//! Programs that run another program (SEC-102).

use super::{Opaque, base_name};

/// A wrapper that changes nothing about which program runs, and how its own options are read.
struct Transparent {
    name: &'static str,
    /// Single letters without a value.
    flags: &'static str,
    /// Single letters with a value.
    values: &'static str,
    /// Long options without a value.
    long_flags: &'static [&'static str],
    /// Long options with a value.
    long_values: &'static [&'static str],
    /// Words between the options and the command.
    operands: usize,
}

const TRANSPARENT: [Transparent; 6] = [
    Transparent { name: "nice", flags: "", values: "n", long_flags: &[], long_values: &["adjustment"], operands: 0 },
    Transparent { name: "nohup", flags: "", values: "", long_flags: &[], long_values: &[], operands: 0 },
    Transparent {
        name: "stdbuf",
        flags: "",
        values: "ioe",
        long_flags: &[],
        long_values: &["input", "output", "error"],
        operands: 0,
    },
    Transparent {
        name: "timeout",
        flags: "fpv",
        values: "ks",
        long_flags: &["foreground", "preserve-status", "verbose"],
        long_values: &["kill-after", "signal"],
        operands: 1,
    },
    Transparent {
        name: "time",
        flags: "pv",
        values: "",
        long_flags: &["portability", "verbose"],
        long_values: &[],
        operands: 0,
    },
    Transparent { name: "env", flags: "", values: "", long_flags: &[], long_values: &[], operands: 0 },
];

/// Wrappers that change who runs the program, where, or how often, or that read its name from elsewhere.
const CARRIERS: [&str; 45] = [
    "arch",
    "aa-exec",
    "bwrap",
    "busybox",
    "builtin",
    "caffeinate",
    "catchsegv",
    "chroot",
    "chrt",
    "command",
    "coproc",
    "daemonize",
    "doas",
    "eval",
    "exec",
    "fakeroot",
    "firejail",
    "flock",
    "gdb",
    "ionice",
    "ltrace",
    "nsenter",
    "parallel",
    "pkexec",
    "proxychains",
    "rlwrap",
    "runuser",
    "screen",
    "script",
    "setarch",
    "setpriv",
    "setsid",
    "start-stop-daemon",
    "strace",
    "su",
    "sudo",
    "systemd-run",
    "taskset",
    "tmux",
    "toybox",
    "unbuffer",
    "unshare",
    "watch",
    "winpty",
    "xargs",
];

/// Carriers that hand a text to a shell.
const SHELL_CARRIERS: [&str; 10] =
    ["eval", "flock", "parallel", "runuser", "screen", "script", "su", "systemd-run", "tmux", "watch"];

/// One layer taken off.
pub(super) struct Step {
    pub(super) outcome: Outcome,
    /// Names that this layer sets in the environment.
    pub(super) assignments: Vec<String>,
    pub(super) has_shell: bool,
}

pub(super) enum Outcome {
    /// The first word is no wrapper.
    NoWrapper,
    /// The command begins after so many words; there may be none.
    Command(usize),
    /// It cannot be told.
    Opaque(Opaque),
}

/// Takes one layer off.
pub(super) fn unwrap(argv: &[String]) -> Step {
    let step = |outcome| Step { outcome, assignments: Vec::new(), has_shell: false };
    let Some(name) = argv.first().map(|word| base_name(word)) else { return step(Outcome::NoWrapper) };
    if name == "env" {
        return env(argv);
    }
    if CARRIERS.contains(&name.as_str()) {
        let has_shell = SHELL_CARRIERS.contains(&name.as_str());
        return Step { outcome: Outcome::Opaque(Opaque::Wrapper(name)), assignments: Vec::new(), has_shell };
    }
    if name == "find" && argv.iter().any(|word| matches!(word.as_str(), "-exec" | "-execdir" | "-ok" | "-okdir")) {
        return step(Outcome::Opaque(Opaque::Wrapper(name)));
    }
    let Some(rule) = TRANSPARENT.iter().find(|rule| rule.name == name) else { return step(Outcome::NoWrapper) };
    step(rule.command_at(argv).map_or_else(|| Outcome::Opaque(Opaque::WrapperOption(name)), Outcome::Command))
}

impl Transparent {
    /// Where the command begins; `None` for an option that is not known.
    fn command_at(&self, argv: &[String]) -> Option<usize> {
        let mut at = 1;
        while let Some(word) = argv.get(at) {
            at += 1;
            if word == "--" {
                return Some(at + self.operands);
            }
            if let Some(long) = word.strip_prefix("--") {
                match long.split_once('=') {
                    Some((name, _)) if self.long_values.contains(&name) => {}
                    None if self.long_flags.contains(&long) => {}
                    None if self.long_values.contains(&long) => at += 1,
                    _ => return None,
                }
            } else if let Some(cluster) = word.strip_prefix('-').filter(|cluster| !cluster.is_empty()) {
                at += self.value_words(cluster)?;
            } else {
                return Some(at - 1 + self.operands);
            }
        }
        Some(at)
    }

    /// How many further words belong to a cluster of single letters.
    fn value_words(&self, cluster: &str) -> Option<usize> {
        // `nice -5` is the old form of `nice -n 5`.
        if self.name == "nice" && cluster.trim_start_matches(['-', '+']).bytes().all(|b| b.is_ascii_digit()) {
            return Some(0);
        }
        for (at, letter) in cluster.char_indices() {
            if self.values.contains(letter) {
                return Some(usize::from(at + letter.len_utf8() == cluster.len()));
            }
            if !self.flags.contains(letter) {
                return None;
            }
        }
        Some(0)
    }
}

/// `env` is transparent only when it does nothing. What it sets is collected also when it is not understood, so that
/// a refused name is found in every policy.
fn env(argv: &[String]) -> Step {
    let rest = argv.get(1..).unwrap_or_default();
    let assignments: Vec<String> = rest.iter().flat_map(|word| assigned_names(word)).collect();
    let first = rest.first().map_or("", String::as_str);
    let outcome = if first == "--" && !rest.get(1).is_some_and(|word| word.contains('=')) {
        Outcome::Command(2)
    } else if first.starts_with('-') || first.contains('=') {
        Outcome::Opaque(Opaque::WrapperOption("env".into()))
    } else {
        return Step { outcome: Outcome::Command(1), assignments: Vec::new(), has_shell: false };
    };
    let has_shell = rest.iter().flat_map(|word| word.split_whitespace()).any(super::is_shell);
    let assignments = if matches!(outcome, Outcome::Command(_)) { Vec::new() } else { leading(rest, assignments) };
    Step { outcome, assignments, has_shell }
}

/// Assignments stand before the command; `NAME=value` after it is an ordinary argument, as in `env -i make CC=gcc`.
fn leading(rest: &[String], all: Vec<String>) -> Vec<String> {
    let splits = rest.iter().any(|word| word.starts_with("-S") || word.starts_with("--s"));
    if splits {
        return all;
    }
    let mut names = Vec::new();
    let mut skip = false;
    for word in rest {
        if std::mem::take(&mut skip) {
            continue;
        }
        match word.as_str() {
            "-u" | "-C" | "-a" | "-P" | "--unset" | "--chdir" | "--argv0" => skip = true,
            word if word.starts_with('-') => {}
            word if word.contains('=') => names.extend(assigned_names(word)),
            _ => break,
        }
    }
    names
}

/// The names that a word sets; a word of `env -S` may set several.
fn assigned_names(word: &str) -> Vec<String> {
    let word = word.strip_prefix("--split-string=").or_else(|| word.strip_prefix("-S")).unwrap_or(word);
    let pairs = word.split_whitespace().filter_map(|part| part.split_once('='));
    pairs.map(|(name, _)| name.to_owned()).filter(|name| is_name(name)).collect()
}

fn is_name(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}
