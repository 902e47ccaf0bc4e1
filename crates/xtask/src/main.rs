//! The one door for contributors: ci, fix, schema, tidy, interop, bench, windows.

fn main() {}
