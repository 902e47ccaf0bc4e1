//! Just enough understanding of Rust source text for `tidy` and the lists that are generated from tests: what is code
//! and what is text, where a function ends, what a test is called.

use std::ops::Range;

/// One Rust file, as text and as code.
pub(crate) struct Source {
    /// The code with every comment, string and character literal blanked out; line breaks stay where they are.
    code: Vec<u8>,
    test_modules: Vec<Range<usize>>,
}

/// A function or struct in a file.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Item {
    pub(crate) name: String,
    /// Counted from 1.
    pub(crate) line: usize,
    /// Lines of a function, fields of a struct.
    pub(crate) size: usize,
}

impl Source {
    pub(crate) fn new(text: &str) -> Self {
        let code = blank(text.as_bytes());
        let mut source = Self { code, test_modules: Vec::new() };
        source.test_modules = source.find_test_modules();
        source
    }

    /// Lines that are not inside a `#[cfg(test)] mod … { }`.
    pub(crate) fn lines_without_tests(&self) -> usize {
        self.count_lines(0..self.code.len()) - self.test_lines()
    }

    /// Lines inside `#[cfg(test)] mod … { }`.
    pub(crate) fn test_lines(&self) -> usize {
        self.test_modules.iter().map(|module| self.count_lines(module.clone())).sum()
    }

    /// Functions with a body outside test modules, with the number of lines from `fn` to the closing brace.
    pub(crate) fn functions(&self) -> Vec<Item> {
        let mut found = Vec::new();
        for (at, name) in self.named("fn") {
            if self.in_tests(at) {
                continue;
            }
            if let Some(body) = self.body(at) {
                found.push(Item { name, line: self.line(at), size: self.count_lines(at..body.end) });
            }
        }
        found
    }

    /// Structs with named fields, with the number of their fields.
    pub(crate) fn structs(&self) -> Vec<Item> {
        let mut found = Vec::new();
        for (at, name) in self.named("struct") {
            if let Some(body) = self.body(at) {
                found.push(Item { name, line: self.line(at), size: self.fields(body) });
            }
        }
        found
    }

    /// Every `#[test]` or `#[tokio::test…]` function.
    pub(crate) fn tests(&self) -> Vec<Item> {
        let mut found = Vec::new();
        for (at, name) in self.named("fn") {
            let line = self.line(at);
            if self.attributes_before(at).iter().any(|attribute| is_test(attribute)) {
                found.push(Item { name, line, size: 0 });
            }
        }
        found
    }

    /// Positions and names of all `keyword name` in the code.
    fn named(&self, keyword: &str) -> Vec<(usize, String)> {
        let mut found = Vec::new();
        let mut at = 0;
        while let Some((start, end)) = self.next_word(at) {
            at = end;
            if self.code.get(start..end) != Some(keyword.as_bytes()) {
                continue;
            }
            // `fn(u8)` is a type and has no name.
            let between =
                |name: usize| self.code.get(end..name).is_some_and(|gap| gap.iter().all(u8::is_ascii_whitespace));
            if let Some((name, name_end)) = self.next_word(end).filter(|(name, _)| between(*name)) {
                found.push((
                    start,
                    String::from_utf8_lossy(self.code.get(name..name_end).unwrap_or_default()).into_owned(),
                ));
            }
        }
        found
    }

    fn next_word(&self, from: usize) -> Option<(usize, usize)> {
        let rest = self.code.get(from..)?;
        let start = from + rest.iter().position(|byte| is_word(*byte))?;
        let word = self.code.get(start..)?;
        let length = word.iter().position(|byte| !is_word(*byte)).unwrap_or(word.len());
        Some((start, start + length))
    }

    /// The braces that belong to the item at `from`; none when a semicolon comes first.
    fn body(&self, from: usize) -> Option<Range<usize>> {
        let mut round = 0_i32;
        for (offset, byte) in self.code.get(from..)?.iter().enumerate() {
            match byte {
                b'(' | b'[' => round += 1,
                b')' | b']' => round -= 1,
                b';' if round == 0 => return None,
                b'{' if round == 0 => return self.braces(from + offset),
                _ => {}
            }
        }
        None
    }

    /// The range from an opening brace to behind its closing one.
    fn braces(&self, open: usize) -> Option<Range<usize>> {
        let mut depth = 0_usize;
        for (offset, byte) in self.code.get(open..)?.iter().enumerate() {
            match byte {
                b'{' => depth += 1,
                b'}' => depth = depth.checked_sub(1)?,
                _ => continue,
            }
            if depth == 0 {
                return Some(open..open + offset + 1);
            }
        }
        None
    }

