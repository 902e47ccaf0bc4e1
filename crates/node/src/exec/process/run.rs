//! Running a program to its end: its whole process tree, its output, its time (nodes.md §2.5, REL-055).

use std::{
    ffi::OsString,
    future::pending,
    io,
    path::PathBuf,
    pin::Pin,
    process::{ExitStatus, Stdio},
    time::Duration,
};

use serde::Serialize;
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWriteExt},
    process::{ChildStderr, ChildStdin, ChildStdout, Command},
    sync::mpsc,
    time::{Instant, Sleep, sleep, sleep_until},
};
use tokio_util::sync::CancellationToken;

use crate::exec::{
    decode::CodePage,
    output::{Output, Stream, Text},
    platform::{self, Tree},
};

/// From the request to end to the forced end (REL-055).
pub const KILL_GRACE: Duration = Duration::from_secs(5);
/// A process left behind may hold the pipes open; after the program's own end they are read so much longer.
const DRAIN: Duration = Duration::from_millis(500);
/// How often a terminated group is looked at until it is gone.
const GROUP_POLL: Duration = Duration::from_millis(20);
const PIECE_BYTES: usize = 16 * 1024;
const FAR_AWAY: Duration = Duration::from_hours(24 * 365);

/// What to run. Nothing is looked up any more: the path, the arguments and the environment are final.
#[derive(Clone, Debug)]
pub struct Program {
    /// The file to execute.
    pub path: PathBuf,
    /// The name that it sees as its own.
    pub own_name: String,
    pub arguments: Vec<String>,
    /// Ours when absent.
    pub cwd: Option<PathBuf>,
    pub environment: Vec<(OsString, OsString)>,
}

/// How long it may run.
#[derive(Clone, Copy, Debug, Default)]
pub struct Time {
    /// None means until it ends.
    pub timeout: Option<Duration>,
    /// When the answer has to be there; shortens the grace after a timeout.
    pub answer_by: Option<Instant>,
}

/// What goes in and out while it runs.
#[derive(Debug, Default)]
pub struct Streams {
    /// Bytes for standard input, which ends with the channel; without one it is closed from the start.
    pub input: Option<mpsc::Receiver<Vec<u8>>>,
    /// Receives each piece of output as it is read; a slow reader slows the program down.
    pub output: Option<mpsc::Sender<(Stream, Vec<u8>)>>,
}

/// How it went. The members are those of the reference's `system.run` result.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RunResult {
    /// Absent when it was ended by a signal or never started.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exit_code: Option<i32>,
    pub timed_out: bool,
    /// It ended by itself, in time, with code 0.
    pub success: bool,
    pub stdout: String,
    pub stderr: String,
    /// Why it could not be started or how it was ended.
    pub error: Option<String>,
    /// Ours: bytes of output beyond the cap.
    #[serde(skip_serializing_if = "is_zero")]
    pub dropped_bytes: u64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it with a reference")]
fn is_zero(number: &u64) -> bool {
    *number == 0
}

/// Runs the program until it ends, its time is over or `stop` is cancelled; in both latter cases its whole process
/// tree is ended. Dropping the future kills the tree at once.
pub async fn run(
    program: &Program,
    time: Time,
    streams: Streams,
    stop: &CancellationToken,
    page: CodePage,
) -> RunResult {
    let tree = match Tree::spawn(command(program, streams.input.is_some())) {
        Ok(tree) => tree,
        Err(error) => {
            let error = format!("cannot start {}: {error}", program.path.display());
            return RunResult { error: Some(error), ..RunResult::default() };
        }
    };
    let mut running = Running::new(tree, time, streams);
    running.until_over(stop).await;
    running.finish(page)
}

fn command(program: &Program, with_input: bool) -> Command {
    let mut command = Command::new(&program.path);
    platform::set_own_name(&mut command, &program.own_name);
    command.args(&program.arguments).env_clear().envs(program.environment.iter().map(|(name, value)| (name, value)));
    if let Some(cwd) = &program.cwd {
        command.current_dir(cwd);
    }
    command.stdin(if with_input { Stdio::piped() } else { Stdio::null() });
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Running,
    /// Asked to end; killed at the end of the phase.
    Terminating,
    /// Killed; waiting for the system to report it.
    Killed,
    /// The program has ended by itself; its pipes are read to their end, or to the end of the phase.
    Draining,
}

