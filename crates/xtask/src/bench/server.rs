//! The servers that are measured, each in a home folder of its own, and what their start costs.

use std::{
    fs,
    io::{Read as _, Write as _},
    net::{TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail};
use serde_json::{Map, Value, json};

use crate::process;

pub(super) const TOKEN: &str = "bench-shared-token";
/// The official gateway needs seconds, and many beside a build.
const START_DEADLINE: Duration = Duration::from_mins(2);
const SETTLE: Duration = Duration::from_secs(2);
const CLI_CALLS: usize = 9;

/// What is measured.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    Ours,
    Floor,
    Peer,
}

impl Kind {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Ours => "ours",
            Self::Floor => "floor",
            Self::Peer => "peer",
        }
    }
}

/// The programs that a run uses.
pub(super) struct Programs {
    pub(super) ours: PathBuf,
    pub(super) floor: PathBuf,
    pub(super) load: PathBuf,
    /// Node.js and the official CLI, where they are installed.
    pub(super) peer: Option<(PathBuf, PathBuf)>,
}

/// A running server; ended and cleaned up with its owner.
pub(super) struct Server {
    pub(super) kind: Kind,
    child: Child,
    home: PathBuf,
    port: u16,
    /// What the start cost: `healthzMs`, `idleKb`.
    pub(super) start: Map<String, Value>,
}

impl Server {
    /// # Errors
    /// When it does not start or does not answer in time.
    pub(super) fn start(kind: Kind, programs: &Programs) -> Result<Self> {
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let home = new_home(kind, port)?;
        let mut command = gateway_command(kind, programs, port)?;
        quiet(&mut command, &home);
        let start = Instant::now();
        let child = command.spawn().with_context(|| format!("cannot start {}", kind.name()))?;
        let mut server = Self { kind, child, home, port, start: Map::new() };
        while !server.is_healthy() {
            if let Some(status) = server.child.try_wait()? {
                bail!("{} ended at once: {status}", kind.name());
            }
            if start.elapsed() > START_DEADLINE {
                bail!("{} did not answer on /healthz", kind.name());
            }
            std::thread::sleep(Duration::from_micros(500));
        }
        server.note("healthzMs", start.elapsed().as_secs_f64() * 1000.0);
        let hello = server.load(programs, "hello", 1)?;
        server.note("helloMs", start.elapsed().as_secs_f64() * 1000.0);
        server.start.insert("hello".to_owned(), hello);
        std::thread::sleep(SETTLE);
        server.note("idleKb", server.resident_kb()?);
        Ok(server)
    }

    /// Runs one measure of the load program.
    ///
    /// # Errors
    /// When it fails; the text says what the server did.
    pub(super) fn load(&self, programs: &Programs, measure: &str, count: usize) -> Result<Value> {
        let mut command = process::command(&programs.load);
        let url = format!("ws://127.0.0.1:{}", self.port);
        command.args([measure, &url, TOKEN, &self.child.id().to_string(), &count.to_string()]);
        let output = command.output()?;
        let report: Value = serde_json::from_slice(&output.stdout).context("the load program printed no JSON")?;
        match report.get("error") {
            Some(error) => bail!("{measure}: {error}"),
            None => Ok(report),
        }
    }

    /// Calls of the command line: medians of the wall clock, and processor time on average.
    ///
    /// # Errors
    /// When there is no such program, or a call fails.
    pub(super) fn cli(&self, programs: &Programs, words: &[&str]) -> Result<Value> {
        let calls = if self.kind == Kind::Peer { 3 } else { CLI_CALLS };
        let before = children_cpu_ms()?;
        let mut times = Vec::new();
        for _ in 0..calls {
            let mut command = cli_command(self.kind, programs)?;
            quiet(&mut command, &self.home);
            command.args(words).env("OPENCLAW_GATEWAY_PORT", self.port.to_string());
            let start = Instant::now();
            let status = command.status()?;
            times.push(start.elapsed().as_secs_f64() * 1000.0);
            if !status.success() {
                bail!("`{}` of {} failed: {status}", words.join(" "), self.kind.name());
            }
        }
        times.sort_by(f64::total_cmp);
        let cpu = (children_cpu_ms()? - before) / f64::from(u32::try_from(calls)?);
        Ok(json!({"wallMs": times.get(calls / 2), "cpuMs": cpu}))
    }

