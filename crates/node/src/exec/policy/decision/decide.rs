//! May this command run, and as what? (SEC-100…103; nodes.md §3.2)
//!
//! The answer is a pure function of the policy, the command line and the programs on disk, and it carries the very
//! file that was allowed: what was decided about is what runs (SEC-003). Asking a person comes with a later release;
//! until then a command that nobody allowed is denied, and the denial says which command allows it. Whatever a gateway
//! claims to have been approved does not count (SEC-086).

use std::path::{Path, PathBuf};

use crate::exec::{
    analysis::{self, Analysis, Kind, Opaque},
    machine::Machine,
    pattern, platform,
    policy::{
        Policy,
        document::{Ask, Entry, Security},
    },
    search::Program,
    shell::{self, Script},
};

/// A command that somebody wants to run here.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// The program and its arguments; not empty.
    pub argv: &'a [String],
    /// Where it runs; relative paths are seen from there.
    pub cwd: Option<&'a Path>,
    /// On whose behalf.
    pub agent: &'a str,
}

/// A command that may run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Launch {
    /// The file to execute.
    pub path: PathBuf,
    /// The name that it sees as its own.
    pub own_name: String,
    pub arguments: Vec<String>,
}

/// A command that may not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Denial {
    /// For programs: `security=deny`, `allowlist-miss`, `approval-required` …
    pub reason: &'static str,
    /// For people; begins with the words that official clients search for.
    pub message: String,
}

impl Denial {
    /// A denial with its official beginning.
    pub fn new(reason: &'static str, message: impl Into<String>) -> Self {
        Self { reason, message: message.into() }
    }

    fn miss(why: impl AsRef<str>) -> Self {
        Self::new("allowlist-miss", format!("SYSTEM_RUN_DENIED: allowlist miss{}", why.as_ref()))
    }
}

/// Decides. Reads the file system, so it is called where blocking is allowed.
///
/// # Errors
/// [`Denial`], also for everything that cannot be decided.
pub fn decide(policy: &Policy, analysis: &Analysis, request: Request<'_>, machine: &Machine) -> Result<Launch, Denial> {
    let rules = policy.effective(request.agent).map_err(|error| {
        tracing::error!(%error, "the exec policy cannot be read; every command is denied");
        let text = format!("SYSTEM_RUN_DISABLED: security=deny — {error}; repair that file or move it away");
        Denial::new("security=deny", text)
    })?;
    match (rules.security, rules.ask) {
        (Security::Deny, _) => {
            let text = "SYSTEM_RUN_DISABLED: security=deny — on that machine `openclaw node policy allowlist` lets listed programs run";
            Err(Denial::new("security=deny", text))
        }
        (_, Ask::Always) => {
            let text = "SYSTEM_RUN_DENIED: approval required — the policy asks for every command, and nobody can be asked yet; \
                        set `ask` to `on-miss` or `off` in exec-approvals.json on that machine";
            Err(Denial::new("approval-required", text))
        }
        (Security::Full, _) => Ok(unrestricted(request, machine)),
        (Security::Allowlist, _) => {
            let list = Allowlist { entries: &rules.allowlist, request, machine };
            list.decide(analysis)
        }
    }
}

/// Everything may run: the program is only looked up.
fn unrestricted(request: Request<'_>, machine: &Machine) -> Launch {
    let (name, arguments) =
        request.argv.split_first().map_or((String::new(), &[][..]), |(name, rest)| (name.clone(), rest));
    let found = machine.search.resolve(&name, request.cwd);
    // An unknown program keeps its name: starting it fails, with the system's reason.
    let path = found.map_or_else(|| PathBuf::from(&name), |program| program.found);
    Launch { path, own_name: name, arguments: arguments.to_vec() }
}

struct Allowlist<'a> {
    entries: &'a [&'a Entry],
    request: Request<'a>,
    machine: &'a Machine,
}

