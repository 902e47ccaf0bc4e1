//! The commands that run for the gateway: started, fed, cancelled, answered (protocol.md §7.4; nodes.md §2.2).

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use base64::{Engine, engine::general_purpose::STANDARD};
use openclaw_client::Connection;
use openclaw_protocol::{
    error::code,
    events::node::{InvokeCancel, InvokeInput, InvokeRequest},
    frame::too_deep,
    id::DeviceId,
    limits::MAX_CHUNK_BYTES,
    method::Method,
    methods::node::{Event, EventParams, InvokeResult, InvokeResultParams, NodeError},
    version::Dialect,
};
use serde::Deserialize;
use serde_json::Value;
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore, mpsc},
    time::Instant,
};
use tokio_util::{
    sync::{CancellationToken, DropGuard},
    task::TaskTracker,
};

use super::{
    dedupe::{Dedupe, Remembered, Ticket, Turn},
    progress,
};
use crate::capability::{Answer, Command, Invocation, NodeEvent, NodeFailure, Registry};

/// Commands that may run at the same time; more are refused at once.
const MAX_RUNNING: usize = 64;
/// Pieces of input, of at most 16 KiB each, that may wait for a program.
const MAX_WAITING_INPUT: usize = 64;
/// Pieces of output that may wait for the gateway.
const MAX_WAITING_OUTPUT: usize = 4;
/// How long commands may take to end when the host ends; a little more than a process tree is given.
const END_GRACE: Duration = Duration::from_secs(7);
/// How long the gateway may take to note an event.
const EVENT_TIMEOUT: Duration = Duration::from_secs(30);

/// One connection, as far as invokes need it. When it is dropped, the commands that came over it are ended.
pub(super) struct Session {
    connection: Connection,
    dialect: Dialect,
    gone: CancellationToken,
    _end: DropGuard,
}

impl Session {
    pub(super) fn new(connection: Connection, dialect: Dialect) -> Self {
        let gone = CancellationToken::new();
        Self { connection, dialect, gone: gone.clone(), _end: gone.drop_guard() }
    }
}

/// All invokes of a host, over all its connections.
pub(super) struct Invokes {
    registry: Registry,
    device_id: DeviceId,
    tasks: TaskTracker,
    slots: Arc<Semaphore>,
    dedupe: Dedupe,
    running: Arc<Mutex<HashMap<String, Handle>>>,
}

/// What a running command can be reached by.
struct Handle {
    cancel: CancellationToken,
    input: Option<mpsc::Sender<Vec<u8>>>,
    next_seq: u64,
    /// What was wrong with its input.
    problem: Option<&'static str>,
}

/// Where an answer goes.
struct Reply {
    connection: Connection,
    id: String,
    node_id: String,
}

/// Our own members of the params of any command.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Wishes {
    /// Send output while it runs (v4).
    stream: bool,
    /// Take input while it runs.
    stdin: bool,
}

/// Input that a caller sends: text, bytes, or the end.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
enum Input {
    Text(String),
    Base64(String),
    End(bool),
}

impl Invokes {
    pub(super) fn new(registry: Registry, device_id: DeviceId, tasks: TaskTracker) -> Self {
        let slots = Arc::new(Semaphore::new(MAX_RUNNING));
        Self { registry, device_id, tasks, slots, dedupe: Dedupe::default(), running: Arc::default() }
    }

    fn handles(&self) -> MutexGuard<'_, HashMap<String, Handle>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins an invoke; never waits.
    pub(super) fn start(&self, session: &Session, payload: Value) {
        let id = payload.get("id").and_then(Value::as_str).unwrap_or_default().to_owned();
        if id.is_empty() {
            tracing::warn!("an invoke without an id was ignored");
            return;
        }
        let reply = Reply { connection: session.connection.clone(), id, node_id: self.device_id.as_str().to_owned() };
        match self.prepare(session, payload) {
            Ok(Some(task)) => drop(self.tasks.spawn(task.run(reply))),
            Ok(None) => tracing::debug!("an invoke that runs already was ignored"),
            Err(failure) => drop(self.tasks.spawn(async move { reply.fail(failure).await })),
        }
    }

