//! What every command has: places, environment, clock, output. The configuration is read when somebody asks.

use std::{future::Future, sync::OnceLock};

use openclaw_config::{Env, Paths, Snapshot, inspect, load};
use openclaw_protocol::clock::Clock;

use crate::{human::shell_word, problem::Problem, ui::Ui};

/// The surroundings of one command.
#[derive(Debug)]
pub(crate) struct Context {
    pub(crate) paths: Paths,
    pub(crate) env: Env,
    pub(crate) ui: Ui,
    pub(crate) clock: Clock,
    /// Root options that a printed command must repeat: `--profile x`.
    profile: Vec<String>,
    /// The arguments of the process, for the audit line of configuration writes.
    pub(crate) argv: Vec<String>,
    inspected: OnceLock<Snapshot>,
}

impl Context {
    pub(crate) fn new(paths: Paths, env: Env, ui: Ui, profile: Vec<String>) -> Self {
        let argv = std::env::args().collect();
        Self { paths, env, ui, clock: Clock::system(), profile, argv, inspected: OnceLock::new() }
    }

    /// Milliseconds since the epoch.
    pub(crate) fn now_ms(&self) -> u64 {
        self.clock.now_ms()
    }

    /// A command line of this program that can be pasted: with the profile that this call has.
    pub(crate) fn command(&self, rest: &str) -> String {
        let mut line = "openclaw".to_owned();
        for word in &self.profile {
            line.push(' ');
            line.push_str(&shell_word(word));
        }
        line.push(' ');
        line.push_str(rest);
        line
    }

    /// The configuration, refused when anything in it is wrong (REL-009).
    pub(crate) fn config(&self) -> Result<Snapshot, Problem> {
        Ok(load(&self.paths, &self.env)?)
    }

    /// The configuration as far as it can be read, for commands that diagnose or that need only a part. Read once.
    pub(crate) fn inspected(&self) -> Result<&Snapshot, Problem> {
        if let Some(snapshot) = self.inspected.get() {
            return Ok(snapshot);
        }
        let snapshot = inspect(&self.paths, &self.env)?;
        Ok(self.inspected.get_or_init(|| snapshot))
    }
}

/// Runs a command's async part on this thread.
pub(crate) fn block_on<T>(work: impl Future<Output = Result<T, Problem>>) -> Result<T, Problem> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Problem::new("cannot start the runtime").why(error.to_string()))?;
    runtime.block_on(Box::pin(work))
}
