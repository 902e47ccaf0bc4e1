//! What differs between operating systems when programs are found and run. The only place of this crate with `cfg`
//! for more than one line.

#[cfg(unix)]
mod unix;
#[cfg(windows)]
mod windows;

#[cfg(unix)]
pub(crate) use unix::*;
#[cfg(windows)]
pub(crate) use windows::*;
