//! What the operating system or a person tells a running program.

use std::{io, pin::pin};

/// A wish from outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Signal {
    /// Ctrl-C, or the system ends the program.
    Stop,
    /// Start anew in the same process (SIGUSR1 of 2026.3, SIGUSR2 of 2026.9).
    Restart,
}

/// The signals of this process, from the moment it is made.
#[derive(Debug)]
pub(crate) struct Signals(system::Signals);

impl Signals {
    /// Listens from now on.
    pub(crate) fn new() -> io::Result<Self> {
        system::Signals::new().map(Self)
    }

    /// The next one. Cancel safe.
    pub(crate) async fn next(&mut self) -> Signal {
        pin!(self.0.next()).await
    }
}

#[cfg(unix)]
mod system {
    use std::io;

    use tokio::signal::unix::{Signal as Source, SignalKind, signal};

    use super::Signal;

    #[derive(Debug)]
    pub(super) struct Signals {
        interrupt: Source,
        terminate: Source,
        user1: Source,
        user2: Source,
    }

    impl Signals {
        pub(super) fn new() -> io::Result<Self> {
            Ok(Self {
                interrupt: signal(SignalKind::interrupt())?,
                terminate: signal(SignalKind::terminate())?,
                user1: signal(SignalKind::user_defined1())?,
                user2: signal(SignalKind::user_defined2())?,
            })
        }

        pub(super) async fn next(&mut self) -> Signal {
            tokio::select! {
                _ = self.interrupt.recv() => Signal::Stop,
                _ = self.terminate.recv() => Signal::Stop,
                _ = self.user1.recv() => Signal::Restart,
                _ = self.user2.recv() => Signal::Restart,
            }
        }
    }
}

#[cfg(windows)]
mod system {
    use std::io;

    use tokio::signal::windows::{CtrlBreak, CtrlC, CtrlClose, ctrl_break, ctrl_c, ctrl_close};

    use super::Signal;

    #[derive(Debug)]
    pub(super) struct Signals {
        interrupt: CtrlC,
        ended: CtrlBreak,
        closed: CtrlClose,
    }

    impl Signals {
        pub(super) fn new() -> io::Result<Self> {
            Ok(Self { interrupt: ctrl_c()?, ended: ctrl_break()?, closed: ctrl_close()? })
        }

        pub(super) async fn next(&mut self) -> Signal {
            tokio::select! {
                _ = self.interrupt.recv() => Signal::Stop,
                _ = self.ended.recv() => Signal::Stop,
                _ = self.closed.recv() => Signal::Stop,
            }
        }
    }
}