    /// Checks everything that needs no waiting; `None` for an id that runs already.
    fn prepare(&self, session: &Session, payload: Value) -> Result<Option<Task>, NodeFailure> {
        let request: InvokeRequest =
            serde_json::from_value(payload).map_err(|error| NodeFailure::invalid(&error.to_string()))?;
        if request.node_id != self.device_id.as_str() {
            return Err(NodeFailure::invalid("nodeId mismatch"));
        }
        let command = self.registry.find(&request.command);
        let command = command.ok_or_else(|| NodeFailure::unavailable("command not supported"))?;
        let (params, text) = params(&request)?;
        let wishes = params.as_ref().and_then(|params| Wishes::deserialize(params).ok()).unwrap_or_default();
        let slot = self.slots.clone().try_acquire_owned();
        let Ok(slot) = slot else {
            return Err(NodeFailure::unavailable(format!("node busy: {MAX_RUNNING} commands are running")));
        };
        let Some((place, input)) = self.claim(&request.id, session, wishes.stdin) else { return Ok(None) };
        let key = request.idempotency_key.filter(|key| !key.is_empty());
        let turn = key.map(|key| self.dedupe.turn(&key, &request.command, &text));
        let invocation = Invocation {
            answer_by: request.timeout_ms.filter(|ms| *ms > 0).map(|ms| Instant::now() + Duration::from_millis(ms)),
            cancelled: place.cancel.clone(),
            input,
            ..Invocation::new(params, session.dialect)
        };
        let streams = wishes.stream && session.dialect == Dialect::V4;
        Ok(Some(Task { command, invocation, turn, streams, place, _slot: slot }))
    }

    /// Makes the invoke reachable under its id.
    fn claim(&self, id: &str, session: &Session, with_input: bool) -> Option<(Place, Option<mpsc::Receiver<Vec<u8>>>)> {
        let mut handles = self.handles();
        if handles.contains_key(id) {
            return None;
        }
        let (sender, receiver) = if with_input {
            let (sender, receiver) = mpsc::channel(MAX_WAITING_INPUT);
            (Some(sender), Some(receiver))
        } else {
            (None, None)
        };
        let cancel = session.gone.child_token();
        let handle = Handle { cancel: cancel.clone(), input: sender, next_seq: 0, problem: None };
        handles.insert(id.to_owned(), handle);
        Some((Place { running: self.running.clone(), id: id.to_owned(), cancel }, receiver))
    }

    /// Nobody waits for it any more.
    pub(super) fn cancel(&self, payload: Value) {
        let Ok(cancel) = serde_json::from_value::<InvokeCancel>(payload) else {
            tracing::warn!("a cancel that cannot be read was ignored");
            return;
        };
        if let Some(handle) = self.handles().get(&cancel.invoke_id) {
            handle.cancel.cancel();
        }
    }

    /// Input for a running command. What cannot be delivered ends the command: a program that misses a part of its
    /// input must not go on with the rest.
    pub(super) fn input(&self, payload: Value) {
        let Ok(input) = serde_json::from_value::<InvokeInput>(payload) else {
            tracing::warn!("input that cannot be read was ignored");
            return;
        };
        let mut handles = self.handles();
        let Some(handle) = handles.get_mut(&input.id) else { return };
        if input.seq < handle.next_seq {
            return;
        }
        if let Err(problem) = handle.take(&input) {
            handle.problem.get_or_insert(problem);
            handle.cancel.cancel();
        }
    }

    /// Ends what runs and waits for it, for a bounded time.
    pub(super) async fn end(&self) {
        for handle in self.handles().values() {
            handle.cancel.cancel();
        }
        let all = u32::try_from(MAX_RUNNING).unwrap_or(u32::MAX);
        if tokio::time::timeout(END_GRACE, self.slots.acquire_many(all)).await.is_err() {
            tracing::warn!("a command did not end in time");
        }
    }
}

impl Handle {
    fn take(&mut self, input: &InvokeInput) -> Result<(), &'static str> {
        if input.seq > self.next_seq {
            return Err("input is missing: a sequence number was skipped");
        }
        if input.payload_json.len() > MAX_CHUNK_BYTES {
            return Err("a piece of input is larger than 16 KiB");
        }
        self.next_seq += 1;
        let bytes = match serde_json::from_str(&input.payload_json) {
            Ok(Input::Text(text)) => text.into_bytes(),
            Ok(Input::Base64(text)) => STANDARD.decode(text).or(Err("input is not base64"))?,
            Ok(Input::End(true)) => {
                self.input = None;
                return Ok(());
            }
            Ok(Input::End(false)) => return Ok(()),
            Err(_) => return Err("input is none of {\"text\":…}, {\"base64\":…}, {\"end\":true}"),
        };
        let sender =
            self.input.as_ref().ok_or("the command takes no input: it was not invoked with \"stdin\": true")?;
        match sender.try_send(bytes) {
            // A program that has closed its input does not want it.
            Ok(()) | Err(mpsc::error::TrySendError::Closed(_)) => Ok(()),
            Err(mpsc::error::TrySendError::Full(_)) => Err("the program reads its input too slowly"),
        }
    }
}

/// The params and their text; `paramsJSON` goes before `params`, which a node accepts too.
fn params(request: &InvokeRequest) -> Result<(Option<Value>, String), NodeFailure> {
    let Some(text) = &request.params_json else {
        let text = request.params.as_ref().map(Value::to_string).unwrap_or_default();
        return Ok((request.params.clone(), text));
    };
    if too_deep(text) {
        return Err(NodeFailure::invalid("paramsJSON is nested too deeply"));
    }
    let params = serde_json::from_str(text)
        .map_err(|error| NodeFailure::invalid(&format!("paramsJSON is not JSON: {error}")))?;
    Ok((Some(params), text.clone()))
}

