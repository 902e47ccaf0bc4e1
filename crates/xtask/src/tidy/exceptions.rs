//! The places that may be larger than the limits. The list may only shrink.

use anyhow::{Context as _, Result, bail};

use super::run::Finding;
use crate::checkout;

const FILE: &str = "crates/xtask/tidy-exceptions.txt";
/// How many entries the list may have. Lower it with every entry that goes; raising it is what review must refuse.
const AT_MOST: usize = 0;

/// Lines of the form `<path>[#<item>] <limit>`.
pub(super) struct Exceptions {
    entries: Vec<Entry>,
}

struct Entry {
    place: String,
    limit: usize,
    used: bool,
}

impl Exceptions {
    /// # Errors
    /// When the list cannot be read, is malformed or has grown.
    pub(super) fn read() -> Result<Self> {
        let exceptions = Self::parse(&checkout::read(FILE)?)?;
        if exceptions.entries.len() > AT_MOST {
            bail!("{FILE} has {} entries and may have {AT_MOST}: split the code instead", exceptions.entries.len());
        }
        Ok(exceptions)
    }

    fn parse(text: &str) -> Result<Self> {
        let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
        let entries = lines.map(|line| {
            let (place, limit) = line.rsplit_once(' ').with_context(|| format!("{FILE}: `{line}` has no limit"))?;
            let limit = limit.parse().with_context(|| format!("{FILE}: `{limit}` is not a number"))?;
            Ok(Entry { place: place.trim().to_owned(), limit, used: false })
        });
        Ok(Self { entries: entries.collect::<Result<_>>()? })
    }

    #[cfg(test)]
    pub(super) fn none() -> Self {
        Self { entries: Vec::new() }
    }

    /// The limit for a place: the exception's when there is one and it is needed, else the ordinary one.
    pub(super) fn limit(&mut self, place: &str, size: usize, ordinary: usize) -> usize {
        let entry = self.entries.iter_mut().find(|entry| entry.place == place);
        match entry.filter(|_| size > ordinary) {
            Some(entry) => {
                entry.used = true;
                entry.limit
            }
            None => ordinary,
        }
    }

    pub(super) fn unused(&self) -> Vec<Finding> {
        let unused = self.entries.iter().filter(|entry| !entry.used);
        unused
            .map(|entry| Finding::new(FILE, 1, format!("`{}` is within the limits now: remove its line", entry.place)))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_exception_raises_the_limit_only_where_it_is_needed() {
        let mut exceptions = Exceptions::parse("# comment\nsrc/large.rs 700\nsrc/small.rs 700\n").unwrap();
        assert_eq!(exceptions.limit("src/large.rs", 650, 600), 700);
        assert_eq!(exceptions.limit("src/small.rs", 100, 600), 600);
        assert_eq!(exceptions.unused().len(), 1);
    }

    #[test]
    fn a_line_without_a_number_is_refused() {
        assert!(Exceptions::parse("src/large.rs many").is_err());
    }
}