    pub(super) fn note(&mut self, name: &str, value: f64) {
        self.start.insert(name.to_owned(), json!(value));
    }

    /// # Errors
    /// When the server is gone, or this is not Linux.
    pub(super) fn resident_kb(&self) -> Result<f64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("no VmRSS")?;
        Ok(line.trim().trim_end_matches(" kB").parse()?)
    }

    fn is_healthy(&self) -> bool {
        let request = || -> std::io::Result<bool> {
            let mut stream = TcpStream::connect(("127.0.0.1", self.port))?;
            stream.set_read_timeout(Some(Duration::from_secs(2)))?;
            stream.write_all(b"GET /healthz HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: close\r\n\r\n")?;
            let mut answer = [0; 12];
            stream.read_exact(&mut answer)?;
            Ok(answer.ends_with(b" 200"))
        };
        request().unwrap_or(false)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself, and its home may hold files of a process that is just ending.
        drop(self.child.kill());
        drop(self.child.wait());
        drop(fs::remove_dir_all(&self.home));
    }
}

fn new_home(kind: Kind, port: u16) -> Result<PathBuf> {
    let home = std::env::temp_dir().join(format!("openclaw-bench-{}-{}", std::process::id(), kind.name()));
    let state = home.join(".openclaw");
    fs::create_dir_all(&state)?;
    #[cfg(unix)]
    fs::set_permissions(&state, std::os::unix::fs::PermissionsExt::from_mode(0o700))?;
    let config = json!({
        "gateway": {"mode": "local", "port": port, "auth": {"mode": "token", "token": TOKEN}},
        "update": {"checkOnStart": false},
    });
    let mut file = fs::File::create(state.join("openclaw.json"))?;
    file.write_all(config.to_string().as_bytes())?;
    Ok(home)
}

fn gateway_command(kind: Kind, programs: &Programs, port: u16) -> Result<Command> {
    if kind == Kind::Floor {
        let mut command = process::command(&programs.floor);
        command.arg(format!("127.0.0.1:{port}"));
        return Ok(command);
    }
    let mut command = cli_command(kind, programs)?;
    command.args(["gateway", "run", "--port", &port.to_string()]);
    Ok(command)
}

fn cli_command(kind: Kind, programs: &Programs) -> Result<Command> {
    match kind {
        Kind::Ours => Ok(process::command(&programs.ours)),
        Kind::Floor => bail!("the floor has no command line"),
        Kind::Peer => {
            let (node, script) = programs.peer.as_ref().context("the official programs are not installed")?;
            let mut command = process::command(node);
            command.arg(script);
            Ok(command)
        }
    }
}

/// A person's plain environment, less what the official gateway would do beside answering.
fn quiet(command: &mut Command, home: &Path) {
    command.env_clear().envs(std::env::vars_os().filter(|(name, _)| name == "PATH"));
    command.env("HOME", home).env("TMPDIR", home).env("NO_COLOR", "1");
    for name in ["DISABLE_BONJOUR", "SKIP_CHANNELS", "SKIP_CRON", "SKIP_BROWSER_CONTROL_SERVER", "NO_RESPAWN"] {
        command.env(format!("OPENCLAW_{name}"), "1");
    }
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
}

/// Processor time of all children that have ended, in milliseconds.
fn children_cpu_ms() -> Result<f64> {
    let stat = fs::read_to_string("/proc/self/stat")?;
    let fields = stat.rsplit_once(')').context("unreadable stat")?.1;
    let tick = |at: usize| fields.split_whitespace().nth(at).and_then(|text| text.parse::<f64>().ok());
    // cutime and cstime, in hundredths of a second.
    let (user, system) = tick(13).zip(tick(14)).context("unreadable stat")?;
    Ok((user + system) * 10.0)
}
