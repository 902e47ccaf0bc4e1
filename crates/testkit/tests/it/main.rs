//! Tests that look at several crates at once.

// The lints that tests are exempt from look for this attribute, on helpers of tests too.
#[cfg(test)]
mod corpora;
