//! The load of `cargo xtask bench`: `load <measure> <ws address> <token> <pid of the server> <count>`.
//!
//! It speaks the wire by itself, so that the same program measures our gateway, the floor and the official one, and it
//! prints one line of JSON. Every loop is bounded by its count and every wait by a deadline. It is meant for a server
//! on this machine and refuses any other address.

mod cost;
mod measures;
mod peer;

use std::{io::Write as _, process::ExitCode};

use peer::{Failure, Target};

fn main() -> ExitCode {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let result = runtime.map_err(Failure::from).and_then(|runtime| runtime.block_on(run()));
    let (line, code) = match result {
        Ok(line) => (line, ExitCode::SUCCESS),
        Err(error) => (serde_json::json!({"error": error.to_string()}), ExitCode::FAILURE),
    };
    drop(writeln!(std::io::stdout(), "{line}"));
    code
}

async fn run() -> Result<serde_json::Value, Failure> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [measure, url, token, pid, count] = words.as_slice() else {
        return Err("usage: load <measure> <ws address> <token> <pid> <count>".into());
    };
    if !url.starts_with("ws://127.0.0.1:") {
        return Err("only a server on 127.0.0.1 may be loaded".into());
    }
    let target = Target { url: url.clone(), token: token.clone(), pid: pid.parse()? };
    measures::run(measure, &target, count.parse()?).await
}
