//! What one source file says about modules: its items, its imports and the paths it uses.

use std::collections::BTreeSet;

use super::lexer::{Token, tokens};

/// A path as it is written, `self`, `super` and `crate` included.
pub(crate) type Path = Vec<String>;

/// One leaf of a `use` declaration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Import {
    /// The name it has here, or `*`.
    pub(crate) name: String,
    /// What is imported; for `*`, the module whose names are taken.
    pub(crate) path: Path,
    /// Whether it is visible outside this module (`pub`, `pub(crate)`, …).
    pub(crate) reexport: bool,
    pub(crate) line: usize,
}

/// What one file holds. Inline modules belong to the file; those only built for tests are left out.
#[derive(Clone, Debug, Default)]
pub(crate) struct Source {
    pub(crate) items: BTreeSet<String>,
    pub(crate) imports: Vec<Import>,
    /// Paths of two names or more outside of `use`, and their lines.
    pub(crate) paths: Vec<(Path, usize)>,
    /// Modules in files of their own that are only built for tests.
    pub(crate) tests: BTreeSet<String>,
}

impl Source {
    pub(crate) fn parse(text: &str) -> Self {
        let mut parser =
            Parser { tokens: tokens(text), at: 0, inline: Vec::new(), depth: 0, found: Self::default() };
        parser.file();
        parser.found
    }
}

struct Parser {
    tokens: Vec<Token>,
    at: usize,
    /// The inline modules around, by name and the depth of braces outside them.
    inline: Vec<(String, usize)>,
    depth: usize,
    found: Source,
}

const ITEMS: &[&str] = &["fn", "struct", "enum", "trait", "type", "const", "static", "union"];

impl Parser {
    fn file(&mut self) {
        while let Some(token) = self.tokens.get(self.at) {
            match token.text.as_str() {
                "#" => self.attribute(),
                "{" => self.open(),
                "}" => self.close(),
                "use" => self.use_declaration(),
                "mod" => self.module(),
                "macro_rules" => self.item(2),
                word if ITEMS.contains(&word) => self.item(1),
                _ if token.is_ident() => self.path(),
                _ => self.at += 1,
            }
        }
    }

    fn is(&self, at: usize, text: &str) -> bool {
        self.tokens.get(at).is_some_and(|token| token.is(text))
    }

    fn ident(&self, at: usize) -> Option<String> {
        self.tokens.get(at).filter(|token| token.is_ident()).map(|token| token.text.clone())
    }

    fn open(&mut self) {
        self.depth += 1;
        self.at += 1;
    }

    fn close(&mut self) {
        self.depth = self.depth.saturating_sub(1);
        self.at += 1;
        self.inline.pop_if(|(_, outside)| *outside == self.depth);
    }

    /// Skips an attribute, and the item under it when that is only built for tests.
    fn attribute(&mut self) {
        let bang = usize::from(self.is(self.at + 1, "!"));
        let start = self.at + 1 + bang;
        if !self.is(start, "[") {
            self.at += 1;
            return;
        }
        let end = self.matching(start);
        let words: Vec<&str> = self.tokens[start..end].iter().map(|token| token.text.as_str()).collect();
        let test = words.contains(&"test") && !words.contains(&"not") && !words.contains(&"cfg_attr");
        self.at = end;
        if test && bang == 0 {
            let visibility = ["pub", "(", "crate", "super", ")"];
            let rest = &self.tokens[self.at..];
            let begin =
                rest.iter().take_while(|token| visibility.contains(&token.text.as_str())).count() + self.at;
            let is_module = self.is(begin, "mod") && self.is(begin + 2, ";");
            self.found.tests.extend(self.ident(begin + 1).filter(|_| is_module));
            self.skip_item();
        }
    }

    /// The place after the bracket that closes the one at `open`.
    fn matching(&self, open: usize) -> usize {
        let mut depth = 0;
        for (at, token) in self.tokens.iter().enumerate().skip(open) {
            match token.text.as_str() {
                "(" | "[" | "{" => depth += 1,
                ")" | "]" | "}" => depth -= 1,
                _ => {}
            }
            if depth == 0 {
                return at + 1;
            }
        }
        self.tokens.len()
    }

    fn skip_item(&mut self) {
        let mut declares_use = false;
        while let Some(token) = self.tokens.get(self.at) {
            match token.text.as_str() {
                ";" => {
                    self.at += 1;
                    return;
                }
                "use" => declares_use = true,
                "{" if !declares_use => {
                    self.at = self.matching(self.at);
                    return;
                }
                "(" | "[" | "{" => {
                    self.at = self.matching(self.at);
                    continue;
                }
                _ => {}
            }
            self.at += 1;
        }
    }

    /// The name of an item of this file stands `ahead` tokens further on.
    fn item(&mut self, ahead: usize) {
        self.at += ahead;
        while ["fn", "mut", "unsafe", "async", "extern"].iter().any(|word| self.is(self.at, word)) {
            self.at += 1;
        }
        if self.depth == 0
            && let Some(name) = self.ident(self.at)
        {
            self.found.items.insert(name);
            self.at += 1;
        }
    }

    fn module(&mut self) {
        let name = self.ident(self.at + 1);
        self.at += 2;
        if let Some(name) = name.filter(|_| self.is(self.at, "{")) {
            self.inline.push((name, self.depth));
        }
    }

