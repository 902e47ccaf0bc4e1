//! `$include`: a configuration in several files (cli.md §3.1).

use std::{
    io::Read,
    path::{Component, Path, PathBuf},
};

use serde_json::{Map, Value};

use crate::{
    issue::{Issue, SourceLocation},
    json5::{self, Document, Kind, Location, Member, Node},
    key_path::{KeyPath, is_forbidden},
    platform,
};

/// The key that names files.
pub(crate) const INCLUDE_KEY: &str = "$include";

/// Files may include files this deep.
pub(crate) const MAX_DEPTH: usize = 10;

/// An included file may be this large.
pub(crate) const MAX_BYTES: u64 = 2 << 20;

/// A file that took part, kept to tell where a key stands.
#[derive(Debug, Clone)]
pub(crate) struct Source {
    pub(crate) file: PathBuf,
    pub(crate) text: String,
    /// Where in the configuration its root is.
    pub(crate) mount: KeyPath,
    pub(crate) document: Document,
}

/// The outcome: the merged value, the files, and what could not be included.
#[derive(Debug)]
pub(crate) struct Included {
    pub(crate) value: Value,
    /// The root file first, then the others as they were read.
    pub(crate) sources: Vec<Source>,
    pub(crate) issues: Vec<Issue>,
}

/// Replaces every `$include` below the root document.
pub(crate) fn resolve(file: &Path, text: String, document: Document) -> Included {
    let root_dir = file.parent().unwrap_or_else(|| Path::new(".")).to_owned();
    let canonical_dir = root_dir.canonicalize().unwrap_or_else(|_| root_dir.clone());
    let mut resolver = Resolver { root_dir, canonical_dir, sources: Vec::new(), issues: Vec::new() };
    let mut stack = vec![file.to_owned()];
    let source = Source { file: file.to_owned(), text, mount: KeyPath::root(), document };
    resolver.report_duplicates(&source);
    let value = resolver.expand(&source.document.root, &source, &KeyPath::root(), &mut stack);
    let mut sources = vec![source];
    sources.append(&mut resolver.sources);
    Included { value, sources, issues: resolver.issues }
}

/// Finds where a key stands: in the file that knows most of its path, of several in the first.
pub(crate) fn locate(sources: &[Source], path: &KeyPath) -> Option<SourceLocation> {
    let mut best: Option<(usize, &Source, usize)> = None;
    for source in sources {
        let Some(below) = path.strip_prefix(&source.mount) else { continue };
        let (span, steps) = source.document.root.locate(below);
        let known = source.mount.segments().len() + steps;
        if best.is_none_or(|(most, ..)| known > most) {
            best = Some((known, source, span.start));
        }
    }
    let (_, source, offset) = best?;
    let Location { line, column } = Location::of(&source.text, offset);
    Some(SourceLocation { file: source.file.clone(), line, column })
}

/// Merges as the original does: objects by key, arrays one after the other, otherwise the later wins.
pub(crate) fn deep_merge(base: Value, over: Value) -> Value {
    match (base, over) {
        (Value::Object(mut base), Value::Object(over)) => {
            for (key, value) in over {
                if is_forbidden(&key) {
                    continue;
                }
                let merged = match base.get_mut(&key).map(Value::take) {
                    Some(below) => deep_merge(below, value),
                    None => value,
                };
                base.insert(key, merged);
            }
            Value::Object(base)
        }
        (Value::Array(mut base), Value::Array(over)) => {
            base.extend(over);
            Value::Array(base)
        }
        (_, over) => over,
    }
}

struct Resolver {
    root_dir: PathBuf,
    canonical_dir: PathBuf,
    sources: Vec<Source>,
    issues: Vec<Issue>,
}

impl Resolver {
    fn expand(&mut self, node: &Node, source: &Source, path: &KeyPath, stack: &mut Vec<PathBuf>) -> Value {
        match &node.kind {
            Kind::Object(members) => {
                let mut own = Map::with_capacity(members.len());
                for member in members.iter().filter(|member| member.key != INCLUDE_KEY) {
                    let value = self.expand(&member.value, source, &path.key(&member.key), stack);
                    own.insert(member.key.clone(), value);
                }
                match node.member(INCLUDE_KEY) {
                    Some(include) => {
                        let base = self.include(include, source, path, stack);
                        if own.is_empty() { base } else { deep_merge(base, Value::Object(own)) }
                    }
                    None => Value::Object(own),
                }
            }
            Kind::Array(items) => Value::Array(
                items
                    .iter()
                    .enumerate()
                    .map(|(index, item)| self.expand(item, source, &path.index(index), stack))
                    .collect(),
            ),
            _ => node.to_value(),
        }
    }

