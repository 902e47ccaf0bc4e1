//! What exactly is about to run, fixed before anybody is asked (nodes.md §2.4; SEC-090, SEC-092, SEC-093).

use std::{
    fs::File,
    io::{self, Read},
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::{
    digest::hex,
    exec::{
        analysis::{self, Analysis, Kind, Operand, ShellUse},
        machine::Machine,
        platform,
        shell::Script,
    },
};

/// A script larger than this is not bound.
const MAX_SCRIPT_BYTES: u64 = 64 << 20;

/// A plan, as it travels.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Plan {
    pub argv: Vec<String>,
    /// Without links; null for the node's own folder.
    pub cwd: Option<String>,
    /// What a person is shown.
    #[serde(default)]
    pub command_text: String,
    /// The text for a shell, when that is all that is run.
    #[serde(default)]
    pub command_preview: Option<String>,
    #[serde(default)]
    pub agent_id: Option<String>,
    #[serde(default)]
    pub session_key: Option<String>,
    /// The script that an interpreter will read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mutable_file_operand: Option<FileOperand>,
}

/// A file whose content is part of what is approved.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FileOperand {
    /// Its position in `argv`.
    pub argv_index: usize,
    /// Without links.
    pub path: String,
    /// Lowercase hex.
    pub sha256: String,
}

/// Why no plan can be made; the words are those of the reference.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    #[error("command required")]
    NoCommand,
    #[error("rawCommand requires params.command")]
    RawWithoutCommand,
    #[error("INVALID_REQUEST: rawCommand does not match command")]
    RawMismatch,
    #[error("INVALID_REQUEST: command contains a NUL character")]
    Nul,
    #[error("INVALID_REQUEST: the program's name contains characters that cannot be seen")]
    HiddenCharacters,
    #[error("SYSTEM_RUN_DENIED: {0}")]
    Denied(&'static str),
}

const CWD_MISSING: PlanError = PlanError::Denied("approval requires an existing canonical cwd");
const CWD_NO_FOLDER: PlanError = PlanError::Denied("approval requires cwd to be a directory");
const CWD_LINKED: PlanError = PlanError::Denied("approval requires canonical cwd (no symlink path components)");
const CWD_IS_LINK: PlanError = PlanError::Denied("approval requires canonical cwd (no symlink cwd)");
const EXECUTABLE: PlanError = PlanError::Denied("approval requires a stable executable path");
const UNBINDABLE: PlanError = PlanError::Denied("approval cannot safely bind this interpreter/runtime command");
const NO_SCRIPT: PlanError = PlanError::Denied("approval requires an existing script operand");
const SCRIPT_NO_FILE: PlanError = PlanError::Denied("approval requires a file script operand");
const SCRIPT_UNSTABLE: PlanError = PlanError::Denied("approval requires a stable script operand");

/// A command as a caller wrote it: words, and maybe the same as one text.
#[derive(Clone, Debug)]
pub struct CommandLine {
    pub argv: Vec<String>,
    /// What a person is shown.
    pub text: String,
    /// The text for the shell, when the words are nothing but a shell with a text.
    pub preview: Option<String>,
    pub analysis: Analysis,
}

impl CommandLine {
    /// Checks the words and that the raw text says the same.
    ///
    /// # Errors
    /// [`PlanError`].
    pub fn check(argv: Vec<String>, raw: Option<&str>) -> Result<Self, PlanError> {
        let raw = raw.map(str::trim).filter(|raw| !raw.is_empty());
        let Some(program) = argv.first().filter(|program| !program.trim().is_empty()) else {
            return Err(if raw.is_some() { PlanError::RawWithoutCommand } else { PlanError::NoCommand });
        };
        if argv.iter().any(|word| word.contains('\0')) {
            return Err(PlanError::Nul);
        }
        if analysis::has_hidden_characters(program) {
            return Err(PlanError::HiddenCharacters);
        }
        let analysis = analysis::analyse(&argv);
        let text = display(&argv);
        let preview = payload(&argv);
        if raw.is_some_and(|raw| raw != text && preview.as_deref().map(str::trim) != Some(raw)) {
            return Err(PlanError::RawMismatch);
        }
        Ok(Self { argv, text, preview, analysis })
    }
}

