//! The one thread that changes the file.
//!
//! Changes that wait at the same time share one transaction and one sync of the disk, each behind a savepoint of its
//! own: one that is refused takes nothing of the others back. All are answered after the commit (REL-001). Each change
//! does its checks inside that transaction, so of two that contradict each other exactly one wins (SEC-061).

use std::{
    path::{Path, PathBuf},
    sync::{
        Mutex, PoisonError,
        mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel},
    },
    thread::JoinHandle,
    time::Duration,
};

use rusqlite::Connection;
use tokio::sync::oneshot;

use super::{Step, StepHook, Tx, Written, open::open_writer};
use crate::{error::StoreError, files::Ballast};

/// Changes that may wait. Past it a change fails at once with [`StoreError::Busy`] (REL-053).
const QUEUE: usize = 8_192;
/// Changes that share one commit.
const GROUP: usize = 256;
/// A quiet file is checkpointed so often (REL-003).
const CHECKPOINT_EVERY: Duration = Duration::from_mins(30);

/// How a change must reach the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Durability {
    /// Synced before it is answered (K1 of security.md).
    Acknowledged,
    /// Like `Acknowledged`, and it takes rights away: when the disk is full, space is kept for it (REL-007).
    Revoking,
    /// May lose its last second when the power fails (K2): last-seen times.
    Batched,
}

