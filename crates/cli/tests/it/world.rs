//! A home folder, the programs that run in it, and what they said.

use std::{
    io::{BufRead, BufReader, Read},
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    sync::{Arc, Mutex, mpsc},
    time::{Duration, Instant},
};

use serde_json::Value;
use tempfile::TempDir;

/// Longest wait for something that has to happen.
pub(crate) const DEADLINE: Duration = Duration::from_secs(30);

/// A user with a home folder and nothing else.
pub(crate) struct World {
    home: TempDir,
}

/// What a command said and how it ended.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Said {
    fn of(output: Output) -> Self {
        Self {
            code: output.status.code().unwrap_or(-1),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// The output of a command that worked.
    #[track_caller]
    pub(crate) fn ok(self) -> String {
        assert_eq!(self.code, 0, "{self:?}");
        self.out
    }

    /// The JSON document on stdout.
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// The first printed fix.
    #[track_caller]
    pub(crate) fn fix(&self) -> String {
        let line = self.err.lines().find_map(|line| line.trim().strip_prefix("fix: "));
        line.unwrap_or_else(|| panic!("no fix: {self:?}")).to_owned()
    }
}

impl World {
    pub(crate) fn new() -> Self {
        Self { home: tempfile::tempdir().unwrap() }
    }

    pub(crate) fn home(&self) -> &Path {
        self.home.path()
    }

    pub(crate) fn state(&self) -> PathBuf {
        self.home().join(".openclaw")
    }

    /// The binary with nothing of this machine's user in its environment.
    pub(crate) fn command(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_openclaw"));
        command.env_clear().env("HOME", self.home()).env("HOSTNAME", "box").current_dir(self.home());
        for name in ["PATH", "SystemRoot", "LLVM_PROFILE_FILE"] {
            if let Some(value) = std::env::var_os(name) {
                command.env(name, value);
            }
        }
        command
    }

    /// Runs a command to its end.
    #[track_caller]
    pub(crate) fn run(&self, arguments: &[&str]) -> Said {
        Said::of(self.command().args(arguments).stdin(Stdio::null()).output().unwrap())
    }

    /// Runs a command with one more variable.
    #[track_caller]
    pub(crate) fn run_with(&self, variables: &[(&str, &str)], arguments: &[&str]) -> Said {
        let mut command = self.command();
        Said::of(command.envs(variables.iter().copied()).args(arguments).stdin(Stdio::null()).output().unwrap())
    }

    /// Runs a printed fix as a person would paste it.
    #[track_caller]
    pub(crate) fn paste(&self, line: &str) -> Said {
        let words: Vec<String> = split(line);
        let (program, arguments) = words.split_first().unwrap();
        assert_eq!(program, "openclaw", "{line}");
        self.run(&arguments.iter().map(String::as_str).collect::<Vec<_>>())
    }

    /// Starts a program that stays.
    #[track_caller]
    pub(crate) fn start(&self, arguments: &[&str]) -> Program {
        let mut command = self.command();
        let child = command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        Program::watch(child.spawn().unwrap())
    }

    /// A gateway on a free port.
    #[track_caller]
    pub(crate) fn gateway(&self) -> Gateway {
        self.gateway_with(&[])
    }

    /// A gateway on a free port, with more flags.
    #[track_caller]
    pub(crate) fn gateway_with(&self, more: &[&str]) -> Gateway {
        let mut arguments = vec!["gateway", "run", "--json", "--port", "0"];
        arguments.extend(more);
        let program = self.start(&arguments);
        let line = program.wait_for_out("\"listening\"");
        let said: Value = serde_json::from_str(&line).unwrap();
        let url = said["url"].as_str().unwrap().to_owned();
        Gateway { program, url, instance_id: said["instanceId"].as_str().unwrap().to_owned() }
    }

    /// A connected node of this home.
    #[track_caller]
    pub(crate) fn node(&self) -> Program {
        let node = self.start(&["node", "run", "--json"]);
        node.wait_for_out("\"connected\"");
        node
    }

    /// Waits until a command's JSON answer is as wanted.
    #[track_caller]
    pub(crate) fn until(&self, arguments: &[&str], wanted: impl Fn(&Value) -> bool) -> Value {
        let begun = Instant::now();
        loop {
            let said = self.run(arguments);
            if said.code == 0 && wanted(&said.json()) {
                return said.json();
            }
            assert!(begun.elapsed() < DEADLINE, "{said:?}");
            std::thread::yield_now();
        }
    }
}

/// Writes a file that a command shall find.
#[track_caller]
pub(crate) fn write(path: &Path, text: &str) {
    openclaw_store::files::write_atomic(path, text.as_bytes()).unwrap();
}

/// Words of a command line with single or double quotes.
fn split(line: &str) -> Vec<String> {
    let (mut words, mut word, mut quote) = (Vec::new(), String::new(), None);
    for c in line.trim().chars() {
        match (quote, c) {
            (None, '\'' | '"') => quote = Some(c),
            (Some(open), c) if c == open => quote = None,
            (None, ' ') => words.push(std::mem::take(&mut word)),
            (_, c) => word.push(c),
        }
    }
    words.push(word);
    words.retain(|word| !word.is_empty());
    words
}

/// A running gateway.
pub(crate) struct Gateway {
    pub(crate) program: Program,
    pub(crate) url: String,
    pub(crate) instance_id: String,
}

impl Gateway {
    pub(crate) fn port(&self) -> &str {
        self.url.rsplit(':').next().unwrap()
    }

    /// Ends it in order.
    #[track_caller]
    pub(crate) fn stop(self) {
        assert_eq!(self.program.interrupt(), 0);
    }
}

/// A program that stays; it is killed when this is dropped.
pub(crate) struct Program {
    child: Child,
    lines: mpsc::Receiver<String>,
    out: Arc<Mutex<String>>,
    err: Arc<Mutex<String>>,
}

impl Program {
    fn watch(mut child: Child) -> Self {
        let (sender, lines) = mpsc::channel();
        let (out, err) = (Arc::new(Mutex::new(String::new())), Arc::new(Mutex::new(String::new())));
        let stdout = BufReader::new(child.stdout.take().unwrap());
        let mut stderr = child.stderr.take().unwrap();
        let (kept, kept_err) = (out.clone(), err.clone());
        std::thread::spawn(move || {
            for line in stdout.lines().map_while(Result::ok) {
                kept.lock().unwrap().extend([&line, "\n"]);
                if sender.send(line).is_err() {
                    return;
                }
            }
        });
        std::thread::spawn(move || {
            let mut bytes = [0; 4096];
            while let Ok(count @ 1..) = stderr.read(&mut bytes) {
                kept_err.lock().unwrap().push_str(&String::from_utf8_lossy(&bytes[..count]));
            }
        });
        Self { child, lines, out, err }
    }

    /// The next line of stdout with that text.
    #[track_caller]
    pub(crate) fn wait_for_out(&self, text: &str) -> String {
        let begun = Instant::now();
        loop {
            let left = DEADLINE.saturating_sub(begun.elapsed());
            match self.lines.recv_timeout(left) {
                Ok(line) if line.contains(text) => return line,
                Ok(_) => {}
                Err(error) => panic!("{text} did not come ({error})\nout: {}\nerr: {}", self.out(), self.err()),
            }
        }
    }

    /// Waits until stderr has that text.
    #[track_caller]
    pub(crate) fn wait_for_err(&self, text: &str) {
        let begun = Instant::now();
        while !self.err().contains(text) {
            assert!(begun.elapsed() < DEADLINE, "{text} did not come\nout: {}\nerr: {}", self.out(), self.err());
            std::thread::yield_now();
        }
    }

    pub(crate) fn out(&self) -> String {
        self.out.lock().unwrap().clone()
    }

    pub(crate) fn err(&self) -> String {
        self.err.lock().unwrap().clone()
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Ctrl-C; the exit code.
    #[track_caller]
    pub(crate) fn interrupt(mut self) -> i32 {
        let killed = Command::new("kill").args(["-INT", &self.pid().to_string()]).status().unwrap();
        assert!(killed.success());
        self.end()
    }

    /// Waits for its end; the exit code.
    #[track_caller]
    pub(crate) fn end(&mut self) -> i32 {
        let begun = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status.code().unwrap_or(-1);
            }
            assert!(begun.elapsed() < DEADLINE, "it does not end\nout: {}\nerr: {}", self.out(), self.err());
            std::thread::yield_now();
        }
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // It may have ended already.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// Replaces what differs from run to run.
pub(crate) fn settled(text: &str, world: &World) -> String {
    let mut settled = text.replace(&world.home().display().to_string(), "[HOME]");
    let host = gethostname();
    settled = replace_uuids(&settled);
    settled = replace_hex(&settled, 64, "[DEVICE]");
    settled = replace_hex(&settled, 8, "[SHORT]");
    settled = replace_ports(&settled);
    if host.len() > 1 { replace_words(&settled, &host, "[HOST]") } else { settled }
}

fn gethostname() -> String {
    gethostname::gethostname().to_string_lossy().split('.').next().unwrap_or_default().to_owned()
}

fn replace_words(text: &str, word: &str, by: &str) -> String {
    let is_word = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric() || c == '/');
    let (mut done, mut rest) = (String::new(), text);
    while let Some(at) = rest.find(word) {
        let (head, tail) = rest.split_at(at);
        let after = &tail[word.len()..];
        done.push_str(head);
        let inside = is_word(head.chars().next_back()) || is_word(after.chars().next());
        done.push_str(if inside { word } else { by });
        rest = after;
    }
    done + rest
}

fn replace_uuids(text: &str) -> String {
    let shape = [8, 4, 4, 4, 12];
    let mut done = String::new();
    let mut rest = text;
    'next: while !rest.is_empty() {
        let mut end = 0;
        for (at, length) in shape.iter().enumerate() {
            if at > 0 {
                if rest.as_bytes().get(end) != Some(&b'-') {
                    let c = rest.chars().next().unwrap();
                    done.push(c);
                    rest = &rest[c.len_utf8()..];
                    continue 'next;
                }
                end += 1;
            }
            let part = rest.as_bytes().get(end..end + length);
            if !part.is_some_and(|part| part.iter().all(u8::is_ascii_hexdigit)) {
                let c = rest.chars().next().unwrap();
                done.push(c);
                rest = &rest[c.len_utf8()..];
                continue 'next;
            }
            end += length;
        }
        done.push_str("[UUID]");
        rest = &rest[end..];
    }
    done
}

fn replace_hex(text: &str, length: usize, name: &str) -> String {
    let (mut done, mut run) = (String::new(), String::new());
    for c in text.chars().chain(['\0']) {
        if c.is_ascii_hexdigit() {
            run.push(c);
            continue;
        }
        let is_id = run.len() == length && run.chars().any(|c| c.is_ascii_digit());
        done.push_str(if is_id { name } else { &run });
        run.clear();
        if c != '\0' {
            done.push(c);
        }
    }
    done
}

fn replace_ports(text: &str) -> String {
    let mut done = String::new();
    let mut rest = text;
    while let Some(at) = rest.find("127.0.0.1:") {
        let (head, tail) = rest.split_at(at + "127.0.0.1:".len());
        done.push_str(head);
        let digits = tail.chars().take_while(char::is_ascii_digit).count();
        let (port, after) = tail.split_at(digits);
        done.push_str(if port == "18789" { port } else { "[PORT]" });
        rest = after;
    }
    done + rest
}
