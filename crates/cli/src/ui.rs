//! All output: stdout is data, stderr is conversation (style.md §8).

use std::{
    fmt::Display,
    io::{self, ErrorKind, IsTerminal, Write},
    sync::atomic::{AtomicBool, Ordering},
};

use anstyle::{AnsiColor, Style};
use comfy_table::{ContentArrangement, Table, presets::UTF8_FULL_CONDENSED};
use openclaw_config::Env;
use serde::Serialize;

use crate::human::clean;

/// Whether escape sequences for colours are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Colours {
    On,
    Off,
}

/// Where everything that a person or a program reads goes.
#[derive(Debug)]
pub(crate) struct Ui {
    json: bool,
    /// Whether stdout is a terminal.
    terminal: bool,
    out: Colours,
    err: Colours,
    /// The reader of stdout has gone; nothing more is written there, and that is no error.
    closed: AtomicBool,
    /// Stdout could not be written for another reason.
    failed: AtomicBool,
}

/// What a text means. Colour never carries meaning alone.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Tone {
    Good,
    Warn,
    Bad,
    Strong,
    Faint,
}

impl Tone {
    const fn style(self) -> Style {
        let plain = Style::new();
        match self {
            Self::Good => AnsiColor::Green.on_default(),
            Self::Warn => AnsiColor::Yellow.on_default(),
            Self::Bad => AnsiColor::Red.on_default(),
            Self::Strong => plain.bold(),
            Self::Faint => plain.dimmed(),
        }
    }
}

impl Ui {
    /// Looks at the terminal and the environment: `FORCE_COLOR` (not empty, not 0) beats `NO_COLOR` and `--no-color`.
    pub(crate) fn new(env: &Env, json: bool, no_color: bool) -> Self {
        let forced = env.trimmed("FORCE_COLOR").is_some_and(|value| value != "0");
        let refused = no_color || env.get("NO_COLOR").is_some();
        let colours = |terminal: bool| match (forced, refused, terminal) {
            (true, ..) | (false, false, true) => Colours::On,
            _ => Colours::Off,
        };
        Self {
            json,
            terminal: io::stdout().is_terminal(),
            out: colours(io::stdout().is_terminal()),
            err: colours(io::stderr().is_terminal()),
            closed: AtomicBool::new(false),
            failed: AtomicBool::new(false),
        }
    }

    /// Whether a program reads the result.
    pub(crate) const fn is_json(&self) -> bool {
        self.json
    }

    /// Whether a person can answer a question.
    pub(crate) fn can_ask(&self) -> bool {
        !self.json && io::stdin().is_terminal() && io::stderr().is_terminal()
    }

    /// Whether stdout is a terminal.
    pub(crate) const fn is_terminal(&self) -> bool {
        self.terminal
    }

    /// Whether the reader of stdout has gone.
    pub(crate) fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Relaxed)
    }

    /// Whether something could not be written although somebody still reads.
    pub(crate) fn has_failed(&self) -> bool {
        self.failed.load(Ordering::Relaxed)
    }

    /// One line of the result.
    pub(crate) fn line(&self, text: impl Display) {
        self.write(format!("{text}\n").as_bytes());
    }

    /// The result as JSON, two blanks deep, as all commands print it.
    pub(crate) fn json(&self, value: &impl Serialize) {
        match serde_json::to_string_pretty(value) {
            Ok(text) => self.line(text),
            Err(_) => self.failed.store(true, Ordering::Relaxed),
        }
    }

    /// A result on one line of JSON.
    pub(crate) fn json_line(&self, value: &impl Serialize) {
        match serde_json::to_string(value) {
            Ok(text) => self.line(text),
            Err(_) => self.failed.store(true, Ordering::Relaxed),
        }
    }

    /// Bytes of a result as they are.
    pub(crate) fn write(&self, bytes: &[u8]) {
        if self.is_closed() {
            return;
        }
        let mut out = io::stdout().lock();
        if let Err(error) = out.write_all(bytes).and_then(|()| out.flush()) {
            self.closed.store(true, Ordering::Relaxed);
            self.failed.fetch_or(error.kind() != ErrorKind::BrokenPipe, Ordering::Relaxed);
        }
    }

    /// A line of conversation. Whoever closed stderr does not want to hear it.
    pub(crate) fn note(&self, text: impl Display) {
        self.write_error(format!("{text}\n").as_bytes());
    }

    /// Bytes for stderr as they are.
    pub(crate) fn write_error(&self, bytes: &[u8]) {
        let mut err = io::stderr().lock();
        let written = err.write_all(bytes).and_then(|()| err.flush());
        self.failed.fetch_or(written.is_err_and(|error| error.kind() != ErrorKind::BrokenPipe), Ordering::Relaxed);
    }

    /// A text for stdout in the colour of its meaning.
    pub(crate) fn paint(&self, tone: Tone, text: impl Display) -> String {
        painted(self.out, tone, text)
    }

    /// A text for stderr in the colour of its meaning.
    pub(crate) fn paint_note(&self, tone: Tone, text: impl Display) -> String {
        painted(self.err, tone, text)
    }

    /// A table for stdout. Cells are cleaned of what could move a terminal's cursor.
    pub(crate) fn table<const N: usize>(&self, headers: [&str; N], rows: impl IntoIterator<Item = [String; N]>) {
        let mut table = Table::new();
        table.load_style(UTF8_FULL_CONDENSED);
        table.set_content_arrangement(if self.is_terminal() {
            ContentArrangement::Dynamic
        } else {
            ContentArrangement::Disabled
        });
        table.set_header(headers);
        for row in rows {
            table.add_row(row.map(|cell| cell.lines().map(clean).collect::<Vec<_>>().join("\n")));
        }
        self.line(table);
    }

    /// Asks for yes or no; only a `y` means yes.
    pub(crate) fn confirm(&self, question: &str) -> bool {
        self.write_error(format!("{question} [y/N] ").as_bytes());
        let mut answer = String::new();
        io::stdin().read_line(&mut answer).is_ok_and(|_| matches!(answer.trim(), "y" | "Y" | "yes"))
    }
}

fn painted(colours: Colours, tone: Tone, text: impl Display) -> String {
    match colours {
        Colours::On => {
            let style = tone.style();
            format!("{style}{text}{style:#}")
        }
        Colours::Off => text.to_string(),
    }
}