    /// Single colons directly inside the braces: one per field.
    fn fields(&self, body: Range<usize>) -> usize {
        let inside = self.code.get(body).unwrap_or_default();
        let (mut braces, mut round, mut fields) = (0_i32, 0_i32, 0_usize);
        let mut previous = b' ';
        for (at, byte) in inside.iter().enumerate() {
            match byte {
                b'{' => braces += 1,
                b'}' => braces -= 1,
                b'(' | b'[' => round += 1,
                b')' | b']' => round -= 1,
                b':' if braces == 1 && round == 0 && previous != b':' && inside.get(at + 1) != Some(&b':') => {
                    fields += 1;
                }
                _ => {}
            }
            previous = *byte;
        }
        fields
    }

    /// The attributes that stand before the item at `at`, nearest first.
    fn attributes_before(&self, at: usize) -> Vec<String> {
        let mut found = Vec::new();
        let before = self.code.get(..at).unwrap_or_default();
        // `pub async fn`: step back over the words between the last attribute and the keyword.
        let mut end =
            before.iter().rposition(|byte| !is_word(*byte) && !b" ()\n\r\t".contains(byte)).map_or(0, |at| at + 1);
        while before.get(..end).is_some_and(|text| text.last() == Some(&b']')) {
            let Some(start) = opening_bracket(before, end) else { break };
            let text = before.get(start..end).unwrap_or_default();
            found.push(String::from_utf8_lossy(text).split_whitespace().collect::<String>());
            let above = before.get(..start).unwrap_or_default();
            end = above.iter().rposition(|byte| !b"# \n\r\t".contains(byte)).map_or(0, |at| at + 1);
        }
        found
    }

    fn find_test_modules(&self) -> Vec<Range<usize>> {
        let mut found: Vec<Range<usize>> = Vec::new();
        for (at, _) in self.named("mod") {
            let for_tests = self.attributes_before(at).iter().any(|attribute| attribute == "[cfg(test)]");
            if let (true, Some(body)) = (for_tests, self.body(at)) {
                found.push(at..body.end);
            }
        }
        found
    }

    fn in_tests(&self, at: usize) -> bool {
        self.test_modules.iter().any(|module| module.contains(&at))
    }

    fn line(&self, at: usize) -> usize {
        breaks(self.code.get(..at).unwrap_or_default()) + 1
    }

    fn count_lines(&self, range: Range<usize>) -> usize {
        let text = self.code.get(range).unwrap_or_default();
        breaks(text) + usize::from(!text.is_empty() && text.last() != Some(&b'\n'))
    }
}

fn breaks(text: &[u8]) -> usize {
    text.split(|byte| *byte == b'\n').count() - 1
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte >= 0x80
}

fn is_test(attribute: &str) -> bool {
    attribute == "[test]" || attribute == "[tokio::test]" || attribute.starts_with("[tokio::test(")
}

/// The `[` that matches the `]` just before `end`.
fn opening_bracket(code: &[u8], end: usize) -> Option<usize> {
    let mut depth = 0_usize;
    for at in (0..end).rev() {
        match code.get(at)? {
            b']' => depth += 1,
            b'[' => depth -= 1,
            _ => continue,
        }
        if depth == 0 {
            return Some(at);
        }
    }
    None
}

/// Replaces comments, strings and character literals with spaces.
fn blank(text: &[u8]) -> Vec<u8> {
    let mut code = Vec::with_capacity(text.len());
    let mut at = 0;
    while let Some(rest) = text.get(at..).filter(|rest| !rest.is_empty()) {
        let after_word = code.last().is_some_and(|byte: &u8| is_word(*byte));
        let length = skipped(rest, after_word);
        if length == 0 {
            code.extend(rest.first());
            at += 1;
        } else {
            let hidden = rest.get(..length).unwrap_or(rest);
            code.extend(hidden.iter().map(|byte| if *byte == b'\n' { b'\n' } else { b' ' }));
            at += hidden.len();
        }
    }
    code
}

