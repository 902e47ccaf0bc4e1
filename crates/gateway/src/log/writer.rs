//! The log file and the thread that writes it (REL-060).

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write},
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
        mpsc::{Receiver, SyncSender, TrySendError, sync_channel},
    },
    thread::JoinHandle,
};

use openclaw_config::{Paths, sections::logging::LoggingSection};
use openclaw_protocol::clock::Clock;
use serde_json::Map;
use tracing::Level;

use super::{line::Entry, time::LocalTime};

/// Events that may wait for the thread. What does not fit is counted and told of in the next line that does.
const QUEUE: usize = 4_096;
/// Events that are written at once.
const BATCH: usize = 512;
/// Size of one file unless `logging.maxFileBytes` says otherwise (cli.md §5.1).
const MAX_FILE_BYTES: u64 = 500 << 20;
/// Files of so many days are kept, today's included.
const KEEP_DAYS: u64 = 7;
const DAY_MS: u64 = 24 * 60 * 60 * 1_000;
const NAME_START: &str = "openclaw-";
const NAME_END: &str = ".log";

/// Where and how much is written.
#[derive(Clone, Debug)]
pub struct LogOptions {
    /// `logging.file`; without it, a file per day in `dir`.
    pub file: Option<PathBuf>,
    /// The state directory's folder for logs.
    pub dir: PathBuf,
    /// Bytes of one file.
    pub max_file_bytes: u64,
    /// For the times in the file.
    pub clock: Clock,
}

impl LogOptions {
    /// What the configuration says. Each state directory has logs of its own, unlike the original's.
    pub fn new(paths: &Paths, logging: &LoggingSection, clock: Clock) -> Self {
        Self {
            file: configured_file(paths, logging),
            dir: paths.logs_dir(),
            max_file_bytes: logging.max_file_bytes.unwrap_or(MAX_FILE_BYTES),
            clock,
        }
    }
}

fn configured_file(paths: &Paths, logging: &LoggingSection) -> Option<PathBuf> {
    logging.file.as_deref().map(str::trim).filter(|file| !file.is_empty()).map(|file| paths.expand(file))
}

/// The file that is written at `now_ms`; when it is not there, the newest of earlier days (protocol.md §8.3).
pub fn log_path(paths: &Paths, logging: &LoggingSection, now_ms: u64) -> PathBuf {
    if let Some(file) = configured_file(paths, logging) {
        return file;
    }
    let dir = paths.logs_dir();
    let today = dir.join(file_name(&LocalTime::of_the_machine().date(now_ms)));
    if today.exists() {
        return today;
    }
    dated_files(&dir).into_iter().max().map_or(today, |(_, newest)| newest)
}

fn file_name(date: &str) -> String {
    format!("{NAME_START}{date}{NAME_END}")
}

/// The log files of a folder with their dates.
fn dated_files(dir: &Path) -> Vec<(String, PathBuf)> {
    let Ok(entries) = fs::read_dir(dir) else { return Vec::new() };
    let dated = |entry: fs::DirEntry| {
        let name = entry.file_name();
        let date = name.to_str()?.strip_prefix(NAME_START)?.strip_suffix(NAME_END)?;
        let is_date = date.len() == 10 && date.bytes().all(|b| b.is_ascii_digit() || b == b'-');
        is_date.then(|| (date.to_owned(), entry.path()))
    };
    entries.flatten().filter_map(dated).collect()
}

/// A running log file. Dropping the last sender and this writes what waits and ends the thread.
#[derive(Debug)]
pub struct LogFile {
    shared: Arc<Shared>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

/// What layers hold.
#[derive(Debug)]
pub(super) struct Shared {
    queue: Mutex<Option<SyncSender<Entry>>>,
    dropped: AtomicU64,
    path: Mutex<PathBuf>,
    pub(super) clock: Clock,
}

impl LogFile {
    /// Opens today's file (mode 0600 in a folder of mode 0700, SEC-133), deletes those of more than a week ago, and
    /// starts the thread.
    ///
    /// # Errors
    /// When the folder or the file cannot be made.
    pub fn start(options: LogOptions) -> io::Result<Self> {
        let mut target = Target::new(options)?;
        let (sender, receiver) = sync_channel(QUEUE);
        let shared = Arc::new(Shared {
            queue: Mutex::new(Some(sender)),
            dropped: AtomicU64::new(0),
            path: Mutex::new(target.path.clone()),
            clock: target.options.clock.clone(),
        });
        let for_thread = Arc::clone(&shared);
        let thread = std::thread::Builder::new()
            .name("log".to_owned())
            .spawn(move || target.write_until_closed(&receiver, &for_thread))?;
        Ok(Self { shared, thread: Mutex::new(Some(thread)) })
    }