impl Allowlist<'_> {
    fn decide(&self, analysis: &Analysis) -> Result<Launch, Denial> {
        let mut argv = self.request.argv.to_vec();
        let mut outermost = None;
        for at in &analysis.wrappers {
            let wrapper = self.system_program(&argv, *at)?;
            outermost.get_or_insert(wrapper.real.clone());
            pin(&mut argv, *at, &wrapper);
        }
        let innermost = match &analysis.kind {
            Kind::Opaque(why) => return Err(opaque(why)),
            Kind::Program(at) => {
                let program =
                    self.allowed_program(self.word(*at)?, self.request.argv.get(at + 1..).map(Words::Literal))?;
                pin(&mut argv, *at, &program);
                program
            }
            Kind::Inline { shell, inline } => {
                let script = self.allowed_script(&inline.payload)?;
                let program = self.system_program(&argv, *shell)?;
                pin(&mut argv, *shell, &program);
                argv.truncate(shell + inline.options.len());
                argv.push(script);
                program
            }
            Kind::ShellFile { shell, file } => self.allowed_shell_file(&mut argv, *shell, *file)?,
        };
        let own_name = self.request.argv.first().cloned().unwrap_or_default();
        Ok(Launch { path: outermost.unwrap_or(innermost.real), own_name, arguments: argv.split_off(1) })
    }

    fn word(&self, at: usize) -> Result<&str, Denial> {
        self.request.argv.get(at).map(String::as_str).ok_or_else(|| Denial::miss(""))
    }

    fn resolve(&self, name: &str) -> Result<Program, Denial> {
        let program = self.machine.search.resolve(name, self.request.cwd);
        program.ok_or_else(|| Denial::miss(format!(" — there is no program {name:?} on that machine's PATH")))
    }

    /// A wrapper or a shell. Only the system's own are what their names say.
    fn system_program(&self, argv: &[String], at: usize) -> Result<Program, Denial> {
        let program = self.resolve(argv.get(at).map_or("", String::as_str))?;
        let is_of_the_system = |path: &Path| {
            path.parent().is_some_and(|folder| platform::SYSTEM_FOLDERS.iter().any(|known| Path::new(known) == folder))
        };
        if is_of_the_system(&program.real) && is_of_the_system(&program.found) {
            return Ok(program);
        }
        Err(Denial::miss(format!(" — {} is no program of the system{}", program.real.display(), everything())))
    }

    fn allowed_program(&self, name: &str, arguments: Option<Words<'_>>) -> Result<Program, Denial> {
        let program = self.resolve(name)?;
        if analysis::is_batch_file(&program.real) {
            return Err(Denial::miss(format!(
                " (Windows shell wrappers like cmd.exe /c require approval){}",
                everything()
            )));
        }
        if self.covers(&program, arguments.unwrap_or(Words::Literal(&[]))) { Ok(program) } else { Err(miss(&program)) }
    }

    fn covers(&self, program: &Program, arguments: Words<'_>) -> bool {
        self.entries.iter().any(|entry| {
            pattern::allows(&entry.pattern, program, &self.machine.home)
                && entry.arg_pattern.as_deref().is_none_or(|pattern| arguments.fit(pattern))
        })
    }

    /// A text for a shell: every program in it has to be allowed; the text is rewritten to name exactly those.
    fn allowed_script(&self, text: &str) -> Result<String, Denial> {
        let script = Script::parse(text).map_err(|why| shell_miss(&why.to_string()))?;
        let mut paths = Vec::with_capacity(script.commands.len());
        for command in &script.commands {
            let words: Vec<String> = std::iter::once(&command.program)
                .chain(command.arguments.iter().map(|word| &word.value))
                .cloned()
                .collect();
            if analysis::has_hidden_characters(&command.program) {
                return Err(shell_miss("a program's name has hidden characters"));
            }
            let inner = analysis::analyse(&words);
            if inner.kind != Kind::Program(0) {
                return Err(shell_miss(&format!("{} runs another program", analysis::base_name(&command.program))));
            }
            let literal = command.arguments.iter().all(|word| word.is_literal);
            let arguments = words.get(1..).filter(|_| literal).map_or(Words::Unknown, Words::Literal);
            let program = self.allowed_program(&command.program, Some(arguments))?;
            paths.push(pinned_path(&program).ok_or_else(|| miss(&program))?);
        }
        script.with_programs(&paths).ok_or_else(|| shell_miss("it cannot be rewritten"))
    }

    /// `sh file`: an entry for the file or for the shell allows it.
    fn allowed_shell_file(&self, argv: &mut [String], shell: usize, file: usize) -> Result<Program, Denial> {
        let program = self.system_program(argv, shell)?;
        let name = self.word(file)?.to_owned();
        let found = platform::absolute(Path::new(&name), self.request.cwd)
            .ok_or_else(|| shell_miss("the file cannot be found"))?;
        let real = platform::real_path(&found).map_err(|error| shell_miss(&format!("{name}: {error}")))?;
        let script = Program { found, real };
        let arguments = argv.get(file + 1..).unwrap_or_default().to_vec();
        if !self.covers(&script, Words::Literal(&arguments)) && !self.covers(&program, Words::Unknown) {
            return Err(miss(&script));
        }
        pin(argv, shell, &program);
        if let (Some(slot), Some(path)) = (argv.get_mut(file), script.real.to_str()) {
            path.clone_into(slot);
        }
        Ok(program)
    }
}

