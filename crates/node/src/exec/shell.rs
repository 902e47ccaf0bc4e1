//! A conservative reader of shell commands (SEC-101).
//!
//! It understands simple commands joined by `&&`, `||`, `;` and `|`, and nothing else. What it accepts is certain: the
//! programs that will run are exactly the ones it names. Everything that a shell could expand, redirect, define or
//! substitute makes it refuse the whole text.

/// A text that was understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Script {
    /// At least one.
    pub commands: Vec<Simple>,
    joints: Vec<Joint>,
}

/// A program and its arguments.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Simple {
    /// The program as it was written, without quotes; never empty.
    pub program: String,
    pub arguments: Vec<Word>,
}

/// An argument.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Word {
    /// Without quotes.
    pub value: String,
    /// As it was written.
    source: String,
    /// The program receives exactly `value`: no file name pattern and no `~` in it.
    pub is_literal: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Joint {
    And,
    Or,
    Then,
    Pipe,
}

impl Joint {
    const fn text(self) -> &'static str {
        match self {
            Self::And => " && ",
            Self::Or => " || ",
            Self::Then => "; ",
            Self::Pipe => " | ",
        }
    }
}

/// Why a text was not understood.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ShellError {
    #[error("a quote is not closed")]
    UnclosedQuote,
    #[error("a command is missing")]
    MissingCommand,
    #[error("it contains {0:?}")]
    Character(char),
    #[error("it contains a reserved word")]
    ReservedWord,
    #[error("it begins with an assignment")]
    Assignment,
}

/// Words that a shell does not look up as programs. Quoted ones are refused too, which costs nothing.
const RESERVED: [&str; 20] = [
    "!", "[[", "]]", "case", "coproc", "do", "done", "elif", "else", "esac", "fi", "for", "function", "if", "in",
    "select", "then", "time", "until", "while",
];

impl Script {
    /// Reads a text.
    ///
    /// # Errors
    /// [`ShellError`] for everything that is not certain. Never panics, whatever the text.
    pub fn parse(text: &str) -> Result<Self, ShellError> {
        let mut reader = Reader { rest: text.chars().peekable() };
        let mut script = Self { commands: Vec::new(), joints: Vec::new() };
        let mut words = Vec::new();
        loop {
            reader.skip_blanks();
            match reader.joint()? {
                Some(joint) => {
                    script.commands.push(Simple::of(std::mem::take(&mut words))?);
                    script.joints.push(joint);
                }
                None if reader.rest.peek().is_none() => break,
                None => words.push(reader.word(words.is_empty())?),
            }
        }
        match (words.is_empty(), script.joints.last()) {
            // A semicolon may also end the text.
            (true, Some(Joint::Then)) => drop(script.joints.pop()),
            _ => script.commands.push(Simple::of(words)?),
        }
        Ok(script)
    }

    /// The text with each program replaced by the path that was found for it, quoted: nothing that a shell has
    /// defined under a name can come in between. `None` unless there is one path for each command.
    pub fn with_programs(&self, paths: &[String]) -> Option<String> {
        if paths.len() != self.commands.len() {
            return None;
        }
        let mut text = String::new();
        let joints = self.joints.iter().map(Some).chain([None]);
        for ((command, path), joint) in self.commands.iter().zip(paths).zip(joints) {
            text.push_str(&quote(path));
            for word in &command.arguments {
                text.push(' ');
                text.push_str(&word.source);
            }
            text.push_str(joint.map_or("", |joint| joint.text()));
        }
        Some(text)
    }
}

/// A text in single quotes, so that a POSIX shell takes it as it stands.
pub fn quote(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

impl Simple {
    fn of(words: Vec<Word>) -> Result<Self, ShellError> {
        let mut words = words.into_iter();
        let program = words.next().ok_or(ShellError::MissingCommand)?;
        if RESERVED.contains(&program.value.as_str()) {
            return Err(ShellError::ReservedWord);
        }
        if program.value.is_empty() {
            return Err(ShellError::MissingCommand);
        }
        Ok(Self { program: program.value, arguments: words.collect() })
    }
}

struct Reader<'a> {
    rest: std::iter::Peekable<std::str::Chars<'a>>,
}

