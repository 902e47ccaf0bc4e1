//! Running a program to its end: its whole process tree, its output, its time (nodes.md §2.5, REL-055).

mod run;

pub use run::{KILL_GRACE, Program, RunResult, Streams, Time, run};