    /// What a `$include` stands for; an empty object, and an issue, where that cannot be had.
    fn include(&mut self, include: &Member, source: &Source, path: &KeyPath, stack: &mut Vec<PathBuf>) -> Value {
        let names: Option<Vec<(&str, &Node)>> = match &include.value.kind {
            Kind::String(name) => Some(vec![(name, &include.value)]),
            Kind::Array(items) => items
                .iter()
                .map(|item| match &item.kind {
                    Kind::String(name) => Some((name.as_str(), item)),
                    _ => None,
                })
                .collect(),
            _ => None,
        };
        let Some(names) = names else {
            self.report(source, include.value.span.start, path, "$include must be a file name or a list of file names");
            return Value::Object(Map::new());
        };
        let mut merged = Value::Object(Map::new());
        for (name, node) in names {
            match self.file(name, source, path, stack) {
                Ok(value) if value.is_object() => merged = deep_merge(merged, value),
                Ok(value) if merged.as_object().is_some_and(Map::is_empty) => merged = value,
                Ok(_) => self.report(source, node.span.start, path, &format!("Include file holds no object: {name}")),
                Err(problem) => self.report(source, node.span.start, path, &problem),
            }
        }
        merged
    }

    fn file(&mut self, name: &str, source: &Source, path: &KeyPath, stack: &mut Vec<PathBuf>) -> Result<Value, String> {
        let file = self.check_place(name, source)?;
        if let Some(at) = stack.iter().position(|open| *open == file) {
            let circle: Vec<String> =
                stack.iter().skip(at).chain([&file]).map(|open| open.display().to_string()).collect();
            return Err(format!("Circular include detected: {}", circle.join(" -> ")));
        }
        if stack.len() > MAX_DEPTH {
            return Err(format!("Maximum include depth ({MAX_DEPTH}) exceeded at: {name}"));
        }
        let text = read(&file, name)?;
        let document = json5::parse(&text).map_err(|error| {
            format!(
                "Include file {}:{}:{} is not valid JSON5: {}",
                file.display(),
                error.line,
                error.column,
                error.problem
            )
        })?;
        let included = Source { file: file.clone(), text, mount: path.clone(), document };
        self.report_duplicates(&included);
        stack.push(file);
        let value = self.expand(&included.document.root, &included, path, stack);
        stack.pop();
        self.sources.push(included);
        Ok(value)
    }

    /// The path of an included file, which has to stay below the folder of the root file whatever links there are.
    fn check_place(&self, name: &str, source: &Source) -> Result<PathBuf, String> {
        if name.trim().is_empty() || name.contains('\0') {
            return Err("Include path is empty".to_owned());
        }
        let beside = source.file.parent().unwrap_or(&self.root_dir);
        let file = normalize(&beside.join(name));
        if !file.starts_with(normalize(&self.root_dir)) {
            return Err(format!("Include path escapes config directory: {name}"));
        }
        match file.canonicalize() {
            Ok(real) if !real.starts_with(&self.canonical_dir) => {
                Err(format!("Include path resolves outside config directory (symlink): {name}"))
            }
            _ => Ok(file),
        }
    }

    fn report(&mut self, source: &Source, offset: usize, path: &KeyPath, problem: &str) {
        let Location { line, column } = Location::of(&source.text, offset);
        let location = Some(SourceLocation { file: source.file.clone(), line, column });
        self.issues.push(Issue { location, ..Issue::at(&path.key(INCLUDE_KEY), problem) });
    }

    fn report_duplicates(&mut self, source: &Source) {
        for duplicate in &source.document.duplicates {
            let path = source.mount.join(&duplicate.path);
            let first = Location::of(&source.text, duplicate.first.start);
            let Location { line, column } = Location::of(&source.text, duplicate.span.start);
            let location = Some(SourceLocation { file: source.file.clone(), line, column });
            let message = format!("Duplicate key: it already stands at line {}, column {}", first.line, first.column);
            self.issues.push(Issue { location, ..Issue::at(&path, message) });
        }
    }
}

fn read(file: &Path, name: &str) -> Result<String, String> {
    let failed = |error: std::io::Error| format!("Cannot read include file {name}: {}", error.kind());
    let opened = std::fs::File::open(file).map_err(failed)?;
    let metadata = opened.metadata().map_err(failed)?;
    if !metadata.is_file() {
        return Err(format!("Include file is no regular file: {name}"));
    }
    if platform::link_count(&metadata) > 1 {
        return Err(format!("Include file is hard-linked, so it may be somebody else's: {name}"));
    }
    let mut bytes = Vec::new();
    opened.take(MAX_BYTES + 1).read_to_end(&mut bytes).map_err(failed)?;
    if u64::try_from(bytes.len()).unwrap_or(u64::MAX) > MAX_BYTES {
        return Err(format!("Include file is larger than {MAX_BYTES} bytes: {name}"));
    }
    String::from_utf8(bytes).map_err(|error| format!("Include file is not UTF-8 text: {name}: {}", error.utf8_error()))
}

/// Takes `.` and `..` out of a path without asking the file system.
fn normalize(path: &Path) -> PathBuf {
    let mut normal = PathBuf::new();
    for component in path.components() {
        match component {
            Component::CurDir => {}
            Component::ParentDir => {
                normal.pop();
            }
            other => normal.push(other),
        }
    }
    normal
}
