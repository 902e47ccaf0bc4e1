//! `logs.tail`: the end of the log, or what came after a cursor (protocol.md §8.3).

use std::{
    fs::File,
    io::{self, ErrorKind, Read, Seek, SeekFrom},
    path::Path,
};

use openclaw_protocol::methods::logs::{TailParams, TailReply};

use super::redact::redact;

const DEFAULT_LIMIT: u64 = 500;
const DEFAULT_MAX_BYTES: u64 = 250_000;

/// Reads lines from that file. Each passes the search for secrets once more, for others may have written it (SEC-133).
///
/// # Errors
/// Whatever the file system says, except that there is no file: that is an empty answer.
pub(crate) fn tail(path: &Path, params: &TailParams) -> io::Result<TailReply> {
    let limit = usize::try_from(params.limit.unwrap_or(DEFAULT_LIMIT)).unwrap_or(usize::MAX);
    let max_bytes = params.max_bytes.unwrap_or(DEFAULT_MAX_BYTES);
    let mut reply = TailReply { file: path.display().to_string(), ..TailReply::default() };
    let mut file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(reply),
        Err(error) => return Err(error),
    };
    let size = file.metadata()?.len();
    let end_only = size.saturating_sub(max_bytes);
    let start = match params.cursor {
        None => {
            reply.truncated = end_only > 0;
            end_only
        }
        Some(cursor) if cursor > size => {
            reply.reset = true;
            reply.truncated = end_only > 0;
            end_only
        }
        Some(cursor) if size - cursor > max_bytes => {
            (reply.reset, reply.truncated) = (true, true);
            end_only
        }
        Some(cursor) => cursor,
    };
    (reply.size, reply.cursor) = (size, size);
    let mut bytes = Vec::new();
    // One byte more shows whether the start is the beginning of a line.
    let from = start.saturating_sub(1);
    file.seek(SeekFrom::Start(from))?;
    file.take(size - from).read_to_end(&mut bytes)?;
    let cut_line = start > 0 && bytes.first() != Some(&b'\n');
    let text = String::from_utf8_lossy(if start > 0 { bytes.get(1..).unwrap_or_default() } else { &bytes });
    let mut lines: Vec<&str> = text.split('\n').collect();
    if cut_line {
        lines.remove(0);
    }
    if lines.last().is_some_and(|line| line.is_empty()) {
        lines.pop();
    }
    let skipped = lines.len().saturating_sub(limit);
    reply.lines = lines.into_iter().skip(skipped).map(|line| redact(line).into_owned()).collect();
    Ok(reply)
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn log(text: &str) -> (tempfile::TempDir, std::path::PathBuf) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x.log");
        File::create(&path).unwrap().write_all(text.as_bytes()).unwrap();
        (dir, path)
    }

    fn ask(
        path: &Path,
        cursor: Option<u64>,
        limit: Option<u64>,
        max_bytes: Option<u64>,
    ) -> (Vec<String>, u64, bool, bool) {
        let reply = tail(path, &TailParams { cursor, limit, max_bytes }).unwrap();
        (reply.lines, reply.cursor, reply.truncated, reply.reset)
    }

    fn lines(texts: &[&str]) -> Vec<String> {
        texts.iter().map(|&text| text.to_owned()).collect()
    }

    #[test]
    fn without_a_cursor_the_last_lines_come() {
        let (_dir, path) = log("one\ntwo\nthree\n");
        assert_eq!(ask(&path, None, None, None), (lines(&["one", "two", "three"]), 14, false, false));
        assert_eq!(ask(&path, None, Some(1), None), (lines(&["three"]), 14, false, false));
    }

    #[test]
    fn a_start_inside_a_line_drops_its_rest_and_one_at_its_beginning_keeps_it() {
        let (_dir, path) = log("one\ntwo\nthree\n");
        assert_eq!(ask(&path, None, None, Some(8)), (lines(&["three"]), 14, true, false));
        assert_eq!(ask(&path, None, None, Some(6)), (lines(&["three"]), 14, true, false));
        assert_eq!(ask(&path, None, None, Some(3)), (lines(&[]), 14, true, false));
    }

    #[test]
    fn a_cursor_gives_what_came_after_it() {
        let (_dir, path) = log("one\ntwo\nthree\n");
        assert_eq!(ask(&path, Some(8), None, None), (lines(&["three"]), 14, false, false));
        assert_eq!(ask(&path, Some(14), None, None), (lines(&[]), 14, false, false));
    }

    #[test]
    fn a_cursor_that_does_not_fit_any_more_starts_again() {
        let (_dir, path) = log("one\ntwo\nthree\n");
        assert_eq!(ask(&path, Some(99), None, None), (lines(&["one", "two", "three"]), 14, false, true));
        assert_eq!(ask(&path, Some(0), None, Some(6)), (lines(&["three"]), 14, true, true));
    }

    #[test]
    fn a_missing_file_is_an_empty_log() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(ask(&dir.path().join("none"), Some(5), None, None), (lines(&[]), 0, false, false));
    }

    #[test]
    fn sec_133_lines_of_others_are_searched_for_secrets() {
        let (_dir, path) = log("{\"1\":\"token=hunter2\"}\n");
        assert_eq!(ask(&path, None, None, None).0, lines(&["{\"1\":\"token=***\"}"]));
    }
}
