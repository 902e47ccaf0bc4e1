//! `cargo xtask ci`: what continuous integration checks, in the order in which failures are cheapest.

use std::time::{Duration, Instant};

use anyhow::{Result, bail};

use crate::{
    arguments::Arguments, autobahn, checkout::Generated, compat, interop, process, schema, security_rules, terminal,
    tidy,
};

/// One check: its name, what repairs or repeats it, and the check itself.
struct Step {
    name: &'static str,
    fix: &'static str,
    check: fn() -> Result<()>,
}

const STEPS: &[Step] = &[
    Step { name: "fmt", fix: "cargo xtask fix", check: fmt },
    Step { name: "tidy", fix: "cargo xtask tidy", check: || tidy::run(nothing()) },
    Step { name: "rules", fix: "cargo xtask rules", check: || security_rules::generate(Generated::Check) },
    Step { name: "compat", fix: "cargo xtask compat", check: || compat::generate(Generated::Check) },
    Step {
        name: "clippy",
        fix: "cargo clippy --workspace --all-targets -- -D warnings   (cargo xtask fix repairs some)",
        check: clippy,
    },
    Step { name: "test", fix: "cargo test --workspace", check: test },
    Step { name: "schema", fix: "cargo xtask schema", check: || schema::generate(Generated::Check) },
    Step { name: "deny", fix: "cargo deny check bans licenses sources", check: deny },
    Step { name: "interop", fix: "cargo xtask interop --only <scenario>", check: || interop::run(nothing()) },
    Step { name: "autobahn", fix: "cargo xtask autobahn --only <server|client>", check: || autobahn::run(nothing()) },
];

/// How a step ended.
struct Outcome {
    step: &'static Step,
    took: Duration,
    failure: Option<anyhow::Error>,
}

pub(crate) fn run(mut arguments: Arguments) -> Result<()> {
    let (only, skip, list) = (arguments.list("--only")?, arguments.list("--skip")?, arguments.flag("--list"));
    arguments.finish()?;
    for name in only.iter().chain(&skip) {
        if !STEPS.iter().any(|step| step.name == name) {
            bail!("no step is called {name}; `cargo xtask ci --list` names them");
        }
    }
    let chosen = |step: &&Step| {
        (only.is_empty() || only.iter().any(|name| name == step.name)) && !skip.iter().any(|name| name == step.name)
    };
    let steps = STEPS.iter().filter(chosen);
    if list {
        steps.for_each(|step| terminal::say(&format!("{:<10} {}", step.name, step.fix)));
        return Ok(());
    }
    report(&steps.map(take).collect::<Vec<_>>())
}

fn take(step: &'static Step) -> Outcome {
    terminal::say(&format!("\n── {} ──", step.name));
    let start = Instant::now();
    let failure = (step.check)().err();
    let took = start.elapsed();
    match &failure {
        None => terminal::say(&format!("── {} passed in {} ──", step.name, seconds(took))),
        Some(error) => terminal::say(&format!("── {} FAILED in {}: {error:#} ──", step.name, seconds(took))),
    }
    Outcome { step, took, failure }
}

fn report(outcomes: &[Outcome]) -> Result<()> {
    terminal::say("");
    for Outcome { step, took, failure } in outcomes {
        let mark = if failure.is_some() { "FAILED" } else { "passed" };
        terminal::say(&format!("{mark}  {:<10} {:>8}", step.name, seconds(*took)));
    }
    let failed: Vec<&Outcome> = outcomes.iter().filter(|outcome| outcome.failure.is_some()).collect();
    for outcome in &failed {
        terminal::say(&format!("to see or fix {}: {}", outcome.step.name, outcome.step.fix));
    }
    terminal::say(&format!("{} passed, {} failed", outcomes.len() - failed.len(), failed.len()));
    if failed.is_empty() { Ok(()) } else { bail!("{} of {} steps failed", failed.len(), outcomes.len()) }
}

fn seconds(took: Duration) -> String {
    format!("{:.1} s", took.as_secs_f64())
}

fn nothing() -> Arguments {
    Arguments::new(Vec::new())
}

fn fmt() -> Result<()> {
    process::run(process::cargo(&["fmt", "--all", "--check"]))
}

fn clippy() -> Result<()> {
    process::run(process::cargo(&["clippy", "--workspace", "--all-targets", "--quiet", "--", "-D", "warnings"]))
}

fn test() -> Result<()> {
    process::run(process::cargo(&["test", "--workspace"]))
}

/// Licences, bans and sources. The tool is not part of a Rust installation and takes minutes to build, so its absence
/// is said aloud and fails nothing.
fn deny() -> Result<()> {
    if !process::answers(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()), &["deny", "--version"]) {
        terminal::say("SKIPPED: cargo-deny is not installed (`cargo install --locked cargo-deny` brings it)");
        return Ok(());
    }
    process::run(process::cargo(&["deny", "check", "bans", "licenses", "sources"]))
}
