//! `cargo xtask schema`: the wire's JSON Schema, written by the gateway's own registry.

use anyhow::{Context as _, Result, bail};

use crate::{arguments::Arguments, checkout, checkout::Generated, process};

const FILE: &str = "docs/protocol.schema.json";
/// The program that walks the registry and prints the document; it belongs to the gateway crate.
const EXAMPLE: &str = "crates/gateway/examples/dump-schema.rs";

pub(crate) fn run(mut arguments: Arguments) -> Result<()> {
    let mode = Generated::from_check_flag(arguments.flag("--check"));
    arguments.finish()?;
    generate(mode)
}

/// Renders the schema and writes or compares the committed copy.
///
/// # Errors
/// When the gateway does not build, prints no JSON document, or the committed copy is stale.
pub(crate) fn generate(mode: Generated) -> Result<()> {
    if !checkout::root().join(EXAMPLE).is_file() {
        bail!("{EXAMPLE} is missing: it prints the schema that {FILE} holds");
    }
    let printed = process::output_of(process::cargo(&[
        "run",
        "--quiet",
        "--package",
        "openclaw-gateway",
        "--example",
        "dump-schema",
    ]))?;
    let document: serde_json::Value =
        serde_json::from_str(&printed).context("dump-schema printed something that is not one JSON document")?;
    let text = serde_json::to_string_pretty(&document)? + "\n";
    mode.apply(FILE, &text, "cargo xtask schema")
}