struct Running {
    tree: Tree,
    phase: Phase,
    phase_end: Pin<Box<Sleep>>,
    time: Time,
    status: Option<io::Result<ExitStatus>>,
    timed_out: bool,
    cancelled: bool,
    pipes: Pipes,
    collected: Output,
}

impl Running {
    fn new(mut tree: Tree, time: Time, streams: Streams) -> Self {
        let child = tree.child();
        let pipes = Pipes {
            stdin: child.stdin().take().filter(|_| streams.input.is_some()),
            stdout: child.stdout().take(),
            stderr: child.stderr().take(),
            stdout_buffer: vec![0; PIECE_BYTES],
            stderr_buffer: vec![0; PIECE_BYTES],
            input: streams.input,
            unwritten: Vec::new(),
            output: streams.output,
            unsent: None,
        };
        let phase_end = Box::pin(sleep(time.timeout.unwrap_or(FAR_AWAY).min(FAR_AWAY)));
        Self {
            tree,
            phase: Phase::Running,
            phase_end,
            time,
            status: None,
            timed_out: false,
            cancelled: false,
            pipes,
            collected: Output::default(),
        }
    }

    async fn until_over(&mut self, stop: &CancellationToken) {
        while self.status.is_none() || (self.phase == Phase::Draining && self.pipes.are_open()) {
            tokio::select! {
                biased;
                () = stop.cancelled(), if self.phase == Phase::Running => {
                    self.cancelled = true;
                    self.terminate(KILL_GRACE);
                }
                status = self.tree.exited(), if self.status.is_none() => {
                    self.status = Some(status);
                    if self.phase == Phase::Running {
                        self.enter(Phase::Draining, DRAIN);
                    }
                }
                () = &mut self.phase_end => if self.phase_is_over() { break },
                event = self.pipes.next() => if let Some((stream, bytes)) = event {
                    self.collected.push(stream, &bytes);
                    self.pipes.forward(stream, bytes);
                },
            }
        }
        if matches!(self.phase, Phase::Terminating | Phase::Killed) {
            self.end_the_rest().await;
        }
        self.pipes.read_what_is_there(&mut self.collected);
    }

    /// The end of a phase; true when there is nothing more to wait for.
    fn phase_is_over(&mut self) -> bool {
        match self.phase {
            Phase::Running => {
                self.timed_out = true;
                self.terminate(self.grace());
                false
            }
            Phase::Terminating => {
                self.tree.kill();
                self.enter(Phase::Killed, KILL_GRACE);
                false
            }
            // A process that survives SIGKILL hangs in the kernel; nobody can do more.
            Phase::Killed | Phase::Draining => true,
        }
    }

    fn grace(&self) -> Duration {
        let margin = Duration::from_millis(500);
        let left = self.time.answer_by.map(|by| by.saturating_duration_since(Instant::now()).saturating_sub(margin));
        left.map_or(KILL_GRACE, |left| left.min(KILL_GRACE))
    }

    fn terminate(&mut self, grace: Duration) {
        self.tree.terminate();
        self.enter(Phase::Terminating, grace);
    }

    fn enter(&mut self, phase: Phase, length: Duration) {
        self.phase = phase;
        self.phase_end.as_mut().reset(Instant::now() + length);
    }

    /// The first process has ended on request; the others get what is left of the grace, then they are killed.
    async fn end_the_rest(&mut self) {
        let kill_at = self.phase_end.deadline();
        while self.phase == Phase::Terminating && self.tree.is_alive() && Instant::now() < kill_at {
            sleep_until((Instant::now() + GROUP_POLL).min(kill_at)).await;
        }
        if self.tree.is_alive() {
            self.tree.kill();
        }
    }

    fn finish(self, page: CodePage) -> RunResult {
        let Text { stdout, stderr, dropped_bytes } = self.collected.finish(page);
        let (exit_code, error) = match self.status {
            Some(Ok(status)) => (status.code(), None),
            Some(Err(error)) => (None, Some(format!("cannot wait for the program: {error}"))),
            None => (None, Some("the program did not end although it was killed".to_owned())),
        };
        let error = if self.cancelled { Some("cancelled".to_owned()) } else { error };
        let success = exit_code == Some(0) && !self.timed_out && error.is_none();
        RunResult { exit_code, timed_out: self.timed_out, success, stdout, stderr, error, dropped_bytes }
    }
}