/// Words joined by spaces; a word with blanks or quotes stands in double quotes.
fn display(argv: &[String]) -> String {
    let words = argv.iter().map(|word| {
        if word.is_empty() || word.contains(|c: char| c.is_whitespace() || c == '"') {
            format!("\"{}\"", word.replace('"', "\\\""))
        } else {
            word.clone()
        }
    });
    words.collect::<Vec<_>>().join(" ")
}

/// The text of a shell that is called directly and gets no further words.
fn payload(argv: &[String]) -> Option<String> {
    match analysis::shell_use(argv)? {
        ShellUse::Inline(inline) if !inline.has_positional => Some(inline.payload),
        _ => None,
    }
}

/// The working folder, without links that somebody could turn elsewhere between now and the run.
///
/// # Errors
/// [`PlanError::Denied`].
pub fn canonical_cwd(cwd: &Path) -> Result<PathBuf, PlanError> {
    let path = platform::absolute(cwd, None).ok_or(CWD_MISSING)?;
    let real = platform::real_path(&path).or(Err(CWD_MISSING))?;
    if !real.is_dir() {
        return Err(CWD_NO_FOLDER);
    }
    if path.symlink_metadata().is_ok_and(|meta| meta.is_symlink()) {
        return Err(CWD_IS_LINK);
    }
    let turned = path.ancestors().skip(1).any(|part| {
        part.symlink_metadata().is_ok_and(|meta| meta.is_symlink()) && part.parent().is_some_and(platform::can_write)
    });
    if turned { Err(CWD_LINKED) } else { Ok(real) }
}

/// Makes the plan: the folder, the program and the script, each by its real path. Reads files.
///
/// # Errors
/// [`PlanError`].
pub fn prepare(line: &CommandLine, cwd: Option<&Path>, machine: &Machine) -> Result<Plan, PlanError> {
    let cwd = cwd.map(canonical_cwd).transpose()?;
    let mut argv = line.argv.clone();
    let mutable_file_operand = bind_file(line, cwd.as_deref())?;
    if matches!(line.analysis.kind, Kind::Program(0)) {
        let name = argv.first().ok_or(PlanError::NoCommand)?;
        let program = machine.search.resolve(name, cwd.as_deref()).ok_or(EXECUTABLE)?;
        let same_name = program.found.file_name() == program.real.file_name();
        // A program that goes by another name than its file decides by its name what it does.
        let path = if same_name { program.real } else { program.found };
        let path = path.to_str().ok_or(EXECUTABLE)?;
        if let Some(first) = argv.first_mut() {
            path.clone_into(first);
        }
    }
    let cwd = match cwd {
        Some(cwd) => Some(cwd.to_str().ok_or(CWD_MISSING)?.to_owned()),
        None => None,
    };
    let text = display(&argv);
    Ok(Plan {
        command_preview: line.preview.clone().filter(|preview| *preview != text),
        command_text: text,
        argv,
        cwd,
        agent_id: None,
        session_key: None,
        mutable_file_operand,
    })
}

/// The script of the command line, if it has one.
fn bind_file(line: &CommandLine, cwd: Option<&Path>) -> Result<Option<FileOperand>, PlanError> {
    let Some(at) = file_position(line, cwd)? else { return Ok(None) };
    let name = line.argv.get(at).filter(|name| !name.is_empty()).ok_or(SCRIPT_UNSTABLE)?;
    let path = platform::absolute(Path::new(name), cwd).ok_or(SCRIPT_UNSTABLE)?;
    let real = platform::real_path(&path).or(Err(NO_SCRIPT))?;
    if !real.is_file() {
        return Err(SCRIPT_NO_FILE);
    }
    let sha256 = hash_file(&real).or(Err(SCRIPT_UNSTABLE))?;
    let path = real.to_str().ok_or(SCRIPT_UNSTABLE)?.to_owned();
    Ok(Some(FileOperand { argv_index: at, path, sha256 }))
}