trait Job: Send {
    fn durability(&self) -> Durability;
    /// Does the work; an error takes it back.
    fn run(&mut self, tx: &Tx<'_>) -> Result<(), Failed>;
    /// Tells the caller, after the commit or its failure.
    fn answer(self: Box<Self>, committed: Result<(), StoreError>);
}

/// The job keeps its own error; the writer only needs to know that there was one.
struct Failed;

struct JobOf<T, E, F> {
    durability: Durability,
    work: F,
    outcome: Option<Result<T, E>>,
    answer: oneshot::Sender<Result<T, E>>,
}

impl<T, E, F> Job for JobOf<T, E, F>
where
    T: Send,
    E: From<StoreError> + Send,
    F: FnMut(&Tx<'_>) -> Result<T, E> + Send,
{
    fn durability(&self) -> Durability {
        self.durability
    }

    fn run(&mut self, tx: &Tx<'_>) -> Result<(), Failed> {
        let outcome = (self.work)(tx);
        let failed = outcome.is_err();
        self.outcome = Some(outcome);
        if failed { Err(Failed) } else { Ok(()) }
    }

    fn answer(self: Box<Self>, committed: Result<(), StoreError>) {
        let answer = match (committed, self.outcome) {
            (Ok(()), Some(outcome)) => outcome,
            (Ok(()), None) => Err(StoreError::Closed.into()),
            (Err(error), _) => Err(error.into()),
        };
        if self.answer.send(answer).is_err() {
            tracing::debug!("the caller of a change did not wait for its answer");
        }
    }
}

/// The sending side, and the thread's handle.
pub(crate) struct Writer {
    queue: Mutex<Option<SyncSender<Box<dyn Job>>>>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Writer {
    /// Starts the thread on a connection that is open already.
    pub(crate) fn start(
        connection: Connection,
        path: PathBuf,
        ballast: Ballast,
        hook: Option<StepHook>,
    ) -> std::io::Result<Self> {
        let (queue, jobs) = sync_channel(QUEUE);
        let actor = Actor { connection: Some(connection), path, ballast, hook, synced: true };
        let thread = std::thread::Builder::new().name("store-writer".into()).spawn(move || actor.run(&jobs))?;
        Ok(Self { queue: Mutex::new(Some(queue)), thread: Mutex::new(Some(thread)) })
    }

    /// Hands a change over. `work` runs once, or twice when the first time met a full disk.
    pub(crate) fn submit<T, E>(
        &self,
        durability: Durability,
        work: impl FnMut(&Tx<'_>) -> Result<T, E> + Send + 'static,
    ) -> Written<T, E>
    where
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        let (answer, answered) = oneshot::channel();
        let job = Box::new(JobOf { durability, work, outcome: None, answer });
        let queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        let sent = match queue.as_ref() {
            Some(queue) => queue.try_send(job).map_err(|error| match error {
                TrySendError::Full(_) => StoreError::Busy,
                TrySendError::Disconnected(_) => StoreError::Closed,
            }),
            None => Err(StoreError::Closed),
        };
        match sent {
            Ok(()) => Written::waiting(answered),
            Err(error) => Written::known(Err(error.into())),
        }
    }

    /// Lets the thread finish what waits, tidy the file and end.
    pub(crate) fn close(&self) {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner).take();
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread
            && thread.join().is_err()
        {
            tracing::error!("the writer of the state store had died");
        }
    }
}

struct Actor {
    /// None after a failure, until the next change opens the file again.
    connection: Option<Connection>,
    path: PathBuf,
    ballast: Ballast,
    hook: Option<StepHook>,
    /// Whether the connection syncs at every commit (`synchronous=FULL`).
    synced: bool,
}

impl Actor {
    fn run(mut self, jobs: &Receiver<Box<dyn Job>>) {
        loop {
            let first = match jobs.recv_timeout(CHECKPOINT_EVERY) {
                Ok(job) => job,
                Err(RecvTimeoutError::Timeout) => {
                    self.tidy("PRAGMA wal_checkpoint(PASSIVE)");
                    continue;
                }
                Err(RecvTimeoutError::Disconnected) => break,
            };
            let mut group = Vec::with_capacity(8);
            group.push(first);
            group.extend(jobs.try_iter().take(GROUP - 1));
            self.serve(group);
        }
        self.tidy("PRAGMA optimize; PRAGMA wal_checkpoint(TRUNCATE)");
    }

    fn serve(&mut self, mut group: Vec<Box<dyn Job>>) {
        let mut committed = self.transact(&mut group);
        if matches!(committed, Err(StoreError::Full(_))) && self.ballast.free() {
            // Space was kept for taking rights away; everything else hears that the disk is full.
            let (mut revoking, other): (Vec<_>, Vec<_>) =
                group.into_iter().partition(|job| job.durability() == Durability::Revoking);
            self.answer(other, &committed);
            committed = self.transact(&mut revoking);
            return self.answer(revoking, &committed);
        }
        self.answer(group, &committed);
        if committed.is_ok() {
            self.ballast.restore();
        }
    }

    fn answer(&self, group: Vec<Box<dyn Job>>, committed: &Result<(), StoreError>) {
        for job in group {
            if let Err(error) = self.step(Step::Answer) {
                tracing::error!(%error, "a change was stored, and its caller could not be told");
                continue;
            }
            job.answer(committed.clone());
        }
    }

    fn transact(&mut self, group: &mut [Box<dyn Job>]) -> Result<(), StoreError> {
        let result = self.try_transact(group);
        if let Err(error) = &result {
            tracing::warn!(%error, "changes to the state store were taken back");
            let broken = self.connection.take_if(|connection| {
                error.spoils_connection()
                    || (!connection.is_autocommit() && connection.execute_batch("ROLLBACK").is_err())
            });
            drop(broken);
        }
        result
    }

    fn try_transact(&mut self, group: &mut [Box<dyn Job>]) -> Result<(), StoreError> {
        self.step(Step::Begin)?;
        let sync = group.iter().any(|job| job.durability() != Durability::Batched);
        let connection = connected(&mut self.connection, &mut self.synced, &self.path)?;
        if sync != self.synced {
            connection.execute_batch(if sync { "PRAGMA synchronous=FULL" } else { "PRAGMA synchronous=NORMAL" })?;
            self.synced = sync;
        }
        connection.execute_batch("BEGIN IMMEDIATE")?;
        let tx = Tx::new(connection, self.hook.as_ref());
        for job in group {
            connection.execute_batch("SAVEPOINT job")?;
            let done = job.run(&tx);
            if let Some(failure) = tx.failure() {
                return Err(failure);
            }
            connection.execute_batch(match done {
                Ok(()) => "RELEASE job",
                Err(Failed) => "ROLLBACK TO job; RELEASE job",
            })?;
        }
        if let Some(hook) = &self.hook {
            hook(Step::Commit)?;
        }
        connection.execute_batch("COMMIT")?;
        self.step(Step::Committed)
    }

    fn step(&self, step: Step) -> Result<(), StoreError> {
        self.hook.as_ref().map_or(Ok(()), |hook| hook(step))
    }

    fn tidy(&self, sql: &str) {
        if let Some(connection) = &self.connection
            && let Err(error) = connection.execute_batch(sql)
        {
            tracing::warn!(%error, "the state store could not be tidied");
        }
    }
}

fn connected<'a>(
    slot: &'a mut Option<Connection>,
    synced: &mut bool,
    path: &Path,
) -> Result<&'a Connection, StoreError> {
    if slot.is_none() {
        *slot = Some(open_writer(path)?);
        *synced = true;
    }
    slot.as_ref().ok_or(StoreError::Closed)
}