/// Arguments as an argument pattern sees them.
#[derive(Clone, Copy)]
enum Words<'a> {
    Literal(&'a [String]),
    /// A shell will expand them; no pattern fits what is not known.
    Unknown,
}

impl Words<'_> {
    /// The whole of the arguments, joined by one space, has to fit. Arguments with blanks could be read in two ways
    /// then, so none of them fits.
    fn fit(self, pattern: &str) -> bool {
        let Self::Literal(words) = self else { return false };
        let ambiguous =
            words.iter().any(|word| word.is_empty() || word.contains(|c: char| c.is_whitespace() || c.is_control()));
        let regex = regex::RegexBuilder::new(&format!("^(?:{pattern})$")).size_limit(1 << 20).build();
        !ambiguous && regex.is_ok_and(|regex| regex.is_match(&words.join(" ")))
    }
}

/// A word of the command line becomes the path of the program that was decided about. The first word stays: it is the
/// program's own name.
fn pin(argv: &mut [String], at: usize, program: &Program) {
    if at == 0 {
        return;
    }
    if let (Some(slot), Some(path)) = (argv.get_mut(at), pinned_path(program)) {
        *slot = path;
    }
}

/// The real path, unless the program goes by another name than its file: such programs look at their name.
fn pinned_path(program: &Program) -> Option<String> {
    let same_name = program.found.file_name() == program.real.file_name();
    let path = if same_name { &program.real } else { &program.found };
    path.to_str().map(str::to_owned)
}

fn everything() -> &'static str {
    " — run it without a wrapper, or allow everything on that machine with: openclaw node policy full"
}

fn miss(program: &Program) -> Denial {
    let path = program.real.to_string_lossy();
    let quoted = if path.contains(['"', '$', '`', '\\', '!']) && !cfg!(windows) {
        shell::quote(&path)
    } else {
        format!("\"{path}\"")
    };
    Denial::miss(format!(
        " — allow it on that machine with: openclaw approvals allowlist add {quoted}  (or everything: openclaw node policy full)"
    ))
}

fn shell_miss(why: &str) -> Denial {
    Denial::miss(format!(" (shell wrappers like sh/bash/zsh -c require approval: {why}){}", everything()))
}

fn opaque(why: &Opaque) -> Denial {
    match why {
        Opaque::Shell(name) if matches!(name.as_str(), "cmd" | "powershell" | "pwsh") => {
            Denial::miss(format!(" (Windows shell wrappers like cmd.exe /c require approval){}", everything()))
        }
        Opaque::Shell(_) => shell_miss(&why.to_string()),
        _ => Denial::miss(format!(" — {why}{}", everything())),
    }
}

#[cfg(test)]
#[cfg(unix)]
#[path = "tests.rs"]
mod tests;