fn file_position(line: &CommandLine, cwd: Option<&Path>) -> Result<Option<usize>, PlanError> {
    match &line.analysis.kind {
        Kind::ShellFile { file, .. } => Ok(Some(*file)),
        Kind::Program(at) => match analysis::operand(line.argv.get(*at..).unwrap_or_default()) {
            Operand::None => Ok(None),
            Operand::File(file) => Ok(Some(at + file)),
            Operand::Unbindable => Err(UNBINDABLE),
        },
        Kind::Inline { inline, .. } if runs_code(&inline.payload, cwd) => Err(UNBINDABLE),
        Kind::Opaque(_) if line.argv.iter().any(|word| runs_code(word, cwd)) => Err(UNBINDABLE),
        Kind::Inline { .. } | Kind::Opaque(_) => Ok(None),
    }
}

/// Whether a text for a shell starts an interpreter, or a local file that could change before it runs.
fn runs_code(text: &str, cwd: Option<&Path>) -> bool {
    let programs: Vec<String> = match Script::parse(text) {
        Ok(script) => script.commands.into_iter().map(|command| command.program).collect(),
        // Not understood: every word could be a program.
        Err(_) => text
            .split(|c: char| c.is_whitespace() || "|&;()<>`$\"'{}".contains(c))
            .filter(|word| !word.is_empty())
            .map(str::to_owned)
            .collect(),
    };
    programs.iter().any(|program| analysis::is_interpreter(program) || is_local_file(program, cwd))
}

fn is_local_file(program: &str, cwd: Option<&Path>) -> bool {
    if !program.contains(['/', '\\']) {
        return false;
    }
    let Some(path) = platform::absolute(Path::new(program), cwd) else { return true };
    let of_the_system =
        path.parent().is_some_and(|folder| platform::SYSTEM_FOLDERS.iter().any(|known| Path::new(known) == folder));
    !of_the_system && path.is_file()
}

fn hash_file(path: &Path) -> io::Result<String> {
    let mut file = File::open(path)?.take(MAX_SCRIPT_BYTES + 1);
    let mut digest = Sha256::new();
    let mut buffer = vec![0; 64 * 1024];
    let mut total = 0;
    loop {
        let count = file.read(&mut buffer)?;
        if count == 0 {
            break;
        }
        total += count as u64;
        digest.update(buffer.get(..count).unwrap_or_default());
    }
    if total > MAX_SCRIPT_BYTES {
        return Err(io::ErrorKind::FileTooLarge.into());
    }
    Ok(hex(&digest.finalize()))
}

/// Looks again, right before the run, whether everything is as it was planned (SEC-092).
///
/// # Errors
/// The reason for programs and the message.
pub fn recheck(plan: &Plan, line: &CommandLine, cwd: Option<&Path>) -> Result<(), (&'static str, &'static str)> {
    if plan.argv != line.argv {
        return Err(("execution-plan-miss", "SYSTEM_RUN_DENIED: execution plan mismatch"));
    }
    let same_cwd = match (&plan.cwd, cwd) {
        (Some(planned), Some(cwd)) => canonical_cwd(cwd).is_ok_and(|real| real == Path::new(planned)),
        (Some(_), None) => false,
        (None, _) => true,
    };
    if !same_cwd {
        return Err(("approval-required", "SYSTEM_RUN_DENIED: approval cwd changed before execution"));
    }
    let expected = file_position(line, cwd).unwrap_or_default();
    match (&plan.mutable_file_operand, expected) {
        (None, Some(_)) => Err(("approval-required", "SYSTEM_RUN_DENIED: approval missing script operand binding")),
        (Some(operand), _) if !is_unchanged(operand, line, cwd) => {
            Err(("approval-required", "SYSTEM_RUN_DENIED: approval script operand changed before execution"))
        }
        _ => Ok(()),
    }
}

fn is_unchanged(operand: &FileOperand, line: &CommandLine, cwd: Option<&Path>) -> bool {
    let path = line.argv.get(operand.argv_index).and_then(|name| platform::absolute(Path::new(name), cwd));
    let real = path.and_then(|path| platform::real_path(&path).ok());
    real.is_some_and(|real| real == Path::new(&operand.path))
        && hash_file(Path::new(&operand.path)).is_ok_and(|hash| hash == operand.sha256)
}

#[cfg(test)]
#[cfg(unix)]
#[path = "tests.rs"]
mod tests;
