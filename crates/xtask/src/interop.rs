//! `cargo xtask interop`: the official programs against ours, and ours against the official ones.
//!
//! The scenarios are Node.js modules in `tests/interop/scenarios`; this task brings what they need (the pinned
//! packages, among them a Node.js, and our own binary) and hands over to `tests/interop/run.mjs`.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result, bail};

use crate::{arguments::Arguments, checkout, process, terminal};

const FOLDER: &str = "tests/interop";
/// A folder that already has the packages, in `node_modules`; saves the installation while developing.
const PEERS: &str = "OPENCLAW_PEERS";
/// A binary to test instead of the one that cargo builds.
const BINARY: &str = "OPENCLAW_BINARY";

pub(crate) fn run(arguments: Arguments) -> Result<()> {
    let words = arguments.rest();
    let Some(peers) = peers()? else { return Ok(()) };
    let node = node_of(&peers);
    let mut command = process::command(&node);
    command.arg(Path::new(FOLDER).join("run.mjs")).arg("--peers").arg(&peers);
    if !words.iter().any(|word| word == "--list") {
        command.arg("--binary").arg(binary()?);
    }
    process::run({
        command.args(words);
        command
    })
}

/// The binary under test: the one named in the environment, or the workspace's own, built now.
///
/// # Errors
/// When it does not build.
fn binary() -> Result<PathBuf> {
    if let Some(given) = std::env::var_os(BINARY).filter(|given| !given.is_empty()) {
        return fs::canonicalize(&given)
            .with_context(|| format!("{BINARY} names no file: {}", given.to_string_lossy()));
    }
    process::run(process::cargo(&["build", "--quiet", "--package", "openclaw"]))?;
    Ok(target_folder()?.join("debug").join(format!("openclaw{}", std::env::consts::EXE_SUFFIX)))
}

/// Where cargo puts what it builds.
///
/// # Errors
/// When cargo cannot describe the workspace.
pub(crate) fn target_folder() -> Result<PathBuf> {
    let described =
        process::output_of(process::cargo(&["metadata", "--format-version", "1", "--no-deps", "--offline"]))?;
    let metadata: serde_json::Value = serde_json::from_str(&described)?;
    let folder = metadata.get("target_directory").and_then(serde_json::Value::as_str);
    Ok(folder.context("cargo metadata names no target directory")?.into())
}

/// The folder with the official packages, installed when needed. None when this machine has no npm and is not
/// continuous integration: then the task is skipped, and says so.
///
/// # Errors
/// When the packages cannot be installed, or npm is missing in continuous integration.
pub(crate) fn peers() -> Result<Option<PathBuf>> {
    if let Some(given) = std::env::var_os(PEERS).filter(|given| !given.is_empty()) {
        let given = PathBuf::from(given);
        if node_of(&given).is_file() {
            return Ok(Some(given));
        }
        bail!("{PEERS} is {}, but there is no {}", given.display(), node_of(&given).display());
    }
    let Some(npm) = ["npm", "npm.cmd"].into_iter().find(|npm| process::answers(npm, &["--version"])) else {
        if process::in_ci() {
            bail!("npm is missing: continuous integration needs Node.js and npm (Debian: apt-get install nodejs npm)");
        }
        terminal::say("SKIPPED: npm is missing, so nothing was tested against the official programs.");
        terminal::say("         Install Node.js with npm, or set OPENCLAW_PEERS, and run `cargo xtask interop` again.");
        return Ok(None);
    };
    install(npm).map(Some)
}

fn install(npm: &str) -> Result<PathBuf> {
    let cache = checkout::root().join(FOLDER).join(".cache/peers");
    let wanted = checkout::read("tests/interop/package-lock.json")?;
    let mark = cache.join(".installed");
    // The mark is the lock file that was installed: a changed lock installs again, an interrupted run leaves no mark.
    if fs::read_to_string(&mark).is_ok_and(|installed| installed == wanted) && node_of(&cache).is_file() {
        return Ok(cache);
    }
    terminal::say("interop: installing the official packages (about a minute, once)");
    if cache.exists() {
        fs::remove_dir_all(&cache)?;
    }
    fs::create_dir_all(&cache)?;
    for file in ["package.json", "package-lock.json", ".npmrc"] {
        fs::copy(checkout::root().join(FOLDER).join(file), cache.join(file))
            .with_context(|| format!("cannot copy {FOLDER}/{file}"))?;
    }
    let mut command = process::command(npm);
    command.current_dir(&cache).args(["ci", "--legacy-peer-deps", "--no-audit", "--no-fund", "--loglevel=error"]);
    process::run(command)?;
    if !node_of(&cache).is_file() {
        bail!("npm installed everything but Node.js itself: {} is missing", node_of(&cache).display());
    }
    fs::copy(cache.join("package-lock.json"), &mark).context("cannot note what was installed")?;
    Ok(cache)
}

/// The Node.js that comes with the packages; the one of the machine may be too old for them.
pub(crate) fn node_of(peers: &Path) -> PathBuf {
    peers.join("node_modules/node/bin").join(format!("node{}", std::env::consts::EXE_SUFFIX))
}
