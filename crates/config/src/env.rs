//! The environment as an argument: what the process has, over what `.env` files and the `env` section add.

use std::{collections::HashMap, fmt, path::PathBuf, sync::Arc};

type Lookup = dyn Fn(&str) -> Option<String> + Send + Sync;

/// Where variables are looked up. Cheap to clone. Tests build one with [`Env::from_pairs`].
///
/// Precedence (cli.md §1.3): the process environment, then each layer added by [`Env::with_layer`] in the order in
/// which they were added. A blank value counts as unset.
#[derive(Clone)]
pub struct Env {
    process: Arc<Lookup>,
    layers: Vec<Arc<HashMap<String, String>>>,
    os_home: Option<PathBuf>,
}

impl Env {
    /// The environment of this process, and the home folder that the system knows for its user.
    pub fn process() -> Self {
        Self { process: Arc::new(|name| std::env::var(name).ok()), layers: Vec::new(), os_home: std::env::home_dir() }
    }

    /// Exactly these variables, and no home folder but what they say.
    pub fn from_pairs<K: Into<String>, V: Into<String>>(pairs: impl IntoIterator<Item = (K, V)>) -> Self {
        let map: HashMap<String, String> = pairs.into_iter().map(|(name, value)| (name.into(), value.into())).collect();
        Self { process: Arc::new(move |name| map.get(name).cloned()), layers: Vec::new(), os_home: None }
    }

    /// The same with one more place to look, after all others.
    #[must_use]
    pub fn with_layer(mut self, variables: HashMap<String, String>) -> Self {
        self.layers.push(Arc::new(variables));
        self
    }

    /// The value of a variable; `None` if it is unset or blank. Not trimmed.
    pub fn get(&self, name: &str) -> Option<String> {
        (self.process)(name).filter(|value| !value.trim().is_empty()).or_else(|| {
            self.layers.iter().filter_map(|layer| layer.get(name)).find(|value| !value.trim().is_empty()).cloned()
        })
    }

    /// The value without blanks around it.
    pub fn trimmed(&self, name: &str) -> Option<String> {
        self.get(name).map(|value| value.trim().to_owned())
    }

    /// True for `1`, `true`, `yes` and `on`.
    pub fn flag(&self, name: &str) -> bool {
        self.trimmed(name)
            .is_some_and(|value| matches!(value.to_ascii_lowercase().as_str(), "1" | "true" | "yes" | "on"))
    }

    /// The home folder that the system knows, apart from any variable.
    pub(crate) fn os_home(&self) -> Option<PathBuf> {
        self.os_home.clone()
    }
}

impl fmt::Debug for Env {
    /// Shows no value: variables hold secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Env({} layers)", self.layers.len())
    }
}

/// Reads the text of a `.env` file: `NAME=value` lines, `#` comments, an optional `export`, optional quotes.
///
/// Lines of another shape are passed over, as every reader of such files does. In double quotes `\n`, `\r`, `\t`,
/// `\"` and `\\` mean what they mean in a shell's `$'…'`; single quotes keep everything.
pub fn parse_dotenv(text: &str) -> HashMap<String, String> {
    text.trim_start_matches('\u{feff}').lines().filter_map(dotenv_line).collect()
}

fn dotenv_line(line: &str) -> Option<(String, String)> {
    let line = line.trim();
    let line = line.strip_prefix("export ").unwrap_or(line);
    let (name, value) = line.split_once('=')?;
    let name = name.trim();
    let valid = name.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '_');
    if name.is_empty() || !valid || name.starts_with(|first: char| first.is_ascii_digit()) {
        return None;
    }
    let value = value.trim();
    let value = if let Some(inner) = value.strip_prefix('\'') {
        inner.split('\'').next().unwrap_or_default().to_owned()
    } else if let Some(inner) = value.strip_prefix('"') {
        unescape(inner)
    } else {
        value.split(" #").next().unwrap_or_default().trim_end().to_owned()
    };
    Some((name.to_owned(), value))
}

/// The text up to the closing double quote.
fn unescape(inner: &str) -> String {
    let mut text = String::new();
    let mut letters = inner.chars();
    while let Some(letter) = letters.next() {
        match letter {
            '"' => break,
            '\\' => match letters.next() {
                Some('n') => text.push('\n'),
                Some('r') => text.push('\r'),
                Some('t') => text.push('\t'),
                Some(other) => text.push(other),
                None => text.push('\\'),
            },
            other => text.push(other),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_process_wins_over_layers_and_a_blank_value_is_unset() {
        let env = Env::from_pairs([("A", "1"), ("B", "  ")])
            .with_layer(HashMap::from([("A".into(), "2".into()), ("B".into(), "3".into())]))
            .with_layer(HashMap::from([("B".into(), "4".into()), ("C".into(), "5".into())]));
        assert_eq!(
            [env.get("A"), env.get("B"), env.get("C"), env.get("D")].map(Option::unwrap_or_default),
            ["1", "3", "5", ""]
        );
    }

    #[test]
    fn a_dotenv_file_is_read_as_shells_and_node_read_it() {
        let read =
            parse_dotenv("\u{feff}# c\nA=1\r\nexport B = two # c\nC='x # y'\nD=\"l1\\nl2\"\n9X=no\nno line\nE=\n");
        let mut pairs: Vec<_> = read.into_iter().collect();
        pairs.sort();
        let shown: Vec<String> = pairs.iter().map(|(name, value)| format!("{name}={value}")).collect();
        assert_eq!(shown, ["A=1", "B=two", "C=x # y", "D=l1\nl2", "E="]);
    }

    #[test]
    fn debug_output_shows_no_value() {
        let env = Env::from_pairs([("TOKEN", "hunter2")]).with_layer(HashMap::from([("X".into(), "hunter2".into())]));
        assert!(!format!("{env:?}").contains("hunter2"));
    }
}
