//! The task that owns a socket: writes the outbox, routes answers, queues events, watches the gateway's ticks.

use std::{borrow::Cow, sync::Arc, time::Duration};

use openclaw_protocol::{
    error::{ErrorShape, code},
    events::core,
    frame::{InEvent, too_deep},
    hello::HelloOk,
    limits,
    version::Dialect,
};
use serde::Deserialize;
use serde_json::value::RawValue;
use tokio::{
    sync::mpsc,
    time::{Instant, sleep_until},
};
use tokio_util::task::TaskTracker;
use tokio_websockets::{Error, Message};

use super::{
    CloseInfo, Connection, EventStream,
    events::{self, EventSink, Pushed},
    handle::{ID_PREFIX, Shared},
    link::{Link, Step},
};
use crate::transport::Socket;

/// Pings of the gateway between two of its messages. Each is answered; more are an attack, not a sign of life.
const MAX_PINGS: usize = 10_000;
/// Longest pause that a `shutdown` event may announce.
const MAX_BACK_AFTER: Duration = Duration::from_secs(30);

/// Starts the task on an open, accepted socket.
pub(crate) fn start(
    socket: Socket,
    hello: &HelloOk,
    dialect: Dialect,
    request_timeout: Duration,
    tasks: &TaskTracker,
) -> (Connection, EventStream) {
    let max_payload = usize::try_from(hello.policy.max_payload).unwrap_or(usize::MAX);
    let shared = Arc::new(Shared::new(max_payload, request_timeout));
    // Each request in flight has one frame here at most.
    let (sender, outbox) = mpsc::channel(limits::MAX_IN_FLIGHT);
    let (events, stream) = events::channel(dialect);
    let actor = Actor {
        link: Link::new(socket, outbox),
        ending: Ending(shared.clone()),
        events,
        silence: Duration::from_millis(hello.policy.tick_interval_ms.saturating_mul(2)),
        alive: Instant::now(),
        pings: 0,
        back_after: None,
    };
    tasks.spawn(actor.run());
    (Connection::new(shared, sender), stream)
}

struct Actor {
    link: Link,
    ending: Ending,
    events: EventSink,
    /// Silence after which the gateway counts as gone.
    silence: Duration,
    /// When it last sent a message.
    alive: Instant,
    pings: usize,
    back_after: Option<Duration>,
}

/// Ends the connection for its handles even when the task is dropped, so that no caller waits for ever.
struct Ending(Arc<Shared>);

impl Drop for Ending {
    fn drop(&mut self) {
        self.0.end(CloseInfo::lost("the task of the connection was ended"));
    }
}

/// What came, its payload still raw. Lenient: unknown members are skipped, unknown types ignored (SEC-017).
#[derive(Deserialize)]
struct Incoming<'a> {
    #[serde(borrow, rename = "type")]
    kind: Cow<'a, str>,
    #[serde(borrow, default)]
    id: Option<Cow<'a, str>>,
    #[serde(default)]
    ok: bool,
    #[serde(borrow, default)]
    payload: Option<&'a RawValue>,
    #[serde(borrow, default)]
    error: Option<&'a RawValue>,
    #[serde(borrow, default)]
    event: Option<Cow<'a, str>>,
    #[serde(default)]
    seq: Option<u64>,
}

impl Actor {
    async fn run(mut self) {
        let mut close = self.serve().await;
        close.back_after = self.back_after;
        tracing::debug!(code = close.code, "connection ended: {close}");
        match close.kind {
            super::CloseKind::Gateway => self.link.answer_goodbye().await,
            super::CloseKind::Lost => {}
            _ => self.link.say_goodbye(close.code, limits::close_reason(&close.reason)).await,
        }
        self.ending.0.end(close);
    }

