//! `cargo xtask autobahn`: the Autobahn WebSocket suite against our frame layer, as server and as client.
//!
//! The suite is a Python 2.7 program. Our side are two bare echo programs with the limits and settings of the product,
//! `ws-echo` of the gateway crate and `ws-echo-client` of the client crate. Compression is off in both, so the cases
//! about it (12 and 13) do not apply.

use std::{
    collections::BTreeMap,
    fs,
    io::{BufRead as _, BufReader},
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail};
use serde::Deserialize;

use crate::{arguments::Arguments, checkout, interop, process, terminal};

const FOLDER: &str = "tests/autobahn";
/// Where the suite and the reports go; not committed.
const CACHE: &str = "tests/autobahn/.cache";
/// The whole suite in one direction takes well under a minute; past this it hangs.
const DEADLINE: Duration = Duration::from_mins(7);
const CASES: &str = "1.*,2.*,3.*,4.*,5.*,6.*,7.*,9.*,10.*";

/// Which of our two ends is tested.
#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    Server,
    Client,
}

pub(crate) fn run(mut arguments: Arguments) -> Result<()> {
    let only = arguments.value("--only")?;
    let cases = arguments.value("--cases")?.unwrap_or_else(|| CASES.to_owned());
    arguments.finish()?;
    let ends = match only.as_deref() {
        None => vec![End::Server, End::Client],
        Some("server") => vec![End::Server],
        Some("client") => vec![End::Client],
        Some(other) => bail!("--only takes server or client, not {other}"),
    };
    let Some(suite) = Suite::prepare()? else { return Ok(()) };
    let mut failures = 0;
    for end in ends {
        let start = Instant::now();
        let report = match end {
            End::Server => test_server(&suite, &cases)?,
            End::Client => test_client(&suite, &cases)?,
        };
        failures += judge(end, &report, start.elapsed())?;
    }
    if failures > 0 {
        bail!("{failures} cases failed; the pages in {CACHE} say how");
    }
    Ok(())
}

/// The suite, installed, and the Python that runs it.
struct Suite {
    python: PathBuf,
    site: PathBuf,
}

impl Suite {
    /// # Errors
    /// When Python 2.7 is missing in continuous integration, or the suite cannot be installed.
    fn prepare() -> Result<Option<Self>> {
        let Some(python) = python() else {
            let text = "Python 2.7 is missing; the Autobahn suite runs on nothing newer. `pyenv install 2.7.18` brings \
                        it, or set OPENCLAW_PYTHON2 to one";
            if process::in_ci() {
                bail!(text);
            }
            terminal::say(&format!("SKIPPED: {text}. WebSocket conformance was not tested."));
            return Ok(None);
        };
        let site = checkout::root().join(CACHE).join("site");
        let requirements = checkout::read("tests/autobahn/requirements.txt")?;
        let mark = site.join(".installed");
        if !fs::read_to_string(&mark).is_ok_and(|installed| installed == requirements) {
            terminal::say("autobahn: installing the suite (about a minute, once)");
            let mut pip = process::command(&python);
            pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps", "--upgrade"]);
            pip.arg("--target").arg(&site).arg("-r").arg(Path::new(FOLDER).join("requirements.txt"));
            process::run(pip)?;
            fs::copy(checkout::root().join(FOLDER).join("requirements.txt"), &mark)?;
        }
        Ok(Some(Self { python, site }))
    }

    /// Starts the suite in one of its modes with a specification, its output going to a file beside it.
    fn start(&self, mode: &str, specification: &serde_json::Value, folder: &Path) -> Result<Running> {
        let file = folder.join(format!("{mode}.json"));
        write(&file, &serde_json::to_vec_pretty(specification)?)?;
        let log = fs::File::create(folder.join(format!("{mode}.log")))?;
        let mut command = process::command(&self.python);
        command.arg(checkout::root().join(FOLDER).join("wstest.py")).arg(&self.site);
        command.args(["-m", mode, "-s"]).arg(&file).stdout(log.try_clone()?).stderr(log);
        Running::start(command, mode)
    }
}

/// A Python 2.7 with pip: the one named by the environment, on the path, or one that pyenv has.
fn python() -> Option<PathBuf> {
    let works =
        |python: &Path| process::answers(python, &["-c", "import sys, pip; assert sys.version_info[:2] == (2, 7)"]);
    let given = std::env::var_os("OPENCLAW_PYTHON2").map(PathBuf::from);
    let on_path = [PathBuf::from("python2.7"), PathBuf::from("python2")];
    let found = given.into_iter().chain(on_path).find(|python| works(python));
    found.or_else(|| {
        let pyenv = process::output("pyenv", &["root"]).ok()?;
        let versions = fs::read_dir(Path::new(pyenv.trim()).join("versions")).ok()?;
        let pythons = versions.flatten().filter(|entry| entry.file_name().to_string_lossy().starts_with("2.7."));
        pythons.map(|entry| entry.path().join("bin/python2.7")).find(|python| works(python))
    })
}

/// A child that ends with its owner.
struct Running {
    child: Child,
    name: String,
}

impl Running {
    fn start(mut command: Command, name: &str) -> Result<Self> {
        let child = command.spawn().with_context(|| format!("cannot start {name}"))?;
        Ok(Self { child, name: name.to_owned() })
    }

