//! What a person sees while the gateway runs in the foreground (cli.md §5.5).

use std::{
    fmt,
    io::{self, IsTerminal, Write},
};

use openclaw_config::sections::logging;
use openclaw_protocol::clock::Clock;
use tracing::{
    Event, Level, Subscriber,
    span::{Attributes, Id, Record},
};
use tracing_subscriber::{Layer, layer::Context, registry::LookupSpan};

use super::{collect, line::Entry, subsystem, time::LocalTime};

/// Colours of subsystems; which one follows from the name.
const PALETTE: [u8; 6] = [36, 32, 33, 34, 35, 31];
const GRAY: u8 = 90;

/// How a line looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConsoleStyle {
    /// `06:38:55 [ws] message`.
    Pretty,
    /// `2026-11-22T06:38:55.786+00:00 [ws] message`.
    Compact,
    /// The line of the log file.
    Json,
}

impl From<logging::ConsoleStyle> for ConsoleStyle {
    /// `logging.consoleStyle`.
    fn from(configured: logging::ConsoleStyle) -> Self {
        match configured {
            logging::ConsoleStyle::Pretty => Self::Pretty,
            logging::ConsoleStyle::Compact => Self::Compact,
            logging::ConsoleStyle::Json => Self::Json,
        }
    }
}

/// Where lines go: those about problems, and all others.
type Sink = Box<dyn Fn(Level, &str) + Send + Sync>;

/// Shows events. Warnings and errors go to stderr, everything else to stdout, as the original does.
pub struct ConsoleLayer {
    style: ConsoleStyle,
    colour: bool,
    clock: Clock,
    zone: LocalTime,
    sink: Sink,
}

impl ConsoleLayer {
    /// Pretty and coloured on a terminal, else compact and plain. `style` overrides the first, `NO_COLOR` the second
    /// (`no_color`); a pipe never gets colours, whatever `TERM` says.
    pub fn new(style: Option<ConsoleStyle>, no_color: bool, clock: Clock) -> Self {
        let terminal = io::stdout().is_terminal() && io::stderr().is_terminal();
        Self {
            style: style.unwrap_or(if terminal { ConsoleStyle::Pretty } else { ConsoleStyle::Compact }),
            colour: terminal && !no_color,
            clock,
            zone: LocalTime::of_the_machine(),
            sink: Box::new(to_standard_streams),
        }
    }

    fn render(&self, entry: &Entry) -> String {
        let time = match self.style {
            ConsoleStyle::Json => return entry.to_line("", &self.zone),
            ConsoleStyle::Pretty => self.zone.clock(entry.at_ms),
            ConsoleStyle::Compact => self.zone.iso(entry.at_ms),
        };
        let name = subsystem::short(&entry.subsystem);
        let message =
            entry.message.strip_prefix(name).and_then(|rest| rest.strip_prefix(": ")).unwrap_or(&entry.message);
        let time = self.paint(GRAY, &time);
        let name = self.paint(colour_of(name), &format!("[{name}]"));
        let message = match entry.level {
            Level::ERROR => self.paint(31, message),
            Level::WARN => self.paint(33, message),
            Level::INFO => message.to_owned(),
            Level::DEBUG | Level::TRACE => self.paint(GRAY, message),
        };
        format!("{time} {name} {message}\n")
    }

    fn paint(&self, colour: u8, text: &str) -> String {
        if self.colour { format!("\u{1b}[{colour}m{text}\u{1b}[0m") } else { text.to_owned() }
    }
}

/// The colour that the original gives to that name: by the hash that its runtime uses for texts.
fn colour_of(name: &str) -> u8 {
    let hash = name.encode_utf16().fold(0_i32, |hash, unit| hash.wrapping_mul(31).wrapping_add(i32::from(unit)));
    let index = usize::try_from(hash.unsigned_abs()).unwrap_or(0) % PALETTE.len();
    PALETTE.get(index).copied().unwrap_or(GRAY)
}

/// A console that is gone is no reason to stop.
fn to_standard_streams(level: Level, line: &str) {
    let written = if level <= Level::WARN {
        io::stderr().lock().write_all(line.as_bytes())
    } else {
        io::stdout().lock().write_all(line.as_bytes())
    };
    written.unwrap_or_default();
}

impl fmt::Debug for ConsoleLayer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConsoleLayer").field("style", &self.style).field("colour", &self.colour).finish_non_exhaustive()
    }
}

impl<S> Layer<S> for ConsoleLayer
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        collect::keep_span(attributes, id, &context);
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        collect::keep_record(id, values, &context);
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let said = collect::event(event, &context);
        let entry = Entry {
            at_ms: self.clock.now_ms(),
            level: *event.metadata().level(),
            subsystem: subsystem::of(event.metadata().target()).to_owned(),
            message: said.message,
            fields: said.fields,
        };
        (self.sink)(entry.level, &self.render(&entry));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(style: ConsoleStyle, colour: bool, level: Level, message: &str) -> String {
        let layer =
            ConsoleLayer { style, colour, clock: Clock::manual(0), zone: LocalTime::utc(), sink: Box::new(|_, _| {}) };
        let fields = serde_json::Map::new();
        let (subsystem, message) = ("gateway/ws".to_owned(), message.to_owned());
        layer.render(&Entry { at_ms: 1_795_330_563_964, level, subsystem, message, fields })
    }

    #[test]
    fn a_terminal_gets_the_clock_and_a_pipe_the_whole_time() {
        assert_eq!(shown(ConsoleStyle::Pretty, false, Level::INFO, "hello"), "06:56:03 [ws] hello\n");
        let compact = shown(ConsoleStyle::Compact, false, Level::INFO, "ws: hello");
        assert_eq!(compact, "2026-11-22T06:56:03.964+00:00 [ws] hello\n");
    }

    #[test]
    fn colour_is_there_only_when_it_is_wanted() {
        assert!(!shown(ConsoleStyle::Pretty, false, Level::ERROR, "x").contains('\u{1b}'));
        assert!(shown(ConsoleStyle::Pretty, true, Level::ERROR, "x").contains("\u{1b}[31mx\u{1b}[0m"));
    }
}