    async fn serve(&mut self) -> CloseInfo {
        let ending = self.ending.0.stop.clone();
        let watchdog = sleep_until(self.alive + self.silence);
        tokio::pin!(watchdog);
        loop {
            let step = tokio::select! {
                biased;
                () = ending.cancelled() => return CloseInfo::us(),
                step = self.link.step() => step,
                () = &mut watchdog => {
                    let deadline = self.alive + self.silence;
                    if deadline <= Instant::now() {
                        return CloseInfo::tick_timeout();
                    }
                    watchdog.as_mut().reset(deadline);
                    continue;
                }
            };
            match step {
                Step::Message(message) => {
                    if let Err(close) = self.take(&message) {
                        return close;
                    }
                }
                Step::Failed(Error::Io(error)) => return CloseInfo::lost(error.to_string()),
                Step::Failed(Error::AlreadyClosed) | Step::Ended => return CloseInfo::lost("no close frame came"),
                Step::Failed(error) => return CloseInfo::violation(error.to_string()),
                Step::Abandoned => return CloseInfo::us(),
            }
        }
    }

    fn take(&mut self, message: &Message) -> Result<(), CloseInfo> {
        if let Some((code, reason)) = message.as_close() {
            return Err(CloseInfo::gateway(code.into(), reason));
        }
        if message.is_ping() {
            self.pings += 1;
            return if self.pings > MAX_PINGS { Err(CloseInfo::violation("too many pings")) } else { Ok(()) };
        }
        // Binary messages carry the same JSON (protocol.md §1.1); what is not UTF-8 is no frame.
        let text = if message.is_text() { message.as_text() } else { str::from_utf8(message.as_payload()).ok() };
        let Some(text) = text.filter(|_| !message.is_pong()) else { return Ok(()) };
        (self.alive, self.pings) = (Instant::now(), 0);
        if too_deep(text) {
            return Err(CloseInfo::violation("a message is nested too deep"));
        }
        match serde_json::from_str::<Incoming<'_>>(text) {
            Ok(frame) => self.dispatch(&frame, text.len()),
            Err(error) => {
                tracing::debug!(%error, "a message that is no frame was ignored");
                Ok(())
            }
        }
    }

    fn dispatch(&mut self, frame: &Incoming<'_>, bytes: usize) -> Result<(), CloseInfo> {
        match (frame.kind.as_ref(), &frame.id, &frame.event) {
            ("res", Some(id), _) => self.answer(id, frame),
            ("event", _, Some(name)) => return self.event(name, frame, bytes),
            _ => {}
        }
        Ok(())
    }

    fn answer(&self, id: &str, frame: &Incoming<'_>) {
        let Some(number) = id.strip_prefix(ID_PREFIX).and_then(|number| number.parse().ok()) else { return };
        let answer = if frame.ok {
            Ok(frame.payload.map(ToOwned::to_owned))
        } else {
            Err(Box::new(error_of(frame.error.map(RawValue::get))))
        };
        self.ending.0.pending.resolve(number, answer);
    }

    fn event(&mut self, name: &str, frame: &Incoming<'_>, bytes: usize) -> Result<(), CloseInfo> {
        if name == core::SHUTDOWN.name {
            self.back_after = frame.payload.and_then(back_after);
        }
        if !self.events.is_wanted() {
            return Ok(());
        }
        let payload = frame.payload.map_or(Ok(serde_json::Value::Null), |raw| serde_json::from_str(raw.get()));
        let Ok(payload) = payload else { return Ok(()) };
        let event = InEvent { event: name.to_owned(), payload, seq: frame.seq };
        match self.events.push(event, bytes) {
            Pushed::Done => Ok(()),
            Pushed::Full => Err(CloseInfo::events_not_read()),
        }
    }
}

/// Reads the error of a response; one that cannot be read is an error nevertheless.
pub(crate) fn error_of(raw: Option<&str>) -> ErrorShape {
    raw.and_then(|raw| serde_json::from_str(raw).ok())
        .unwrap_or_else(|| ErrorShape::new(code::UNAVAILABLE, "the gateway refused without saying why"))
}

fn back_after(payload: &RawValue) -> Option<Duration> {
    let shutdown: core::Shutdown = serde_json::from_str(payload.get()).ok()?;
    shutdown.restart_expected_ms.map(|ms| Duration::from_millis(ms).min(MAX_BACK_AFTER))
}
