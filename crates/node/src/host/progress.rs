//! Output of a running command, sent as it comes (`node.invoke.progress`, v4).
//!
//! A chunk is JSON text, `{"stream":"stdout","text":"…"}`, at most 16 KiB long. A character is never cut in two.

use openclaw_client::Connection;
use openclaw_protocol::{
    limits::MAX_CHUNK_BYTES,
    methods::node::{InvokeProgress, InvokeProgressParams},
};
use serde_json::json;
use tokio::sync::mpsc;

use crate::exec::output::Stream;

/// Sends pieces until there are no more, or the gateway does not take them.
pub(super) async fn forward(
    connection: &Connection,
    invoke_id: &str,
    node_id: &str,
    mut pieces: mpsc::Receiver<(Stream, Vec<u8>)>,
) {
    let mut splitter = Splitter::default();
    let mut seq = 0;
    loop {
        let piece = pieces.recv().await;
        let is_last = piece.is_none();
        let chunks = match piece {
            Some((stream, bytes)) => splitter.push(stream, bytes),
            None => splitter.finish(),
        };
        for chunk in chunks {
            let params =
                InvokeProgressParams { invoke_id: invoke_id.to_owned(), node_id: node_id.to_owned(), seq, chunk };
            seq += 1;
            if let Err(error) = connection.call::<InvokeProgress>(params).await {
                tracing::debug!(invoke.id = invoke_id, %error, "output is not sent any more");
                return;
            }
        }
        if is_last {
            return;
        }
    }
}

/// Makes chunks of bytes.
#[derive(Default)]
struct Splitter {
    /// The beginning of a character that is not complete yet, by stream.
    stdout_rest: Vec<u8>,
    stderr_rest: Vec<u8>,
}

impl Splitter {
    fn push(&mut self, stream: Stream, bytes: Vec<u8>) -> Vec<String> {
        let rest = match stream {
            Stream::Stdout => &mut self.stdout_rest,
            Stream::Stderr => &mut self.stderr_rest,
        };
        let mut all = std::mem::take(rest);
        all.extend(bytes);
        let cut = complete_length(&all);
        *rest = all.split_off(cut);
        chunks(stream, &String::from_utf8_lossy(&all))
    }

    fn finish(&mut self) -> Vec<String> {
        let (out, err) = (std::mem::take(&mut self.stdout_rest), std::mem::take(&mut self.stderr_rest));
        let mut all = chunks(Stream::Stdout, &String::from_utf8_lossy(&out));
        all.extend(chunks(Stream::Stderr, &String::from_utf8_lossy(&err)));
        all
    }
}

/// How many bytes there are before a character that is not complete yet.
fn complete_length(bytes: &[u8]) -> usize {
    // A character has at most four bytes; look for the start of one near the end.
    for back in 1..=bytes.len().min(3) {
        let at = bytes.len() - back;
        let Some(byte) = bytes.get(at) else { break };
        let length = match byte {
            0xC2..=0xDF => 2,
            0xE0..=0xEF => 3,
            0xF0..=0xF4 => 4,
            0x80..=0xBF => continue,
            _ => 1,
        };
        return if length > back { at } else { bytes.len() };
    }
    bytes.len()
}

fn chunks(stream: Stream, text: &str) -> Vec<String> {
    if text.is_empty() {
        return Vec::new();
    }
    let name = match stream {
        Stream::Stdout => "stdout",
        Stream::Stderr => "stderr",
    };
    let chunk = json!({"stream": name, "text": text}).to_string();
    if chunk.len() <= MAX_CHUNK_BYTES {
        return vec![chunk];
    }
    let mut middle = text.len() / 2;
    while !text.is_char_boundary(middle) {
        middle += 1;
    }
    let (left, right) = text.split_at(middle);
    let mut all = chunks(stream, left);
    all.extend(chunks(stream, right));
    all
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;

    fn text_of(chunks: &[String]) -> String {
        let texts = chunks.iter().map(|chunk| serde_json::from_str::<Value>(chunk).unwrap());
        texts.map(|chunk| chunk["text"].as_str().unwrap().to_owned()).collect()
    }

    #[test]
    fn a_character_that_arrives_in_two_pieces_is_whole() {
        let mut splitter = Splitter::default();
        let bytes = "a€b".as_bytes();
        let mut all = splitter.push(Stream::Stdout, bytes[..2].to_vec());
        all.extend(splitter.push(Stream::Stderr, b"x".to_vec()));
        all.extend(splitter.push(Stream::Stdout, bytes[2..].to_vec()));
        all.extend(splitter.finish());
        let expected = [
            r#"{"stream":"stdout","text":"a"}"#,
            r#"{"stream":"stderr","text":"x"}"#,
            r#"{"stream":"stdout","text":"€b"}"#,
        ];
        assert_eq!(all, expected);
    }

    proptest! {
        #[test]
        fn chunks_are_small_and_say_everything(text in "[a€\u{1}\"😀]{0,9000}", cuts in prop::collection::vec(1_usize..5000, 0..6)) {
            let (mut splitter, mut all, mut rest) = (Splitter::default(), Vec::new(), text.as_bytes());
            for cut in cuts {
                let (piece, after) = rest.split_at(cut.min(rest.len()));
                all.extend(splitter.push(Stream::Stdout, piece.to_vec()));
                rest = after;
            }
            all.extend(splitter.push(Stream::Stdout, rest.to_vec()));
            all.extend(splitter.finish());
            prop_assert!(all.iter().all(|chunk| chunk.len() <= MAX_CHUNK_BYTES));
            prop_assert_eq!(text_of(&all), text);
        }

        #[test]
        fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
            let mut splitter = Splitter::default();
            drop(splitter.push(Stream::Stdout, bytes));
            drop(splitter.finish());
        }
    }
}
