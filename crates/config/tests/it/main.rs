//! What a person's files do to the configuration, and what the configuration does to them.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "helpers of tests, whose failure is the test's")]

mod broken;
mod include;
mod loading;
mod place;
mod saving;