/// How many bytes at the start of `rest` are a comment or literal; 0 when it starts with code.
fn skipped(rest: &[u8], after_word: bool) -> usize {
    let until = |needle: &[u8], from: usize| find(rest, needle, from).map_or(rest.len(), |at| at + needle.len());
    match rest {
        [b'/', b'/', ..] => find(rest, b"\n", 0).unwrap_or(rest.len()),
        [b'/', b'*', ..] => block_comment(rest),
        [b'"', ..] => quoted(rest, 1, b'"'),
        [b'b' | b'c', b'"', ..] if !after_word => quoted(rest, 2, b'"'),
        [b'r', b'"' | b'#', ..] | [b'b' | b'c', b'r', b'"' | b'#', ..] if !after_word => {
            let start = rest.iter().position(|byte| *byte == b'r').map_or(0, |at| at + 1);
            let hashes = rest.get(start..).unwrap_or_default().iter().take_while(|byte| **byte == b'#').count();
            if rest.get(start + hashes) != Some(&b'"') {
                return 0;
            }
            let mut end = vec![b'"'];
            end.resize(hashes + 1, b'#');
            until(&end, start + hashes + 1)
        }
        [b'\'', b'\\', ..] => quoted(rest, 1, b'\''),
        // A lifetime has no closing quote right behind one character.
        [b'\'', first, ..] => {
            let width = match first {
                0xF0.. => 4,
                0xE0.. => 3,
                0xC0.. => 2,
                _ => 1,
            };
            if rest.get(1 + width) == Some(&b'\'') { width + 2 } else { 0 }
        }
        _ => 0,
    }
}

fn block_comment(rest: &[u8]) -> usize {
    let (mut depth, mut at) = (0_usize, 0);
    while let Some(pair) = rest.get(at..at + 2) {
        match pair {
            b"/*" => depth += 1,
            b"*/" => depth -= 1,
            _ => {
                at += 1;
                continue;
            }
        }
        at += 2;
        if depth == 0 {
            return at;
        }
    }
    rest.len()
}

fn quoted(rest: &[u8], from: usize, quote: u8) -> usize {
    let mut at = from;
    while let Some(byte) = rest.get(at) {
        match byte {
            b'\\' => at += 2,
            byte if *byte == quote => return at + 1,
            _ => at += 1,
        }
    }
    rest.len()
}

fn find(text: &[u8], needle: &[u8], from: usize) -> Option<usize> {
    let rest = text.get(from..)?;
    rest.windows(needle.len()).position(|window| window == needle).map(|at| from + at)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(items: &[Item]) -> Vec<(&str, usize)> {
        items.iter().map(|item| (item.name.as_str(), item.size)).collect()
    }

    #[test]
    fn braces_in_text_and_comments_do_not_end_a_function() {
        let source = Source::new(
            "fn a() {\n  let x = \"}\"; // }\n  let y = r#\"\"}\"#; /* } /* } */ */\n  let z = '}';\n}\nfn b<'a>(x: &'a str) {}\n",
        );
        assert_eq!(names(&source.functions()), [("a", 5), ("b", 1)]);
    }

    #[test]
    fn a_function_type_or_a_declaration_without_body_is_no_function() {
        let source = Source::new("type F = fn(u8) -> u8;\ntrait T { fn declared(&self); fn given(&self) { } }\n");
        assert_eq!(names(&source.functions()), [("given", 1)]);
    }

    #[test]
    fn fields_are_counted_by_their_colons() {
        let source = Source::new(
            "pub struct S<T: Clone> {\n #[x(a = \"b: c\")]\n pub a: std::vec::Vec<T>,\n b: Box<dyn Fn(x: u8)>,\n}\nstruct U;\nstruct P(u8);\n",
        );
        assert_eq!(names(&source.structs()), [("S", 2)]);
    }

    #[test]
    fn lines_of_test_modules_are_counted_apart() {
        let source = Source::new("fn a() {}\n\n#[cfg(test)]\nmod tests {\n  #[test]\n  fn it_is_so() {}\n}\n");
        assert_eq!(source.test_lines(), 4);
        assert_eq!(source.lines_without_tests(), 3);
        assert_eq!(names(&source.functions()), [("a", 1)]);
    }

    #[test]
    fn tests_are_found_whatever_attributes_they_carry() {
        let source = Source::new(
            "#[test]\nfn one() {}\n#[tokio::test(start_paused = true)]\n#[cfg(unix)]\npub async fn two() {}\n#[cfg(test)]\nfn three() {}\n",
        );
        assert_eq!(names(&source.tests()), [("one", 0), ("two", 0)]);
    }
}