    /// The file that is being written.
    pub fn path(&self) -> PathBuf {
        self.shared.path.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Events that were lost so far because the disk was too slow or full.
    pub fn dropped(&self) -> u64 {
        self.shared.dropped.load(Ordering::Relaxed)
    }

    /// Writes what waits and stops; later events are lost. To be called before the process ends.
    pub fn close(&self) {
        drop(self.shared.queue.lock().unwrap_or_else(PoisonError::into_inner).take());
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread {
            // A thread that panicked has nothing left to write.
            thread.join().unwrap_or_default();
        }
    }

    pub(super) fn shared(&self) -> Arc<Shared> {
        Arc::clone(&self.shared)
    }
}

impl Drop for LogFile {
    fn drop(&mut self) {
        self.close();
    }
}

impl Shared {
    /// Hands an event over. Never waits.
    pub(super) fn push(&self, entry: Entry) {
        let queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(queue) = queue.as_ref() else { return };
        if let Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) = queue.try_send(entry) {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// The thread's side.
struct Target {
    options: LogOptions,
    zone: LocalTime,
    hostname: String,
    date: String,
    path: PathBuf,
    /// The cap was reached and told of, in this file.
    full: bool,
    told_dropped: u64,
}

impl Target {
    fn new(options: LogOptions) -> io::Result<Self> {
        let zone = LocalTime::of_the_machine();
        let hostname = gethostname::gethostname().to_string_lossy().into_owned();
        let date = zone.date(options.clock.now_ms());
        let path = options.file.clone().unwrap_or_else(|| options.dir.join(file_name(&date)));
        let target = Self { options, zone, hostname, date, path, full: false, told_dropped: 0 };
        target.open()?;
        target.delete_old();
        Ok(target)
    }

    fn write_until_closed(&mut self, queue: &Receiver<Entry>, shared: &Shared) {
        while let Ok(first) = queue.recv() {
            let mut batch = vec![first];
            batch.extend(queue.try_iter().take(BATCH));
            self.turn_to(batch.last().map_or(0, |entry| entry.at_ms), shared);
            let lost = shared.dropped.load(Ordering::Relaxed);
            if lost > self.told_dropped {
                batch.push(self.note(&format!("{} log lines were lost", lost - self.told_dropped)));
                self.told_dropped = lost;
            }
            let count = batch.len() as u64;
            // A full disk must not stop the gateway; what is lost is counted.
            if self.write(batch).is_err() {
                shared.dropped.fetch_add(count, Ordering::Relaxed);
            }
        }
    }

    /// Changes to the file of another day.
    fn turn_to(&mut self, now_ms: u64, shared: &Shared) {
        if self.options.file.is_some() {
            return;
        }
        let date = self.zone.date(now_ms);
        if date == self.date {
            return;
        }
        self.path = self.options.dir.join(file_name(&date));
        self.date = date;
        self.full = false;
        self.path.clone_into(&mut shared.path.lock().unwrap_or_else(PoisonError::into_inner));
        self.delete_old();
    }

    /// Opened for each batch, so that a file that was moved or deleted meanwhile is simply made again.
    fn write(&mut self, batch: Vec<Entry>) -> io::Result<()> {
        let mut file = self.open()?;
        let mut size = file.metadata()?.len();
        let mut text = String::new();
        for entry in batch {
            let line = entry.to_line(&self.hostname, &self.zone);
            size = size.saturating_add(line.len() as u64);
            if size <= self.options.max_file_bytes {
                text.push_str(&line);
            } else if !self.full {
                self.full = true;
                let (path, max) = (self.path.display(), self.options.max_file_bytes);
                let warning =
                    self.note(&format!("log file size cap reached; suppressing writes file={path} maxFileBytes={max}"));
                text.push_str(&warning.to_line(&self.hostname, &self.zone));
            }
        }
        file.write_all(text.as_bytes())
    }

    fn note(&self, message: &str) -> Entry {
        Entry {
            at_ms: self.options.clock.now_ms(),
            level: Level::WARN,
            subsystem: "logging".to_owned(),
            message: message.to_owned(),
            fields: Map::new(),
        }
    }

    fn open(&self) -> io::Result<File> {
        if let Some(dir) = self.path.parent() {
            openclaw_store::files::create_private_dir(dir).map_err(io::Error::other)?;
        }
        private(OpenOptions::new().append(true).create(true)).open(&self.path)
    }

    /// Names sort by date, so the clock is all that is needed to tell which are old.
    fn delete_old(&self) {
        let oldest_kept = self.zone.date(self.options.clock.now_ms().saturating_sub((KEEP_DAYS - 1) * DAY_MS));
        for (date, path) in dated_files(&self.options.dir) {
            if date < oldest_kept {
                // Left for the next day if it cannot be deleted now.
                fs::remove_file(path).unwrap_or_default();
            }
        }
    }
}

#[cfg(unix)]
fn private(options: &mut OpenOptions) -> &mut OpenOptions {
    std::os::unix::fs::OpenOptionsExt::mode(options, 0o600)
}

#[cfg(not(unix))]
fn private(options: &mut OpenOptions) -> &mut OpenOptions {
    options
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOON: u64 = 1_795_348_800_000;

    fn options(dir: &Path, clock: &Clock) -> LogOptions {
        LogOptions { file: None, dir: dir.to_owned(), max_file_bytes: MAX_FILE_BYTES, clock: clock.clone() }
    }

    fn entry(at_ms: u64, message: &str) -> Entry {
        Entry { at_ms, level: Level::INFO, subsystem: "t".into(), message: message.into(), fields: Map::new() }
    }

    #[test]
    fn rel_060_each_day_has_its_file_and_old_ones_go() {
        let dir = tempfile::tempdir().unwrap();
        for name in ["openclaw-2020-01-01.log", "openclaw-2026-11-21.log", "openclaw-mine.log", "other.log"] {
            File::create(dir.path().join(name)).unwrap();
        }
        let clock = Clock::manual(NOON);
        let log = LogFile::start(options(dir.path(), &clock)).unwrap();
        log.shared().push(entry(NOON, "today"));
        clock.advance(DAY_MS);
        log.shared().push(entry(NOON + DAY_MS, "tomorrow"));
        log.close();
        let mut names: Vec<_> =
            fs::read_dir(dir.path()).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        assert_eq!(names.len(), 5, "{names:?}");
        assert!(!names.contains(&"openclaw-2020-01-01.log".to_owned()));
        assert!(fs::read_to_string(log.path()).unwrap().contains("tomorrow"));
    }

    #[test]
    fn rel_060_a_file_at_its_cap_gets_one_warning_and_nothing_more() {
        let dir = tempfile::tempdir().unwrap();
        let clock = Clock::manual(NOON);
        let log = LogFile::start(LogOptions { max_file_bytes: 2_000, ..options(dir.path(), &clock) }).unwrap();
        for _ in 0..100 {
            log.shared().push(entry(NOON, "something of a usual length"));
        }
        log.close();
        let text = fs::read_to_string(log.path()).unwrap();
        assert_eq!(
            text.matches("log file size cap reached").count(),
            2,
            "once as first value, once as message: {text}"
        );
        assert!(text.len() < 3_000);
    }

    #[test]
    fn rel_060_a_queue_that_is_full_loses_lines_and_counts_them() {
        let (sender, _receiver) = sync_channel(1);
        let shared = Shared {
            queue: Mutex::new(Some(sender)),
            dropped: AtomicU64::new(0),
            path: Mutex::default(),
            clock: Clock::manual(NOON),
        };
        for _ in 0..3 {
            shared.push(entry(NOON, "x"));
        }
        assert_eq!(shared.dropped.load(Ordering::Relaxed), 2);
    }

    #[test]
    fn rel_060_a_file_that_was_moved_away_is_made_again() {
        let dir = tempfile::tempdir().unwrap();
        let clock = Clock::manual(NOON);
        let mut target = Target::new(options(dir.path(), &clock)).unwrap();
        target.write(vec![entry(NOON, "first")]).unwrap();
        fs::rename(&target.path, dir.path().join("moved")).unwrap();
        target.write(vec![entry(NOON, "second")]).unwrap();
        assert!(fs::read_to_string(&target.path).unwrap().contains("second"));
    }

    #[cfg(unix)]
    #[test]
    fn sec_133_log_files_are_for_their_owner_alone() {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().unwrap();
        let logs = dir.path().join("logs");
        let log = LogFile::start(options(&logs, &Clock::manual(NOON))).unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&log.path()), mode(&logs)), (0o600, 0o700));
    }
}
