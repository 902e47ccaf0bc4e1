//! How a shell was called (SEC-103).

use super::base_name;

/// Shells that read POSIX commands.
const POSIX: [&str; 7] = ["ash", "bash", "dash", "ksh", "mksh", "sh", "zsh"];
/// Shells of other languages: never looked into.
const OTHER: [&str; 6] = ["cmd", "csh", "fish", "powershell", "pwsh", "tcsh"];

/// Options of POSIX shells that change nothing about which programs run. `l` reads the owner's profile.
const PLAIN_OPTIONS: &str = "celufx";
const PLAIN_LONG_OPTIONS: [&str; 4] = ["--login", "--noprofile", "--norc", "--posix"];

/// Whether a word is the name of a shell.
pub fn is_shell(word: &str) -> bool {
    let name = base_name(word);
    let name = name.strip_prefix('-').unwrap_or(&name);
    POSIX.contains(&name) || OTHER.contains(&name)
}

/// What a shell was asked to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ShellUse {
    /// To run a text.
    Inline(Inline),
    /// To run the file at this position.
    File(usize),
    /// Anything else: interactive, from standard input, with options that are not known.
    Other,
}

/// A text for a shell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inline {
    /// The text.
    pub payload: String,
    /// Words before the text, the shell included. They are kept when the text is rewritten.
    pub options: Vec<String>,
    /// A POSIX shell with harmless options and no words after the text: its payload can be read and rewritten.
    pub is_plain: bool,
    /// Words follow the text, as `$0`, `$1` and so on.
    pub has_positional: bool,
}

/// How the shell at the beginning of these words was called; `None` when it is no shell.
pub fn shell_use(argv: &[String]) -> Option<ShellUse> {
    let name = base_name(argv.first()?);
    let rest = argv.get(1..).unwrap_or_default();
    if POSIX.contains(&name.as_str()) {
        return Some(posix(argv, rest));
    }
    match name.as_str() {
        "cmd" => Some(windows(argv, rest, |word| matches!(word.get(..2), Some("/c" | "/k")))),
        "powershell" | "pwsh" => Some(windows(argv, rest, is_powershell_command)),
        "fish" | "csh" | "tcsh" => Some(windows(argv, rest, |word| {
            word == "--command" || word.starts_with("--command=") || (word.starts_with('-') && word.ends_with('c'))
        })),
        _ => None,
    }
}

fn posix(argv: &[String], rest: &[String]) -> ShellUse {
    let (mut inline, mut known) = (false, true);
    let mut words = rest.iter().enumerate();
    let operand = loop {
        let Some((at, word)) = words.next() else { return ShellUse::Other };
        if word == "--" || word == "-" {
            break words.next();
        }
        if word.starts_with("--") {
            known &= PLAIN_LONG_OPTIONS.contains(&word.as_str());
            // These take a file of commands to read first; nothing after them can be told apart with certainty.
            if matches!(word.as_str(), "--rcfile" | "--init-file") {
                return ShellUse::Other;
            }
            continue;
        }
        let Some(letters) = word.strip_prefix(['-', '+']) else { break Some((at, word)) };
        inline |= word.starts_with('-') && letters.contains('c');
        known &= word.starts_with('-') && letters.chars().all(|letter| PLAIN_OPTIONS.contains(letter));
        if letters.contains(['o', 'O']) {
            // The next word is the name of an option.
            words.next();
        }
        if letters.contains(['i', 's']) && !inline {
            return ShellUse::Other;
        }
    };
    let Some((at, word)) = operand else { return ShellUse::Other };
    if inline {
        let has_positional = rest.len() > at + 1;
        let options = argv.get(..=at).unwrap_or_default().to_vec();
        return ShellUse::Inline(Inline {
            payload: word.clone(),
            options,
            is_plain: known && !has_positional,
            has_positional,
        });
    }
    if known { ShellUse::File(at + 1) } else { ShellUse::Other }
}

/// Shells whose text is never looked into: everything after the first command option is text.
fn windows(argv: &[String], rest: &[String], is_command: impl Fn(&str) -> bool) -> ShellUse {
    let Some(at) = rest.iter().position(|word| is_command(&word.to_ascii_lowercase())) else { return ShellUse::Other };
    let text = rest.get(at + 1..).unwrap_or_default();
    ShellUse::Inline(Inline {
        payload: text.join(" "),
        options: argv.get(..at + 2).unwrap_or_default().to_vec(),
        is_plain: false,
        has_positional: false,
    })
}

/// `-Command`, `-File`, `-EncodedCommand` and every abbreviation, with either mark.
fn is_powershell_command(word: &str) -> bool {
    let Some(name) = word.strip_prefix(['-', '/']).map(|name| name.trim_start_matches('-')) else { return false };
    let name = name.split(':').next().unwrap_or(name);
    !name.is_empty() && ["command", "file", "encodedcommand", "ec"].iter().any(|option| option.starts_with(name))
}