impl Reader<'_> {
    fn skip_blanks(&mut self) {
        while self.rest.next_if(|c| matches!(c, ' ' | '\t')).is_some() {}
    }

    /// An operator, if one stands here. A single `&` runs in the background and `|&` redirects: refused.
    fn joint(&mut self) -> Result<Option<Joint>, ShellError> {
        let joint = match self.rest.peek() {
            Some(';') => Joint::Then,
            Some('&') => Joint::And,
            Some('|') => Joint::Pipe,
            _ => return Ok(None),
        };
        self.rest.next();
        let next = self.rest.peek().copied();
        match (joint, next) {
            (Joint::Then, Some(';')) => Err(ShellError::Character(';')),
            (Joint::And, Some('&')) => {
                self.rest.next();
                Ok(Some(Joint::And))
            }
            (Joint::And, _) | (Joint::Pipe, Some('&')) => Err(ShellError::Character('&')),
            (Joint::Pipe, Some('|')) => {
                self.rest.next();
                Ok(Some(Joint::Or))
            }
            _ => Ok(Some(joint)),
        }
    }

    fn word(&mut self, is_program: bool) -> Result<Word, ShellError> {
        let mut word = Word { value: String::new(), source: String::new(), is_literal: true };
        while let Some(&c) = self.rest.peek() {
            if matches!(c, ' ' | '\t' | ';' | '&' | '|') {
                break;
            }
            self.rest.next();
            let at_start = word.source.is_empty();
            word.source.push(c);
            match c {
                '\'' => self.single_quoted(&mut word)?,
                '"' => self.double_quoted(&mut word)?,
                '\\' => {
                    let escaped =
                        self.rest.next().filter(|c| matches!(c, ' '..='~')).ok_or(ShellError::Character('\\'))?;
                    word.source.push(escaped);
                    word.value.push(escaped);
                }
                '*' | '?' | '[' | ']' if !is_program => {
                    word.is_literal = false;
                    word.value.push(c);
                }
                '~' if at_start && !is_program => {
                    word.is_literal = false;
                    word.value.push(c);
                }
                '=' if is_program => return Err(ShellError::Assignment),
                _ if is_refused(c, at_start, is_program) => return Err(ShellError::Character(c)),
                c => word.value.push(c),
            }
        }
        Ok(word)
    }

    fn single_quoted(&mut self, word: &mut Word) -> Result<(), ShellError> {
        loop {
            let c = self.rest.next().ok_or(ShellError::UnclosedQuote)?;
            word.source.push(c);
            match c {
                '\'' => return Ok(()),
                '\0' | '\n' | '\r' => return Err(ShellError::Character(c)),
                c => word.value.push(c),
            }
        }
    }

    fn double_quoted(&mut self, word: &mut Word) -> Result<(), ShellError> {
        loop {
            let c = self.rest.next().ok_or(ShellError::UnclosedQuote)?;
            word.source.push(c);
            match c {
                '"' => return Ok(()),
                '$' | '`' | '!' | '\0' | '\n' | '\r' => return Err(ShellError::Character(c)),
                // Only a quote or a backslash may follow: shells disagree about the rest.
                '\\' => {
                    let escaped =
                        self.rest.next().filter(|c| matches!(c, '"' | '\\')).ok_or(ShellError::Character('\\'))?;
                    word.source.push(escaped);
                    word.value.push(escaped);
                }
                c => word.value.push(c),
            }
        }
    }
}

