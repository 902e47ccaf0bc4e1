//! `cargo xtask tidy`: what compilers do not check. Each rule is a file; each finding names a place, what is wrong and
//! what to do.

mod exceptions;
mod layers;
mod names;
mod run;
mod sizes;
mod words;

pub(crate) use run::run;
