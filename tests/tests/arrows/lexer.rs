//! Rust source as tokens: what lies in comments, strings and characters is out of the way.

/// One token and the line it is on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Token {
    pub(crate) text: String,
    pub(crate) line: usize,
}

impl Token {
    pub(crate) fn is(&self, text: &str) -> bool {
        self.text == text
    }

    pub(crate) fn is_ident(&self) -> bool {
        self.text.starts_with(|c: char| c.is_alphabetic() || c == '_')
    }
}

/// Identifiers, `::`, and single punctuation characters. A literal becomes the token `"`.
pub(crate) fn tokens(source: &str) -> Vec<Token> {
    let mut lexer = Lexer { rest: source, line: 1, tokens: Vec::new() };
    while lexer.step() {}
    lexer.tokens
}

struct Lexer<'a> {
    rest: &'a str,
    line: usize,
    tokens: Vec<Token>,
}

impl Lexer<'_> {
    /// Takes one token, or what is between tokens. Whether there was anything.
    fn step(&mut self) -> bool {
        let Some(first) = self.rest.chars().next() else { return false };
        if self.rest.starts_with("//") {
            self.take(self.rest.find('\n').unwrap_or(self.rest.len()));
        } else if self.rest.starts_with("/*") {
            self.take(block_comment(self.rest));
        } else if let Some(len) = string(self.rest) {
            self.push("\"", len);
        } else if first == '\'' {
            self.quote();
        } else if first.is_alphabetic() || first == '_' {
            self.ident();
        } else if first.is_ascii_digit() {
            // `1.5` becomes two, which nobody minds; `0..n` must not lose its dots.
            let len = self.rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(self.rest.len());
            self.push("\"", len);
        } else if self.rest.starts_with("::") {
            self.push("::", 2);
        } else if first.is_whitespace() {
            self.take(first.len_utf8());
        } else {
            self.push(&first.to_string(), first.len_utf8());
        }
        true
    }

    fn ident(&mut self) {
        let raw = if self.rest.starts_with("r#") { 2 } else { 0 };
        let word = &self.rest[raw..];
        let len = word.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(word.len());
        let text = word[..len].to_owned();
        self.push(&text, raw + len);
    }

    /// A character, or a lifetime.
    fn quote(&mut self) {
        let mut chars = self.rest.char_indices().skip(1);
        let second = chars.next().map(|(_, c)| c);
        let third = chars.next();
        match (second, third) {
            (Some('\\'), _) => {
                let end = self.rest[3.min(self.rest.len())..].find('\'').map_or(self.rest.len(), |at| at + 4);
                self.push("\"", end);
            }
            (Some(_), Some((at, '\''))) => self.push("\"", at + 1),
            _ => self.take(1),
        }
    }

    fn push(&mut self, text: &str, len: usize) {
        self.tokens.push(Token { text: text.to_owned(), line: self.line });
        self.take(len);
    }

    fn take(&mut self, len: usize) {
        let (taken, rest) = self.rest.split_at(len);
        self.line += taken.matches('\n').count();
        self.rest = rest;
    }
}

/// The length of a block comment, the ones inside it included.
fn block_comment(source: &str) -> usize {
    let mut depth = 0;
    let mut at = 0;
    while at < source.len() {
        if source[at..].starts_with("/*") {
            depth += 1;
            at += 2;
        } else if source[at..].starts_with("*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += source[at..].chars().next().map_or(1, char::len_utf8);
        }
    }
    source.len()
}

/// The length of a string of any kind: `"`, `b"`, `c"`, `r"`, `r#"`, `br##"`.
fn string(source: &str) -> Option<usize> {
    let prefix = source.find(|c: char| !"bcr".contains(c))?;
    let after = &source[prefix..];
    let raw = source[..prefix].contains('r');
    let begins = after.starts_with('"') || (raw && after.starts_with('#'));
    if prefix > 2 || !begins {
        return None;
    }
    if raw {
        let hashes = after.find(|c| c != '#')?;
        let body = after[hashes..].strip_prefix('"')?;
        let end = format!("\"{}", "#".repeat(hashes));
        return Some(body.find(&end).map_or(source.len(), |at| prefix + hashes + 1 + at + end.len()));
    }
    let mut escaped = false;
    for (at, c) in after.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return Some(prefix + at + 1),
            _ => {}
        }
    }
    Some(source.len())
}

#[test]
fn what_only_looks_like_code_is_left_out() {
    let source = r##"
        // use crate::a;
        /* use /* crate::b */; */
        let s = "use \" crate::c"; let r = r#"use "crate::d"#; let b = br"crate::e";
        let c = '"'; let q = '\''; let u = '\u{7f}'; fn f<'a>(x: &'a str) {}
    "##;
    let tokens = tokens(source);
    let words: Vec<&str> = tokens.iter().filter(|token| token.is_ident()).map(|t| &*t.text).collect();
    assert_eq!(
        words,
        [
            "let", "s", "let", "r", "let", "b", "let", "c", "let", "q", "let", "u", "fn", "f", "a", "x", "a",
            "str"
        ]
    );
    assert_eq!(tokens.last().map(|token| token.line), Some(5));
}
