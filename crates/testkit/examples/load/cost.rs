//! What an operation costs: the server's processor time and memory as Linux counts them, and the wall clock.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::peer::{Failure, Target};

/// Linux reports processor time in these ticks, on every architecture that we run on.
const TICKS_PER_SECOND: f64 = 100.0;

/// Processor time of a process and of all its threads, in milliseconds.
///
/// # Errors
/// When the process is gone, or this is not Linux.
pub(crate) fn cpu_ms(pid: u32) -> Result<f64, Failure> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"))?;
    // The second field is the program's name in parentheses and may hold spaces.
    let fields = stat.rsplit_once(')').ok_or("unreadable stat")?.1;
    let tick = |at: usize| fields.split_whitespace().nth(at).and_then(|text| text.parse::<f64>().ok());
    let (user, system) = tick(11).zip(tick(12)).ok_or("unreadable stat")?;
    Ok((user + system) * 1000.0 / TICKS_PER_SECOND)
}

/// Resident memory of a process in kilobytes.
///
/// # Errors
/// When the process is gone, or this is not Linux.
pub(crate) fn resident_kb(pid: u32) -> Result<f64, Failure> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).ok_or("no VmRSS")?;
    Ok(line.trim().trim_end_matches(" kB").parse()?)
}

/// Runs from its creation to [`Meter::report`].
pub(crate) struct Meter {
    start: Instant,
    cpu_ms: f64,
    pid: u32,
}

impl Meter {
    /// # Errors
    /// When the server is gone.
    pub(crate) fn start(target: &Target) -> Result<Self, Failure> {
        Ok(Self { start: Instant::now(), cpu_ms: cpu_ms(target.pid)?, pid: target.pid })
    }

    /// The cost of `operations`, each of which took one of `times`.
    ///
    /// # Errors
    /// When the server is gone, or nothing was measured.
    pub(crate) fn report(&self, mut times: Vec<Duration>) -> Result<Value, Failure> {
        let wall = self.start.elapsed();
        let cpu = cpu_ms(self.pid)? - self.cpu_ms;
        times.sort_unstable();
        let (Some(median), Some(late)) = (times.get(times.len() / 2), times.get(times.len() * 99 / 100)) else {
            return Err("nothing was measured".into());
        };
        let operations = u32::try_from(times.len()).map(f64::from)?;
        Ok(json!({
            "perSecond": operations / wall.as_secs_f64(),
            "p50Ms": median.as_secs_f64() * 1000.0,
            "p99Ms": late.as_secs_f64() * 1000.0,
            "cpuMs": cpu / operations,
        }))
    }
}
