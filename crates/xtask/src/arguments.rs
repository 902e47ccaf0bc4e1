//! What stands after the task's name on the command line.

use anyhow::{Result, bail};

/// The words after the task's name; each task takes what it knows and then calls [`Arguments::finish`].
pub(crate) struct Arguments {
    words: Vec<String>,
}

impl Arguments {
    pub(crate) fn new(words: Vec<String>) -> Self {
        Self { words }
    }

    /// Takes a flag without a value; true when it was given.
    pub(crate) fn flag(&mut self, name: &str) -> bool {
        let before = self.words.len();
        self.words.retain(|word| word != name);
        self.words.len() < before
    }

    /// Takes `--name value` or `--name=value`.
    ///
    /// # Errors
    /// When the flag stands last, without a value.
    pub(crate) fn value(&mut self, name: &str) -> Result<Option<String>> {
        let with_equals = format!("{name}=");
        let Some(at) = self.words.iter().position(|word| word == name || word.starts_with(&with_equals)) else {
            return Ok(None);
        };
        let word = self.words.remove(at);
        if let Some(value) = word.strip_prefix(&with_equals) {
            return Ok(Some(value.to_owned()));
        }
        if at < self.words.len() {
            return Ok(Some(self.words.remove(at)));
        }
        bail!("{name} needs a value")
    }

    /// Takes a comma-separated list; empty when the flag was not given.
    ///
    /// # Errors
    /// When the flag stands last, without a value.
    pub(crate) fn list(&mut self, name: &str) -> Result<Vec<String>> {
        let value = self.value(name)?.unwrap_or_default();
        Ok(value.split(',').map(str::trim).filter(|item| !item.is_empty()).map(str::to_owned).collect())
    }

    /// Everything that is left, for a task that passes words on.
    pub(crate) fn rest(self) -> Vec<String> {
        self.words
    }

    /// Says that the task takes nothing else.
    ///
    /// # Errors
    /// When a word is left.
    pub(crate) fn finish(self) -> Result<()> {
        match self.words.first() {
            None => Ok(()),
            Some(word) => bail!("`{word}` means nothing here; `cargo xtask` alone lists the tasks and their flags"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arguments(line: &str) -> Arguments {
        Arguments::new(line.split_whitespace().map(str::to_owned).collect())
    }

    #[test]
    fn a_value_may_follow_a_space_or_an_equals_sign() {
        for line in ["--only fmt,tidy", "--only=fmt,tidy"] {
            let mut given = arguments(line);
            assert_eq!(given.list("--only").unwrap(), ["fmt", "tidy"]);
            given.finish().unwrap();
        }
    }

    #[test]
    fn a_word_that_no_task_took_is_an_error() {
        let mut given = arguments("--check --chekc");
        assert!(given.flag("--check"));
        assert!(given.finish().unwrap_err().to_string().contains("--chekc"));
    }

    #[test]
    fn a_flag_that_misses_its_value_is_an_error() {
        assert!(arguments("--only").value("--only").is_err());
    }
}