/// Characters that mean more than themselves outside quotes, and blanks that only look like blanks.
fn is_refused(c: char, at_start: bool, is_program: bool) -> bool {
    match c {
        '<' | '>' | '(' | ')' | '{' | '}' | '$' | '`' | '!' | '^' => true,
        // A comment; in zsh `=name` is looked up as a program.
        '#' | '=' => at_start,
        '*' | '?' | '[' | ']' | '~' => is_program,
        c => c.is_control() || (c.is_whitespace() && !c.is_ascii()),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn programs(text: &str) -> Vec<String> {
        Script::parse(text).unwrap().commands.into_iter().map(|command| command.program).collect()
    }

    fn words(text: &str) -> Vec<String> {
        let mut script = Script::parse(text).unwrap();
        let command = script.commands.pop().unwrap();
        [command.program].into_iter().chain(command.arguments.into_iter().map(|word| word.value)).collect()
    }

    #[test]
    fn sec_101_simple_commands_and_their_joints_are_understood() {
        assert_eq!(programs("ls"), ["ls"]);
        assert_eq!(programs("  ls -l  /tmp ; "), ["ls"]);
        assert_eq!(programs("a && b || c; d | e"), ["a", "b", "c", "d", "e"]);
        assert_eq!(programs("a&&b||c;d|e"), ["a", "b", "c", "d", "e"]);
        assert_eq!(words("git commit -m 'a $b `c` > d'"), ["git", "commit", "-m", "a $b `c` > d"]);
        assert_eq!(words(r#"echo "a \"b\" \\ ;|&" c\ d e"f"'g'"#), ["echo", r#"a "b" \ ;|&"#, "c d", "efg"]);
        assert_eq!(words("echo ''"), ["echo", ""]);
        assert_eq!(words("grep a#b x=y"), ["grep", "a#b", "x=y"]);
        assert_eq!(words("'l's"), ["ls"]);
    }

    #[test]
    fn sec_101_words_that_the_shell_would_expand_are_marked() {
        let literal = |text| Script::parse(text).unwrap().commands[0].arguments.iter().all(|word| word.is_literal);
        assert!(literal("ls a 'b*' \"~\" a~b"));
        assert!(!literal("ls *.rs"));
        assert!(!literal("ls a?"));
        assert!(!literal("ls ~/x"));
    }

    const REFUSED: &[&str] = &[
        "",
        " ",
        ";",
        "a;;b",
        "a &",
        "a & b",
        "a |& b",
        "| a",
        "a |",
        "a | | b",
        "a &&",
        "&& a",
        "a ||",
        "a; ; b",
        "a > f",
        "a >> f",
        "a < f",
        "a << E",
        "a <<< b",
        "a 2>&1",
        "a >(b)",
        "a <(b)",
        "a &> f",
        "(a)",
        "a; (b)",
        "{ a; }",
        "a {b,c}",
        "f() { a; }",
        "function f { a; }",
        "a $(b)",
        "a \"$(b)\"",
        "a `b`",
        "a \"`b`\"",
        "a $b",
        "a ${b}",
        "a \"$b\"",
        "a $'b'",
        "a $\"b\"",
        "a $((1))",
        "a\nb",
        "a\rb",
        "a 'b\nc'",
        "a \"b\nc\"",
        "a \\\nb",
        "a \"b\\\nc\"",
        "a\0",
        "a 'b\0'",
        "a 'b",
        "a \"b",
        "a \\",
        "A=b",
        "A=b c",
        "A+=b c",
        "'A'=b c",
        "a; B=c d",
        "# a",
        "a # b",
        "a ; # b",
        "! a",
        "[[ a ]]",
        "if a; then b; fi",
        "while a; do b; done",
        "for x in a; do b; done",
        "case a in b) c;; esac",
        "time a",
        "a; then b",
        "*",
        "l? x",
        "[ab] c",
        "~/bin/x",
        "~",
        "a\u{A0}b",
        "a\u{2003}b",
        "a\u{B}b",
        "a\u{C}b",
        "a\u{85}b",
        "a \u{1b}[0m",
        "a !b",
        "a \"!b\"",
        "''",
        "'' a",
        "\"\"",
        "a ^b^c",
        "=a",
        "a =b",
        "a \"\\n\"",
        "a \\\u{A0}b",
        "coproc a",
        "a }",
        "{",
        "select x in a",
        "a; fi",
    ];

    #[test]
    fn sec_101_whatever_is_not_certain_is_refused() {
        for text in REFUSED {
            assert!(Script::parse(text).is_err(), "{text:?} was accepted: {:?}", Script::parse(text));
        }
    }

    #[test]
    fn sec_101_programs_are_pinned_by_their_quoted_paths() {
        let script = Script::parse("a 'x y' *.rs && b|c;d").unwrap();
        let paths = ["/a", "/it's", "/c", "/d"].map(str::to_owned);
        assert_eq!(script.with_programs(&paths).unwrap(), r"'/a' 'x y' *.rs && '/it'\''s' | '/c'; '/d'");
        assert_eq!(script.with_programs(&paths[..3]), None);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]

        #[test]
        fn sec_101_no_text_makes_the_reader_panic(text in any::<String>()) {
            drop(Script::parse(&text));
        }

        #[test]
        fn sec_101_what_is_accepted_reads_the_same_after_pinning(text in r#"[ab '"\\|&;=*~$`(){}<>#!\n]{0,16}"#) {
            if let Ok(script) = Script::parse(&text) {
                let paths: Vec<String> = script.commands.iter().map(|command| command.program.clone()).collect();
                let pinned = script.with_programs(&paths).unwrap();
                prop_assert_eq!(Script::parse(&pinned), Ok(script), "{}", pinned);
            }
        }
    }

    /// What a real shell executes for an accepted text is what the reader says: the words arrive as they were read.
    #[cfg(unix)]
    #[test]
    fn sec_101_a_real_shell_agrees_about_the_words() {
        let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig::with_cases(150));
        let texts = proptest::string::string_regex(r#"p( [ab'"\\=~#,.:%@+-]{0,6}){0,3}"#).unwrap();
        let outcome = runner.run(&texts, |text| {
            let Ok(script) = Script::parse(&text) else { return Ok(()) };
            let [command] = &script.commands[..] else { return Ok(()) };
            if command.program != "p" || !command.arguments.iter().all(|word| word.is_literal) {
                return Ok(());
            }
            let program = format!("p() {{ for word; do printf '%s\\n' \"$word\"; done; }}; {text}");
            let output = std::process::Command::new("/bin/sh").args(["-c", &program]).output().unwrap();
            let expected: String = command.arguments.iter().flat_map(|word| [word.value.as_str(), "\n"]).collect();
            prop_assert_eq!(String::from_utf8(output.stdout).unwrap(), expected, "{}", text);
            Ok(())
        });
        outcome.unwrap();
    }
}
