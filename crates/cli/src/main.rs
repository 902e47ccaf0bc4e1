//! The one binary: command tree, output, error texts.

fn main() {}
