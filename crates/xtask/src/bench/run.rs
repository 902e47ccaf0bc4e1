//! One run: builds the programs, measures server after server, writes the table.

use std::collections::BTreeMap;

use anyhow::{Result, bail};
use serde_json::Value;

use super::{
    lines::{LINES, Source},
    report,
    server::{Kind, Programs, Server},
};
use crate::{arguments::Arguments, checkout::Generated, interop, process, terminal};

const FILE: &str = "docs/performance.md";

/// Values by line (its place in [`LINES`]) and server.
pub(super) type Values = BTreeMap<(usize, Kind), f64>;

pub(crate) fn run(mut arguments: Arguments) -> Result<()> {
    let quick = arguments.flag("--quick");
    let only = arguments.list("--only")?;
    arguments.finish()?;
    if !cfg!(target_os = "linux") {
        bail!("the costs are read from /proc, which only Linux has");
    }
    let programs = build()?;
    let mut values = Values::new();
    for kind in [Kind::Floor, Kind::Ours, Kind::Peer] {
        if !only.is_empty() && !only.iter().any(|name| name == kind.name()) {
            continue;
        }
        if kind == Kind::Peer && programs.peer.is_none() {
            terminal::say("SKIPPED: the official gateway is not installed (npm is missing)");
            continue;
        }
        measure(kind, &programs, if quick { 10 } else { 1 }, &mut values)?;
    }
    let table = report::render(&values);
    terminal::say(&table);
    // A part of the table would replace the whole.
    if only.is_empty() && !quick {
        Generated::Write.apply(FILE, &table, "cargo xtask bench")?;
    }
    Ok(())
}

fn build() -> Result<Programs> {
    process::run(process::cargo(&["build", "--release", "--quiet", "--package", "openclaw"]))?;
    let tools = ["build", "--profile", "tools", "--quiet", "--package", "openclaw-testkit", "--examples"];
    process::run(process::cargo(&tools))?;
    let target = interop::target_folder()?;
    let examples = target.join("tools").join("examples");
    let peer =
        interop::peers()?.map(|peers| (interop::node_of(&peers), peers.join("node_modules/openclaw/openclaw.mjs")));
    Ok(Programs {
        ours: target.join("release").join("openclaw"),
        floor: examples.join("floor"),
        load: examples.join("load"),
        peer,
    })
}

/// Measures every line for one server. A line that cannot be had is said and left out; the others go on.
fn measure(kind: Kind, programs: &Programs, divisor: usize, values: &mut Values) -> Result<()> {
    terminal::say(&format!("bench: {}", kind.name()));
    let mut server = Server::start(kind, programs)?;
    let mut reports: BTreeMap<String, Value> = BTreeMap::new();
    for line in LINES {
        let key = source_key(line.source);
        if reports.contains_key(&key) {
            continue;
        }
        let report = match line.source {
            Source::Start => continue,
            Source::Load { measure: "hello", .. } => server.start.get("hello").cloned().unwrap_or_default(),
            Source::Load { measure, count, peer_count } => {
                let count = if kind == Kind::Peer { peer_count } else { count };
                said(server.load(programs, measure, (count / divisor).max(16)), measure)
            }
            Source::Cli(_) if kind == Kind::Floor => continue,
            Source::Cli(words) => said(server.cli(programs, words), &words.join(" ")),
        };
        reports.insert(key, report);
    }
    let after = server.resident_kb()?;
    server.note("afterKb", after);
    reports.insert(source_key(Source::Start), Value::Object(server.start.clone()));
    for (number, line) in LINES.iter().enumerate() {
        let report = reports.get(&source_key(line.source));
        if let Some(value) = report.and_then(|report| report.get(line.member)).and_then(Value::as_f64) {
            values.insert((number, kind), value);
        }
    }
    Ok(())
}

fn said(result: Result<Value>, what: &str) -> Value {
    match result {
        Ok(report) => {
            terminal::say(&format!("  {what}: {report}"));
            report
        }
        Err(error) => {
            terminal::complain(&format!("  {what}: {error:#}"));
            Value::Null
        }
    }
}

fn source_key(source: Source) -> String {
    match source {
        Source::Start => "start".to_owned(),
        Source::Load { measure, .. } => measure.to_owned(),
        Source::Cli(words) => words.join(" "),
    }
}
