//! From a command line to what is left of it.

use std::path::Path;

use super::{
    shells::{Inline, ShellUse, is_shell, shell_use},
    wrappers,
};

/// So many wrappers are taken off (SEC-102); more is refused.
pub const MAX_DEPTH: usize = 8;

/// What a command line comes down to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Analysis {
    /// Positions of the wrappers' names in the command line, outermost first.
    pub wrappers: Vec<usize>,
    /// Names that `env` wrappers set; they count as overrides of the environment.
    pub assignments: Vec<String>,
    /// What is left.
    pub kind: Kind,
    /// A shell takes part, or may: overrides shrink to what is harmless to shells (SEC-111).
    pub has_shell: bool,
}

/// What is left when wrappers are taken off. Positions are those of the whole command line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A program, at this position.
    Program(usize),
    /// A shell with a text to run.
    Inline {
        /// Position of the shell.
        shell: usize,
        inline: Inline,
    },
    /// A shell with a file to run.
    ShellFile {
        /// Position of the shell.
        shell: usize,
        /// Position of the file.
        file: usize,
    },
    /// Not decidable.
    Opaque(Opaque),
}

/// Why a command line is not decidable.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Opaque {
    #[error("{0} runs a command in a way that the allowlist does not cover")]
    Wrapper(String),
    #[error("{0} is called with an option that is not known to be harmless")]
    WrapperOption(String),
    #[error("more than {MAX_DEPTH} wrappers are nested")]
    TooDeep,
    #[error("{0} is called in a way that the allowlist does not cover")]
    Shell(String),
    #[error("{0} runs no command")]
    Nothing(String),
}

/// Analyses a command line, which must not be empty.
pub fn analyse(argv: &[String]) -> Analysis {
    let mut analysis =
        Analysis { wrappers: Vec::new(), assignments: Vec::new(), kind: Kind::Program(0), has_shell: false };
    let mut at = 0;
    analysis.kind = loop {
        let Some(rest) = argv.get(at..).filter(|rest| !rest.is_empty()) else {
            break Kind::Opaque(Opaque::Nothing(
                analysis.wrappers.last().map_or_else(String::new, |at| name_at(argv, *at)),
            ));
        };
        if let Some(kind) = shell_kind(rest, at) {
            analysis.has_shell = true;
            break kind;
        }
        let step = wrappers::unwrap(rest);
        analysis.assignments.extend(step.assignments);
        match step.outcome {
            wrappers::Outcome::NoWrapper => break Kind::Program(at),
            wrappers::Outcome::Opaque(why) => {
                analysis.has_shell = step.has_shell || rest.iter().any(|word| is_shell(word));
                break Kind::Opaque(why);
            }
            wrappers::Outcome::Command(skip) => {
                if analysis.wrappers.len() >= MAX_DEPTH {
                    analysis.has_shell = true;
                    break Kind::Opaque(Opaque::TooDeep);
                }
                analysis.wrappers.push(at);
                at += skip;
            }
        }
    };
    analysis
}

fn shell_kind(rest: &[String], at: usize) -> Option<Kind> {
    let name = base_name(rest.first()?);
    Some(match shell_use(rest)? {
        ShellUse::Inline(inline) if inline.is_plain => Kind::Inline { shell: at, inline },
        ShellUse::File(file) => Kind::ShellFile { shell: at, file: at + file },
        ShellUse::Inline(_) | ShellUse::Other => Kind::Opaque(Opaque::Shell(name)),
    })
}

fn name_at(argv: &[String], at: usize) -> String {
    argv.get(at).map(|word| base_name(word)).unwrap_or_default()
}

/// The name by which a program decides what it is: the last part of its path, lower case, without `.exe`.
pub fn base_name(program: &str) -> String {
    let name = program.rsplit(['/', '\\']).next().unwrap_or(program).to_ascii_lowercase();
    name.strip_suffix(".exe").map(str::to_owned).unwrap_or(name)
}

/// Whether a path to a program has characters that a person does not see or that show other text (SEC-106).
pub fn has_hidden_characters(program: &str) -> bool {
    program.chars().any(|c| {
        c.is_control()
            || matches!(c,
                '\u{AD}' | '\u{61C}' | '\u{180E}' | '\u{200B}'..='\u{200F}' | '\u{2028}'..='\u{202E}'
                | '\u{2060}'..='\u{206F}' | '\u{FE00}'..='\u{FE0F}' | '\u{FEFF}' | '\u{FFF9}'..='\u{FFFB}'
                | '\u{115F}' | '\u{1160}' | '\u{3164}' | '\u{FFA0}' | '\u{E0000}'..='\u{E0FFF}')
    })
}

/// Whether a file is a batch file, which Windows runs through its shell.
pub fn is_batch_file(program: &Path) -> bool {
    program
        .extension()
        .is_some_and(|extension| extension.eq_ignore_ascii_case("cmd") || extension.eq_ignore_ascii_case("bat"))
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
