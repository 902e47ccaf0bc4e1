//! Every committed corpus file through the function that the fuzzer calls.

#[path = "../../../../fuzz/entries.rs"]
mod entries;

use std::{fs, path::Path};

/// A corpus with fewer files was lost in a move.
const FEWEST_FILES: usize = 10;

fn run_corpus(name: &str, entry: fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpora").join(name);
    let mut files: Vec<_> = fs::read_dir(&folder).unwrap().map(|file| file.unwrap().path()).collect();
    files.sort();
    assert!(files.len() >= FEWEST_FILES, "{} has {} files", folder.display(), files.len());
    for file in files {
        let data = fs::read(&file).unwrap();
        // The path stands above the panic message of a file that fails.
        println!("{}", file.display());
        entry(&data);
    }
}

#[test]
fn every_committed_frame_is_decoded_or_refused() {
    run_corpus("frame", entries::frame);
}

#[test]
fn every_committed_connect_is_read_back_as_written() {
    run_corpus("connect_params", entries::connect_params);
}

#[test]
fn every_committed_setup_code_is_read_back_as_written() {
    run_corpus("setup_code", entries::setup_code);
}

#[test]
fn every_committed_configuration_is_parsed_or_refused() {
    run_corpus("config", entries::config);
}

#[test]
fn every_committed_payload_is_signed_text_and_forgeries_are_refused() {
    run_corpus("payload", entries::payload);
}
