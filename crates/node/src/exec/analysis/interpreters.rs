//! Programs that run a file given as an argument, and which argument that is (SEC-093; nodes.md §2.4).

use super::base_name;

/// The file that a command line makes an interpreter run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operand {
    /// No interpreter.
    None,
    /// The file at this position.
    File(usize),
    /// An interpreter whose code cannot be named as one local file.
    Unbindable,
}

/// How an interpreter reads its options. Options that are not listed make it unbindable: they may load code.
struct Interpreter {
    names: &'static [&'static str],
    /// Words that may stand between the program and the file.
    subcommands: &'static [&'static str],
    /// Single letters and long options that load no code and take no value.
    plain: &'static [&'static str],
    /// Options that are followed by a value and load no code.
    values: &'static [&'static str],
    /// The option whose value is the file.
    file: &'static [&'static str],
}

const INTERPRETERS: [Interpreter; 10] = [
    Interpreter {
        names: &["node", "nodejs"],
        subcommands: &[],
        plain: &[
            "--no-warnings",
            "--trace-warnings",
            "--enable-source-maps",
            "--trace-uncaught",
            "--test",
            "--harmony",
        ],
        values: &[],
        file: &[],
    },
    Interpreter {
        names: &["python", "pypy"],
        subcommands: &[],
        plain: &["-u", "-B", "-E", "-s", "-S", "-O", "-OO", "-q", "-v", "-b", "-bb", "-d"],
        values: &["-W", "-X"],
        file: &[],
    },
    Interpreter {
        names: &["ruby"],
        subcommands: &[],
        plain: &["-w", "-v", "-W0", "-W1", "-W2"],
        values: &[],
        file: &[],
    },
    Interpreter { names: &["perl"], subcommands: &[], plain: &["-w", "-W", "-X", "-t", "-T"], values: &[], file: &[] },
    Interpreter { names: &["php"], subcommands: &[], plain: &["-n", "-q"], values: &[], file: &["-f", "--file"] },
    Interpreter { names: &["bun"], subcommands: &["run"], plain: &["--silent"], values: &[], file: &[] },
    Interpreter {
        names: &["deno"],
        subcommands: &["run"],
        plain: &["-q", "--quiet", "-A", "--allow-all"],
        values: &[],
        file: &[],
    },
    Interpreter {
        names: &["tsx", "ts-node", "esno", "jiti", "vite-node"],
        subcommands: &[],
        plain: &[],
        values: &[],
        file: &[],
    },
    Interpreter {
        names: &["lua", "luajit", "rscript", "osascript", "groovy", "tclsh"],
        subcommands: &[],
        plain: &[],
        values: &[],
        file: &[],
    },
    Interpreter {
        names: &["awk", "gawk", "mawk", "nawk"],
        subcommands: &[],
        plain: &[],
        values: &["-F"],
        file: &["-f", "--file"],
    },
];

/// Programs that fetch a package or look one up and run it; what runs is not a file that could be named.
const PACKAGE_RUNNERS: [(&str, &[&str]); 9] = [
    ("npx", &[]),
    ("bunx", &[]),
    ("pnpx", &[]),
    ("uvx", &[]),
    ("npm", &["exec", "x", "run", "run-script", "start", "test", "init", "create"]),
    ("pnpm", &["exec", "dlx", "run", "start", "test", "create"]),
    ("yarn", &["exec", "dlx", "run", "start", "test", "create"]),
    ("pipx", &["run"]),
    ("uv", &["run", "tool"]),
];

/// Words after which another package runner's name is hidden, such as `npm --yes exec`.
fn runs_a_package(name: &str, rest: &[String]) -> bool {
    PACKAGE_RUNNERS.iter().any(|(runner, commands)| {
        *runner == name && (commands.is_empty() || rest.iter().any(|word| commands.contains(&word.as_str())))
    })
}

/// What this command line makes an interpreter run. Positions count from its first word.
pub fn operand(argv: &[String]) -> Operand {
    let Some((program, rest)) = argv.split_first() else { return Operand::None };
    let name = base_name(program);
    if runs_a_package(&name, rest) {
        return Operand::Unbindable;
    }
    let family = without_version(&name);
    let Some(interpreter) = INTERPRETERS.iter().find(|known| known.names.contains(&family)) else {
        return Operand::None;
    };
    interpreter.operand(rest).map_or(Operand::Unbindable, |at| Operand::File(at + 1))
}

/// Whether the name is one of an interpreter or a package runner.
pub(crate) fn is_interpreter(program: &str) -> bool {
    let name = base_name(program);
    let family = without_version(&name);
    INTERPRETERS.iter().any(|known| known.names.contains(&family))
        || PACKAGE_RUNNERS.iter().any(|(runner, _)| *runner == name)
}

/// `python3.12` is `python`, `lua5.4` is `lua`.
fn without_version(name: &str) -> &str {
    name.trim_end_matches(|c: char| c.is_ascii_digit() || c == '.' || c == '-')
}

impl Interpreter {
    fn operand(&self, rest: &[String]) -> Option<usize> {
        let mut words = rest.iter().enumerate();
        let mut may_be_subcommand = !self.subcommands.is_empty();
        loop {
            let (at, word) = words.next()?;
            if word == "--" {
                return words.next().map(|(at, _)| at);
            }
            if self.file.contains(&word.as_str()) {
                return words.next().map(|(at, _)| at);
            }
            if !word.starts_with('-') {
                if may_be_subcommand && self.subcommands.contains(&word.as_str()) {
                    may_be_subcommand = false;
                    continue;
                }
                // The language's own programs stand where a file would: the text of awk, the commands of deno and bun.
                let is_text = !self.file.is_empty() && self.names.contains(&"awk");
                let is_command = !self.subcommands.is_empty() && may_be_subcommand && !word.contains(['.', '/', '\\']);
                return (!is_text && !is_command).then_some(at);
            }
            if word == "-" {
                return None;
            }
            if self.values.contains(&word.as_str()) {
                words.next();
            } else if !self.plain.contains(&word.as_str()) && !self.has_joined_value(word) {
                return None;
            }
        }
    }

    /// `-Wignore`, `-F:`.
    fn has_joined_value(&self, word: &str) -> bool {
        self.values.iter().any(|option| option.len() == 2 && word.len() > 2 && word.starts_with(option))
    }
}
