//! What a program wrote, as much of it as is kept.

use super::decode::{CodePage, drop_cut_character};

/// Bytes of both streams together that are kept; the rest is read and thrown away (nodes.md §2.5).
pub const OUTPUT_CAP: usize = 200_000;

const CUT_MARK: &str = "\n... (truncated)";

/// Which stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stream {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
}

/// Collects the head of both streams.
#[derive(Debug, Default)]
pub(super) struct Output {
    stdout: Vec<u8>,
    stderr: Vec<u8>,
    dropped_bytes: u64,
}

/// The text of both streams.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Text {
    pub stdout: String,
    pub stderr: String,
    /// Bytes that were written after the cap was reached.
    pub dropped_bytes: u64,
}

impl Output {
    /// Takes a piece.
    pub(super) fn push(&mut self, stream: Stream, bytes: &[u8]) {
        let room = OUTPUT_CAP.saturating_sub(self.stdout.len() + self.stderr.len());
        let kept = bytes.get(..room).unwrap_or(bytes);
        let target = match stream {
            Stream::Stdout => &mut self.stdout,
            Stream::Stderr => &mut self.stderr,
        };
        target.extend_from_slice(kept);
        self.dropped_bytes += (bytes.len() - kept.len()) as u64;
    }

    /// Reads both as text and marks a cut.
    pub(super) fn finish(mut self, page: CodePage) -> Text {
        let cut = self.dropped_bytes > 0;
        if cut {
            drop_cut_character(&mut self.stdout);
            drop_cut_character(&mut self.stderr);
        }
        let (mut stdout, mut stderr) = (page.decode(self.stdout), page.decode(self.stderr));
        if cut {
            let marked = if stderr.is_empty() { &mut stdout } else { &mut stderr };
            marked.push_str(CUT_MARK);
        }
        Text { stdout, stderr, dropped_bytes: self.dropped_bytes }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_head_of_both_streams_is_kept_up_to_the_cap() {
        let mut output = Output::default();
        output.push(Stream::Stdout, &vec![b'a'; OUTPUT_CAP - 10]);
        output.push(Stream::Stderr, &[b'b'; 20]);
        output.push(Stream::Stdout, b"late");
        let text = output.finish(CodePage::UTF_8);
        assert_eq!(text.stdout.len(), OUTPUT_CAP - 10);
        assert_eq!(text.stderr, format!("{}{CUT_MARK}", "b".repeat(10)));
        assert_eq!(text.dropped_bytes, 14);
    }

    #[test]
    fn a_cut_is_marked_on_stdout_when_stderr_is_empty() {
        let mut output = Output::default();
        output.push(Stream::Stdout, &vec![b'a'; OUTPUT_CAP + 1]);
        assert!(output.finish(CodePage::UTF_8).stdout.ends_with("a\n... (truncated)"));
    }

    #[test]
    fn exactly_the_cap_is_not_cut() {
        let mut output = Output::default();
        output.push(Stream::Stdout, &vec![b'a'; OUTPUT_CAP]);
        let text = output.finish(CodePage::UTF_8);
        assert_eq!((text.stdout.len(), text.dropped_bytes), (OUTPUT_CAP, 0));
    }
}