/// An invoke's entry among the running ones; gone when it is dropped.
struct Place {
    running: Arc<Mutex<HashMap<String, Handle>>>,
    id: String,
    cancel: CancellationToken,
}

impl Place {
    fn problem(&self) -> Option<&'static str> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner).get(&self.id)?.problem
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.running.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.id);
    }
}

/// An invoke that may begin.
struct Task {
    command: Arc<dyn Command>,
    invocation: Invocation,
    turn: Option<Turn>,
    streams: bool,
    place: Place,
    _slot: OwnedSemaphorePermit,
}

impl Task {
    async fn run(self, reply: Reply) {
        let Self { command, invocation, turn, streams, place, _slot } = self;
        let ticket = match turn {
            None => None,
            Some(Turn::First(ticket)) => Some(ticket),
            Some(Turn::Answered(answer)) => return reply.succeed(&answer).await,
            Some(Turn::Running(mut answer)) => {
                let answer = tokio::select! {
                    answer = answer.wait_for(Option::is_some) => answer.ok().and_then(|answer| answer.clone()),
                    () = place.cancel.cancelled() => return,
                };
                let Some(answer) = answer else {
                    let problem = "the first call with this idempotencyKey had no result";
                    return reply.fail(NodeFailure::unavailable(problem)).await;
                };
                return reply.succeed(&answer).await;
            }
            Some(Turn::Conflict) => {
                return reply.fail(NodeFailure::invalid("idempotencyKey was used for another call")).await;
            }
        };
        let outcome = run(command.as_ref(), invocation, streams, &reply).await;
        if let Some(problem) = place.problem() {
            return reply.fail(NodeFailure::invalid(problem)).await;
        }
        if place.cancel.is_cancelled() {
            // Nobody waits; a result now would be late (nodes.md §2.2).
            return;
        }
        drop(place);
        reply.conclude(outcome, ticket).await;
    }
}

async fn run(
    command: &dyn Command,
    mut invocation: Invocation,
    streams: bool,
    reply: &Reply,
) -> Result<Answer, NodeFailure> {
    if !streams {
        return command.run(invocation).await;
    }
    let (sender, receiver) = mpsc::channel(MAX_WAITING_OUTPUT);
    invocation.output = Some(sender);
    let forwarding = progress::forward(&reply.connection, &reply.id, &reply.node_id, receiver);
    let (outcome, ()) = tokio::join!(command.run(invocation), forwarding);
    outcome
}

impl Reply {
    /// Answers, then tells what happened.
    async fn conclude(self, outcome: Result<Answer, NodeFailure>, ticket: Option<Ticket>) {
        match outcome {
            Ok(Answer { payload, events }) => {
                let answer: Remembered = payload.to_string().into();
                if let Some(ticket) = ticket {
                    ticket.answered(&answer);
                }
                self.succeed(&answer).await;
                self.tell(events).await;
            }
            Err(mut failure) => {
                drop(ticket);
                let events = std::mem::take(&mut failure.events);
                self.fail(failure).await;
                self.tell(events).await;
            }
        }
    }

    async fn succeed(&self, payload: &str) {
        self.send(InvokeResultParams {
            id: self.id.clone(),
            node_id: self.node_id.clone(),
            ok: true,
            payload: None,
            payload_json: Some(Value::String(payload.to_owned())),
            error: None,
        })
        .await;
    }

    async fn fail(&self, failure: NodeFailure) {
        let NodeFailure { code, message, .. } = failure;
        let code = if code.is_empty() { code::UNAVAILABLE.to_owned() } else { code };
        self.send(InvokeResultParams {
            id: self.id.clone(),
            node_id: self.node_id.clone(),
            ok: false,
            payload: None,
            payload_json: None,
            error: Some(NodeError { code: Some(code), message: Some(message) }),
        })
        .await;
    }

    async fn send(&self, params: InvokeResultParams) {
        if let Err(error) = self.connection.call::<InvokeResult>(params).await {
            tracing::debug!(invoke.id = %self.id, %error, "the result of a command did not arrive");
        }
    }

    async fn tell(&self, events: Vec<NodeEvent>) {
        for NodeEvent { name, payload } in events {
            let params = EventParams { event: name.to_owned(), payload: None, payload_json: Some(payload.to_string()) };
            let Ok(params) = serde_json::to_value(params) else { continue };
            // v3 answers only `{"ok":true}`, so the reply is not decoded.
            if let Err(error) = self.connection.call_raw(Event::NAME, params, EVENT_TIMEOUT).await {
                tracing::debug!(event = name, %error, "an event did not arrive");
            }
        }
    }
}
