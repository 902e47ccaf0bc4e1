//! Runs every rule over every file and prints what it finds.

use anyhow::{Result, bail};

use super::{exceptions::Exceptions, layers, names, sizes, words};
use crate::{arguments::Arguments, checkout, source::Source, terminal};

/// One thing that is not as it should be.
pub(super) struct Finding {
    /// `path:line`, or the name of a crate.
    pub(super) place: String,
    pub(super) text: String,
}

impl Finding {
    pub(super) fn new(path: &str, line: usize, text: impl Into<String>) -> Self {
        Self { place: format!("{path}:{line}"), text: text.into() }
    }
}

pub(crate) fn run(arguments: Arguments) -> Result<()> {
    arguments.finish()?;
    let mut exceptions = Exceptions::read()?;
    let mut findings = layers::check(&layers::Package::all()?);
    let files = checkout::files()?;
    for path in &files {
        let Ok(text) = std::fs::read_to_string(checkout::root().join(path)) else {
            continue; // not text: a picture, a corpus file
        };
        findings.extend(words::check(path, &text));
        if checkout::is_rust(path) {
            let source = Source::new(&text);
            findings.extend(sizes::check(path, &source, &mut exceptions));
            findings.extend(names::check(path, &source));
        }
    }
    findings.extend(exceptions.unused());
    for finding in &findings {
        terminal::complain(&format!("{}: {}", finding.place, finding.text));
    }
    match findings.len() {
        0 => terminal::say(&format!("tidy: {} files are in order", files.len())),
        count => bail!("{count} findings; each line above says what to change"),
    }
    Ok(())
}