    /// Waits for the end, at most until the deadline.
    fn finish(&mut self) -> Result<()> {
        let start = Instant::now();
        while start.elapsed() < DEADLINE {
            match self.child.try_wait()? {
                Some(status) if status.success() => return Ok(()),
                Some(status) => bail!("{} ended with {status}", self.name),
                None => std::thread::sleep(Duration::from_millis(50)),
            }
        }
        bail!("{} was not done after {} s", self.name, DEADLINE.as_secs())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

fn test_server(suite: &Suite, cases: &str) -> Result<Report> {
    let folder = fresh_folder("server")?;
    let mut command = process::command(example("openclaw-gateway", "ws-echo")?);
    command.arg("127.0.0.1:0").stdout(Stdio::piped());
    let mut echo = Running::start(command, "ws-echo")?;
    let mut address = String::new();
    let output = echo.child.stdout.take().context("ws-echo has no output")?;
    BufReader::new(output).read_line(&mut address)?;
    let specification = serde_json::json!({
        "outdir": folder,
        "servers": [{ "agent": "server", "url": format!("ws://{}", address.trim()) }],
        "cases": list(cases),
        "exclude-cases": [],
        "exclude-agent-cases": {},
    });
    suite.start("fuzzingclient", &specification, &folder)?.finish()?;
    Report::read(&folder)
}

fn test_client(suite: &Suite, cases: &str) -> Result<Report> {
    let folder = fresh_folder("client")?;
    let program = example("openclaw-client", "ws-echo-client")?;
    let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
    let url = format!("ws://127.0.0.1:{port}");
    let specification = serde_json::json!({
        "url": url,
        "outdir": folder,
        "cases": list(cases),
        "exclude-cases": [],
        "exclude-agent-cases": {},
        // The suite would serve its pages on a port of its own choice.
        "webport": 0,
    });
    let server = suite.start("fuzzingserver", &specification, &folder)?;
    let start = Instant::now();
    while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
        if start.elapsed() > Duration::from_mins(1) {
            bail!("the suite's server did not start; see fuzzingserver.log in {CACHE}/client");
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    let mut command = process::command(program);
    command.args([url.as_str(), "client"]);
    Running::start(command, "ws-echo-client")?.finish()?;
    drop(server);
    Report::read(&folder)
}

/// Builds one of our echo programs and says where it is.
fn example(package: &str, name: &str) -> Result<PathBuf> {
    process::run(process::cargo(&["build", "--quiet", "--package", package, "--example", name]))?;
    let file = format!("{name}{}", std::env::consts::EXE_SUFFIX);
    Ok(interop::target_folder()?.join("debug/examples").join(file))
}

fn fresh_folder(name: &str) -> Result<PathBuf> {
    let folder = checkout::root().join(CACHE).join(name);
    if folder.exists() {
        fs::remove_dir_all(&folder)?;
    }
    fs::create_dir_all(&folder)?;
    Ok(folder)
}

fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    let mut file = fs::File::create(path)?;
    std::io::Write::write_all(&mut file, bytes).with_context(|| format!("cannot write {}", path.display()))
}

fn list(cases: &str) -> Vec<&str> {
    cases.split(',').collect()
}

/// What the suite says about every case.
#[derive(Deserialize)]
struct Report(BTreeMap<String, BTreeMap<String, Case>>);

#[derive(Deserialize)]
struct Case {
    behavior: String,
    #[serde(rename = "behaviorClose")]
    behavior_close: String,
}

impl Report {
    fn read(folder: &Path) -> Result<Self> {
        let file = folder.join("index.json");
        let text = fs::read_to_string(&file).with_context(|| format!("the suite left no {}", file.display()))?;
        serde_json::from_str(&text).with_context(|| format!("{} is not a report", file.display()))
    }

    fn cases(&self) -> impl Iterator<Item = (&String, &Case)> {
        self.0.values().flatten()
    }
}

/// Prints the sums, names what is not plainly OK, and counts the failures.
fn judge(end: End, report: &Report, took: Duration) -> Result<usize> {
    let name = if end == End::Server { "server" } else { "client" };
    let mut sums: BTreeMap<&str, usize> = BTreeMap::new();
    let mut failures = 0;
    for (number, case) in report.cases() {
        *sums.entry(&case.behavior).or_default() += 1;
        let fine = |word: &str| matches!(word, "OK" | "NON-STRICT" | "INFORMATIONAL");
        if !fine(&case.behavior) || !fine(&case.behavior_close) {
            failures += 1;
            terminal::say(&format!("{name} case {number}: {}, close {}", case.behavior, case.behavior_close));
        } else if case.behavior == "NON-STRICT" {
            terminal::say(&format!("{name} case {number}: NON-STRICT"));
        }
    }
    let sums: Vec<String> = sums.into_iter().map(|(behavior, count)| format!("{count} {behavior}")).collect();
    if sums.is_empty() {
        bail!("the suite ran no case against our {name}");
    }
    terminal::say(&format!("autobahn {name}: {} in {:.1} s", sums.join(", "), took.as_secs_f64()));
    Ok(failures)
}
