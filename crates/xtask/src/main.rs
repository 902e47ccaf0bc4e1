//! The one door for contributors: `cargo xtask <task>`.
//!
//! A task is one file (or folder) of this crate. `ci` runs them all the way that continuous integration does, `fix`
//! repairs what a machine can repair.

mod arguments;
mod autobahn;
mod bench;
mod checkout;
mod ci;
mod compat;
mod fix;
mod interop;
mod process;
mod schema;
mod security_rules;
mod source;
mod terminal;
mod tidy;
mod windows;

use std::process::ExitCode;

use arguments::Arguments;

const USAGE: &str = "\
cargo xtask <task>

  ci        everything that continuous integration checks   [--only a,b] [--skip a,b] [--list]
  fix       format, let clippy repair, regenerate generated files
  tidy      sizes, layers, words and names that compilers do not check
  schema    writes docs/protocol.schema.json                [--check]
  rules     writes docs/security-rules.md                   [--check]
  compat    writes docs/compat.md from the interop results  [--check]
  interop   the official programs against ours              [--only name] [--list] [--record]
  autobahn  WebSocket conformance, both directions          [--only server|client] [--cases 1.*]
  bench     costs per operation into docs/performance.md    [--quick] [--only ours,floor,peer]
  windows   cargo through the lane in OPENCLAW_WINDOWS_LANE [check|test|…]";

fn main() -> ExitCode {
    let mut words = std::env::args().skip(1);
    let task = words.next().unwrap_or_default();
    let arguments = Arguments::new(words.collect());
    match run(&task, arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            terminal::complain(&format!("xtask {task}: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

fn run(task: &str, arguments: Arguments) -> anyhow::Result<()> {
    match task {
        "ci" => ci::run(arguments),
        "fix" => fix::run(arguments),
        "tidy" => tidy::run(arguments),
        "schema" => schema::run(arguments),
        "rules" => security_rules::run(arguments),
        "compat" => compat::run(arguments),
        "interop" => interop::run(arguments),
        "autobahn" => autobahn::run(arguments),
        "bench" => bench::run(arguments),
        "windows" => windows::run(arguments),
        _ => anyhow::bail!("no task of that name\n\n{USAGE}"),
    }
}