struct Pipes {
    stdin: Option<ChildStdin>,
    stdout: Option<ChildStdout>,
    stderr: Option<ChildStderr>,
    stdout_buffer: Vec<u8>,
    stderr_buffer: Vec<u8>,
    input: Option<mpsc::Receiver<Vec<u8>>>,
    /// Input that the program has not taken yet.
    unwritten: Vec<u8>,
    output: Option<mpsc::Sender<(Stream, Vec<u8>)>>,
    /// Output that its reader has not taken yet; nothing is read while there is some.
    unsent: Option<(Stream, Vec<u8>)>,
}

impl Pipes {
    fn are_open(&self) -> bool {
        self.stdout.is_some() || self.stderr.is_some() || self.unsent.is_some()
    }

    /// The next piece of output; `None` for anything else that happened. Cancel safe.
    async fn next(&mut self) -> Option<(Stream, Vec<u8>)> {
        let may_read = self.unsent.is_none();
        tokio::select! {
            read = read(&mut self.stdout, &mut self.stdout_buffer), if may_read && self.stdout.is_some() => {
                read.map(|bytes| (Stream::Stdout, bytes))
            }
            read = read(&mut self.stderr, &mut self.stderr_buffer), if may_read && self.stderr.is_some() => {
                read.map(|bytes| (Stream::Stderr, bytes))
            }
            permit = reserve(self.output.clone()), if !may_read => {
                let piece = self.unsent.take();
                match (permit, piece) {
                    (Some(permit), Some(piece)) => drop(permit.send(piece)),
                    _ => self.output = None,
                }
                None
            }
            () = feed(&mut self.stdin, &mut self.input, &mut self.unwritten) => None,
        }
    }

    fn forward(&mut self, stream: Stream, bytes: Vec<u8>) {
        if self.output.is_some() {
            self.unsent = Some((stream, bytes));
        }
    }

    /// What the pipes hold at this moment, after the program was ended.
    fn read_what_is_there(&mut self, output: &mut Output) {
        use futures_util::FutureExt;
        for _ in 0..64 {
            let out = read(&mut self.stdout, &mut self.stdout_buffer).now_or_never().flatten();
            let err = read(&mut self.stderr, &mut self.stderr_buffer).now_or_never().flatten();
            if out.is_none() && err.is_none() {
                return;
            }
            output.push(Stream::Stdout, &out.unwrap_or_default());
            output.push(Stream::Stderr, &err.unwrap_or_default());
        }
    }
}

type Pieces = mpsc::Sender<(Stream, Vec<u8>)>;

async fn reserve(output: Option<Pieces>) -> Option<mpsc::OwnedPermit<(Stream, Vec<u8>)>> {
    output?.reserve_owned().await.ok()
}

/// One piece; at the end, or on an error, the pipe is closed.
async fn read(pipe: &mut Option<impl AsyncRead + Unpin>, buffer: &mut [u8]) -> Option<Vec<u8>> {
    let open = pipe.as_mut()?;
    match open.read(buffer).await {
        Ok(count) if count > 0 => buffer.get(..count).map(<[u8]>::to_vec),
        _ => {
            *pipe = None;
            None
        }
    }
}

/// Hands input to the program; never resolves when there is nothing to do.
async fn feed(stdin: &mut Option<ChildStdin>, input: &mut Option<mpsc::Receiver<Vec<u8>>>, unwritten: &mut Vec<u8>) {
    let (Some(pipe), Some(source)) = (stdin.as_mut(), input.as_mut()) else { return pending().await };
    if unwritten.is_empty() {
        let Some(bytes) = source.recv().await else {
            *stdin = None;
            return;
        };
        *unwritten = bytes;
    }
    match pipe.write(unwritten).await {
        Ok(count) => drop(unwritten.drain(..count)),
        // The program has closed its input; what is left goes nowhere.
        Err(_) => *stdin = None,
    }
}

#[cfg(test)]
#[cfg(unix)]
#[path = "tests.rs"]
mod tests;
