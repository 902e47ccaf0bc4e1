//! The log of a short-lived command: on stderr, and only when somebody asked for it.

use std::{io, str::FromStr};

use tracing_subscriber::filter::LevelFilter;

use crate::context::Context;

/// `--log-level` and `OPENCLAW_LOG_LEVEL`, in the reference's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Level(pub(crate) LevelFilter);

impl FromStr for Level {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(Self(match text.trim().to_ascii_lowercase().as_str() {
            "silent" => LevelFilter::OFF,
            "fatal" | "error" => LevelFilter::ERROR,
            "warn" => LevelFilter::WARN,
            "info" => LevelFilter::INFO,
            "debug" => LevelFilter::DEBUG,
            "trace" => LevelFilter::TRACE,
            _ => return Err("use silent, fatal, error, warn, info, debug or trace".to_owned()),
        }))
    }
}

/// The level that was asked for by the option, else by the environment; a wrong one there is reported and ignored.
pub(crate) fn wanted(ctx: &Context, option: Option<Level>) -> Option<Level> {
    option.or_else(|| {
        let text = ctx.env.trimmed("OPENCLAW_LOG_LEVEL")?;
        text.parse().map_err(|problem| ctx.ui.note(format!("OPENCLAW_LOG_LEVEL={text} is ignored: {problem}"))).ok()
    })
}

/// Writes the log of this command to stderr from that level on.
pub(crate) fn to_stderr(level: Level) {
    let layer = tracing_subscriber::fmt().with_max_level(level.0).with_writer(io::stderr).without_time();
    layer.with_target(true).with_ansi(false).init();
}
