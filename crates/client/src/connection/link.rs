//! The socket and the outbox, polled together: reading goes on while a write is stuck, and the other way round, so
//! that two peers who both have much to say cannot block each other.

use std::{
    pin::Pin,
    task::{Context, Poll},
};

use futures_util::{Sink as _, SinkExt as _, Stream as _, StreamExt as _};
use tokio::{
    sync::{OwnedSemaphorePermit, mpsc},
    time::{Duration, timeout},
};
use tokio_websockets::{CloseCode, Error, Message};

use super::handle::Outgoing;
use crate::transport::Socket;

/// Frames are gathered up to this size before they go to the system in one call.
const BATCH_BYTES: usize = 64 << 10;
/// So many batches are written before the socket is read again.
const BATCHES_PER_TURN: usize = 8;
/// How long a goodbye may take.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(1);

pub(super) struct Link {
    socket: Socket,
    outbox: mpsc::Receiver<Outgoing>,
    /// Something was handed to the socket that has not reached the system yet.
    unflushed: bool,
    /// The bytes of it.
    room: Option<OwnedSemaphorePermit>,
}

/// What happened on the link.
pub(super) enum Step {
    /// A message came.
    Message(Message),
    /// The link broke, or the peer broke its rules.
    Failed(Error),
    /// The peer has hung up.
    Ended,
    /// Nobody holds the connection any more.
    Abandoned,
}

impl Link {
    pub(super) fn new(socket: Socket, outbox: mpsc::Receiver<Outgoing>) -> Self {
        Self { socket, outbox, unflushed: false, room: None }
    }

    /// Writes what can be written, then reads. Cancel safe: all state is in `self`.
    pub(super) async fn step(&mut self) -> Step {
        std::future::poll_fn(|cx| self.poll_step(cx)).await
    }

    fn poll_step(&mut self, cx: &mut Context<'_>) -> Poll<Step> {
        match self.poll_write(cx) {
            Ok(true) => {}
            Ok(false) => return Poll::Ready(Step::Abandoned),
            Err(error) => return Poll::Ready(Step::Failed(error)),
        }
        Pin::new(&mut self.socket).poll_next(cx).map(|read| match read {
            Some(Ok(message)) => Step::Message(message),
            Some(Err(error)) => Step::Failed(error),
            None => Step::Ended,
        })
    }

    /// Moves frames from the outbox to the system; `false` when nobody can send any more.
    fn poll_write(&mut self, cx: &mut Context<'_>) -> Result<bool, Error> {
        for _ in 0..BATCHES_PER_TURN {
            if self.unflushed {
                match Pin::new(&mut self.socket).poll_flush(cx) {
                    Poll::Pending => return Ok(true),
                    Poll::Ready(result) => {
                        result?;
                        self.unflushed = false;
                        self.room = None;
                    }
                }
            }
            match self.outbox.poll_recv(cx) {
                Poll::Pending => return Ok(true),
                Poll::Ready(None) => return Ok(false),
                Poll::Ready(Some(frame)) => self.gather(frame)?,
            }
        }
        // There is more to do; come back after one read.
        cx.waker().wake_by_ref();
        Ok(true)
    }

    fn gather(&mut self, first: Outgoing) -> Result<(), Error> {
        let mut next = Some(first);
        let mut bytes = 0;
        while let Some(frame) = next {
            bytes += frame.text.len();
            Pin::new(&mut self.socket).start_send(Message::text(frame.text))?;
            self.unflushed = true;
            match &mut self.room {
                Some(room) => room.merge(frame.room),
                empty => *empty = Some(frame.room),
            }
            next = if bytes < BATCH_BYTES { self.outbox.try_recv().ok() } else { None };
        }
        Ok(())
    }

    /// Sends what is queued and a close frame, and waits for the peer's, all within [`CLOSE_TIMEOUT`].
    pub(super) async fn say_goodbye(&mut self, code: u16, reason: &str) {
        self.outbox.close();
        let goodbye = async {
            while let Ok(frame) = self.outbox.try_recv() {
                self.socket.send(Message::text(frame.text)).await?;
            }
            self.socket.send(Message::close(CloseCode::try_from(code).ok(), reason)).await?;
            while let Some(Ok(_)) = self.socket.next().await {}
            Ok::<(), Error>(())
        };
        match timeout(CLOSE_TIMEOUT, goodbye).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::debug!(%error, "the link broke during the goodbye"),
            Err(_elapsed) => tracing::debug!("the gateway did not answer the goodbye"),
        }
    }

    /// After the peer's close frame: sends ours.
    pub(super) async fn answer_goodbye(&mut self) {
        let answer = async { while let Some(Ok(_)) = self.socket.next().await {} };
        if timeout(CLOSE_TIMEOUT, answer).await.is_err() {
            tracing::debug!("the gateway did not take the answer to its goodbye");
        }
    }
}
