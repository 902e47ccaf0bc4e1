//! The layer that hands events to the log file.

use std::sync::Arc;

use openclaw_config::sections::logging::LogLevel;
use tracing::{
    Event, Subscriber,
    span::{Attributes, Id, Record},
};
use tracing_subscriber::{Layer, filter::LevelFilter, layer::Context, registry::LookupSpan};

use super::{
    collect,
    line::Entry,
    subsystem,
    writer::{LogFile, Shared},
};

/// Writes every event that it is given to a [`LogFile`]. Attach `.with_filter(level_filter(..))` for `logging.level`.
#[derive(Debug)]
pub struct FileLayer(Arc<Shared>);

impl FileLayer {
    /// A layer that writes to that file.
    pub fn new(file: &LogFile) -> Self {
        Self(file.shared())
    }
}

/// The filter for a level of the configuration. `fatal` has no counterpart of its own and is `error`.
pub fn level_filter(level: LogLevel) -> LevelFilter {
    match level {
        LogLevel::Silent => LevelFilter::OFF,
        LogLevel::Fatal | LogLevel::Error => LevelFilter::ERROR,
        LogLevel::Warn => LevelFilter::WARN,
        LogLevel::Info => LevelFilter::INFO,
        LogLevel::Debug => LevelFilter::DEBUG,
        LogLevel::Trace => LevelFilter::TRACE,
    }
}

impl<S> Layer<S> for FileLayer
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
        self.0.push(Entry {
            at_ms: self.0.clock.now_ms(),
            level: *event.metadata().level(),
            subsystem: subsystem::of(event.metadata().target()).to_owned(),
            message: said.message,
            fields: said.fields,
        });
    }
}

#[cfg(test)]
mod tests {
    use openclaw_protocol::clock::Clock;
    use tracing_subscriber::layer::SubscriberExt;

    use super::{super::writer::LogOptions, *};

    /// What the log file holds after `speak`.
    fn logged(speak: impl FnOnce()) -> Vec<serde_json::Value> {
        let dir = tempfile::tempdir().unwrap();
        let options = LogOptions {
            file: None,
            dir: dir.path().to_owned(),
            max_file_bytes: 1 << 20,
            clock: Clock::manual(1_795_348_800_000),
        };
        let log = LogFile::start(options).unwrap();
        let subscriber = tracing_subscriber::registry().with(FileLayer::new(&log));
        tracing::subscriber::with_default(subscriber, speak);
        log.close();
        let text = std::fs::read_to_string(log.path()).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    #[test]
    fn an_event_carries_its_values_and_those_of_its_spans() {
        let lines = logged(|| {
            let span = tracing::info_span!("connection", conn.id = "c1", late = tracing::field::Empty);
            let _inside = span.enter();
            span.record("late", 7);
            tracing::warn!(duration_ms = 12, "node {} connected", "n1");
        });
        assert_eq!(lines.len(), 1);
        assert_eq!(lines[0]["message"], "node n1 connected");
        assert_eq!(lines[0]["fields"], serde_json::json!({"duration_ms": 12, "conn.id": "c1", "late": 7}));
        assert_eq!(lines[0]["_meta"]["logLevelName"], "WARN");
    }

    #[test]
    fn sec_132_secrets_reach_the_file_neither_as_values_nor_in_text() {
        let lines = logged(|| {
            tracing::info!(
                token = "hunter2",
                header = "Bearer hunter2",
                "auth token=hunter2 for {}",
                "x\r\n\u{1b}[31m"
            );
        });
        let text = lines[0].to_string();
        assert!(!text.contains("hunter2"), "{text}");
        assert_eq!(lines[0]["fields"]["token"], "***");
        assert!(!lines[0]["message"].as_str().unwrap().contains('\u{1b}'));
    }
}