    /// A path of two names or more. `pub(in crate::x)` is none.
    fn path(&mut self) {
        let start = self.at;
        let line = self.tokens[start].line;
        let mut path: Path = self.ident(start).into_iter().collect();
        self.at += 1;
        while self.is(self.at, "::")
            && let Some(name) = self.ident(self.at + 1)
        {
            path.push(name);
            self.at += 2;
        }
        let before = start.checked_sub(1).map_or("", |at| self.tokens[at].text.as_str());
        if path.len() > 1 && !["::", "in"].contains(&before) {
            let path = self.in_file(path);
            self.found.paths.push((path, line));
        }
    }

    fn use_declaration(&mut self) {
        let before = self.at.checked_sub(1).map_or("", |at| self.tokens[at].text.as_str());
        // `impl Trait + use<'a>` is no declaration.
        if self.is(self.at + 1, "<") {
            self.at += 1;
            return;
        }
        let reexport = before == "pub" || (before == ")" && self.is_visibility(self.at - 1));
        self.at += 1;
        self.use_tree(Vec::new(), reexport);
    }

    /// Whether the bracket that ends at `close` is that of `pub(…)`.
    fn is_visibility(&self, close: usize) -> bool {
        let open = (0..close).rev().find(|&at| self.tokens[at].is("("));
        open.and_then(|open| open.checked_sub(1)).is_some_and(|at| self.tokens[at].is("pub"))
    }

    fn use_tree(&mut self, mut path: Path, reexport: bool) {
        // `::name` is a crate's name; nothing here can be meant.
        if path.is_empty() && self.is(self.at, "::") {
            path.push("::".into());
            self.at += 1;
        }
        while let Some(token) = self.tokens.get(self.at).cloned() {
            match token.text.as_str() {
                "{" => {
                    self.at += 1;
                    while self.at < self.tokens.len() && !self.is(self.at, "}") {
                        self.use_tree(path.clone(), reexport);
                        self.at += usize::from(self.is(self.at, ","));
                    }
                    self.at += 1;
                    return;
                }
                "*" => {
                    self.at += 1;
                    return self.import("*".into(), path, reexport, token.line);
                }
                _ if token.is_ident() => {
                    self.at += 1;
                    if !token.is("self") || path.is_empty() {
                        path.push(token.text);
                    }
                    if !self.is(self.at, "::") {
                        return self.use_leaf(path, reexport, token.line);
                    }
                    self.at += 1;
                }
                _ => return,
            }
        }
    }

    fn use_leaf(&mut self, path: Path, reexport: bool, line: usize) {
        let mut name = path.last().cloned().unwrap_or_default();
        if self.is(self.at, "as") {
            name = self.ident(self.at + 1).unwrap_or_default();
            self.at += 2;
        }
        self.import(name, path, reexport, line);
    }

    fn import(&mut self, name: String, path: Path, reexport: bool, line: usize) {
        let path = self.in_file(path);
        self.found.imports.push(Import { name, path, reexport, line });
    }

    /// Inside an inline module, `super` and `self` are nearer than the file's; here they are turned into the file's.
    fn in_file(&self, path: Path) -> Path {
        let supers = path.iter().take_while(|name| *name == "super").count();
        let inside = self.inline.len();
        if supers == 0 || inside == 0 {
            return path;
        }
        let mut outer: Path = vec!["super".into(); supers.saturating_sub(inside)];
        if outer.is_empty() {
            outer.push("self".into());
            outer.extend(self.inline[..inside - supers].iter().map(|(name, _)| name.clone()));
        }
        outer.extend(path.into_iter().skip(supers));
        outer
    }
}

#[cfg(test)]
fn imports(text: &str) -> Vec<String> {
    let show = |import: &Import| {
        let mark = if import.reexport { "pub " } else { "" };
        format!("{mark}{} = {}", import.name, import.path.join("::"))
    };
    Source::parse(text).imports.iter().map(show).collect()
}

#[test]
fn use_declarations_of_every_form() {
    let text = "use crate::a::{self, b::{C, D as E}, *}; pub(crate) use super::x::Y; pub use z::Z;\n\
        fn f() { use std::io; } use ::http::Uri;";
    assert_eq!(
        imports(text),
        [
            "a = crate::a",
            "C = crate::a::b::C",
            "E = crate::a::b::D",
            "* = crate::a",
            "pub Y = super::x::Y",
            "pub Z = z::Z",
            "io = std::io",
            "Uri = ::::http::Uri"
        ]
    );
}

#[test]
fn tests_are_left_out() {
    let text = "use crate::a::A;\n#[cfg(test)]\nuse crate::b::{B, C};\n#[cfg(test)] mod tests { use crate::c::C; }\n\
        #[cfg(not(test))] use crate::d::D; #[test] fn t() { crate::e::f() }";
    assert_eq!(imports(text), ["A = crate::a::A", "D = crate::d::D"]);
    assert!(Source::parse(text).paths.is_empty());
}

#[test]
fn paths_and_items() {
    let source = Source::parse(
        "pub(in crate::v) const fn f() -> crate::a::T<super::b::U> { Vec::<u8>::new(); self::g() }\n\
         macro_rules! m { () => { $crate::c::h() } } struct S; impl S { fn inner() {} }\n\
         mod inline { use super::S; fn k() { super::super::q::r() } }",
    );
    let paths: Vec<String> = source.paths.iter().map(|(path, _)| path.join("::")).collect();
    assert_eq!(paths, ["crate::a::T", "super::b::U", "self::g", "crate::c::h", "super::q::r"]);
    assert_eq!(source.items.iter().map(String::as_str).collect::<Vec<_>>(), ["S", "f", "m"]);
    assert_eq!(source.imports[0].path, ["self", "S"]);
}
