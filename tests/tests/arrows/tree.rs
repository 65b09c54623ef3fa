//! A crate's modules, and the arrows between them: who uses whose items.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path as FilePath;

use super::source::{Import, Path, Source};

/// The modules of a crate by path; the root is the empty path.
pub(crate) struct Tree {
    modules: BTreeMap<Path, Source>,
}

/// One module uses an item that another one defines.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Arrow {
    pub(crate) from: Path,
    pub(crate) to: Path,
    pub(crate) line: usize,
}

/// How long a chain of re-exports may be: a guard against two that name each other.
const LONGEST_CHAIN: usize = 32;

impl Tree {
    /// Reads every `.rs` file below a crate's `src`.
    pub(crate) fn read(src: &FilePath) -> Self {
        let mut files = Vec::new();
        collect(src, src, &mut files);
        Self::of(&files)
    }

    /// From names such as `frame/mod.rs`, below `src`, and their text.
    pub(crate) fn of(files: &[(String, String)]) -> Self {
        let sources = files.iter().map(|(name, text)| (module_path(name), Source::parse(text)));
        let mut modules: BTreeMap<Path, Source> = sources.collect();
        let tests = modules.iter().flat_map(|(at, source)| source.tests.iter().map(|name| child(at, name)));
        let tests: Vec<Path> = tests.collect();
        modules.retain(|path, _| !tests.iter().any(|test| path.starts_with(test)));
        Self { modules }
    }

    /// Every arrow between two modules. A module that only passes on what is defined below it has none for that.
    pub(crate) fn arrows(&self) -> BTreeSet<Arrow> {
        let mut arrows = BTreeSet::new();
        for (from, source) in &self.modules {
            let imported = source.imports.iter().map(|import| (&import.path, import.line, import.reexport));
            let used = source.paths.iter().map(|(path, line)| (path, *line, false));
            for (path, line, reexport) in imported.chain(used) {
                let Some(to) = self.resolve(from, path, 0) else { continue };
                if to != *from && !(reexport && to.starts_with(from)) {
                    arrows.insert(Arrow { from: from.clone(), to, line });
                }
            }
        }
        arrows
    }

    /// The module that defines what `path`, written in the module `from`, means. `None`: it is not of this crate.
    fn resolve(&self, from: &Path, path: &[String], chain: usize) -> Option<Path> {
        let mut at = from.clone();
        let mut rest = path;
        let mut anchored = false;
        while let Some((first, after)) = rest.split_first() {
            match first.as_str() {
                "crate" => at.clear(),
                "super" => at.truncate(at.len().saturating_sub(1)),
                "self" => {}
                _ => break,
            }
            anchored = true;
            rest = after;
        }
        if !anchored && !self.knows(&at, rest.first()?, chain) {
            return None;
        }
        self.descend(at, rest, chain)
    }

    fn descend(&self, mut at: Path, mut rest: &[String], chain: usize) -> Option<Path> {
        if chain > LONGEST_CHAIN {
            return None;
        }
        while let Some((name, after)) = rest.split_first() {
            let child = child(&at, name);
            if !self.modules.contains_key(&child) {
                return self.descend_by_import(at, rest, chain);
            }
            at = child;
            rest = after;
        }
        Some(at)
    }

    /// Follows what the module `at` imports under this name; otherwise the item is its own.
    fn descend_by_import(&self, at: Path, rest: &[String], chain: usize) -> Option<Path> {
        let (name, after) = rest.split_first()?;
        let source = self.modules.get(&at)?;
        if source.items.contains(name) {
            return Some(at);
        }
        if let Some(import) = source.imports.iter().find(|import| import.name == *name) {
            let path: Path = import.path.iter().chain(after).cloned().collect();
            // What comes from another crate is known here only as this module's re-export.
            return self.resolve_import(&at, import, &path, chain).or(Some(at));
        }
        for glob in source.imports.iter().filter(|import| import.name == "*") {
            if let Some(module) = self.resolve_import(&at, glob, &glob.path, chain)
                && module != at
                && self.knows(&module, name, chain + 1)
            {
                return self.descend(module, rest, chain + 1);
            }
        }
        Some(at)
    }

    /// `use http;` names a crate, not itself.
    fn resolve_import(&self, at: &Path, import: &Import, path: &[String], chain: usize) -> Option<Path> {
        let itself =
            path.first() == Some(&import.name) && !self.modules.contains_key(&child(at, &import.name));
        if itself { None } else { self.resolve(at, path, chain + 1) }
    }

    /// Whether a module has this name: a module below it, an item, or an import.
    fn knows(&self, at: &Path, name: &str, chain: usize) -> bool {
        let Some(source) = self.modules.get(at).filter(|_| chain <= LONGEST_CHAIN) else { return false };
        if self.modules.contains_key(&child(at, name)) || source.items.contains(name) {
            return true;
        }
        source.imports.iter().any(|import| match import.name.as_str() {
            "*" => self
                .resolve_import(at, import, &import.path, chain)
                .is_some_and(|module| module != *at && self.knows(&module, name, chain + 1)),
            imported => imported == name && self.resolve_import(at, import, &import.path, chain).is_some(),
        })
    }
}

fn child(at: &Path, name: &str) -> Path {
    let mut path = at.clone();
    path.push(name.to_owned());
    path
}

fn module_path(file: &str) -> Path {
    let mut path: Path = file.trim_end_matches(".rs").split('/').map(str::to_owned).collect();
    if path.last().is_some_and(|last| ["mod", "lib", "main"].contains(&last.as_str())) {
        path.pop();
    }
    path
}

fn collect(src: &FilePath, folder: &FilePath, files: &mut Vec<(String, String)>) {
    let entries = fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    for entry in entries {
        let path = entry.expect("the folder can be read").path();
        if path.is_dir() {
            collect(src, &path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let name = path.strip_prefix(src).unwrap_or(&path).to_string_lossy().into_owned();
            files.push((name, fs::read_to_string(&path).expect("a source file is text")));
        }
    }
}

#[cfg(test)]
fn arrows(files: &[(&str, &str)]) -> Vec<String> {
    let files: Vec<_> = files.iter().map(|(name, text)| (name.to_string(), text.to_string())).collect();
    let show = |arrow: &Arrow| format!("{} -> {}", arrow.from.join("::"), arrow.to.join("::"));
    let mut shown: Vec<String> = Tree::of(&files).arrows().iter().map(show).collect();
    shown.dedup();
    shown
}

#[test]
fn a_reexport_leads_to_the_module_that_defines() {
    let files = [
        ("lib.rs", "pub mod ws; pub use ws::Frame;"),
        ("ws/mod.rs", "mod frame; mod close; mod io; pub use frame::{Frame, Opcode}; pub use close::*;"),
        ("ws/frame.rs", "pub struct Frame; pub enum Opcode {}"),
        ("ws/close.rs", "use super::Opcode; pub struct Info;"),
        ("ws/io.rs", "use crate::Frame; use super::Info; use super::frame; fn f() { frame::g() }"),
    ];
    assert_eq!(arrows(&files), ["ws::close -> ws::frame", "ws::io -> ws::close", "ws::io -> ws::frame"]);
}

#[test]
fn an_item_of_the_parent_is_an_arrow_to_the_parent() {
    let files =
        [("a/mod.rs", "mod b; pub struct A; fn f() { b::g() }"), ("a/b.rs", "use super::A; pub fn g() {}")];
    assert_eq!(arrows(&files), ["a -> a::b", "a::b -> a"]);
}

#[test]
fn files_of_tests_are_left_out() {
    let files = [
        ("a/mod.rs", "pub fn f() {} #[cfg(test)]\npub(crate) mod tests;"),
        ("a/tests/mod.rs", "mod deep; use super::f; use crate::b::g;"),
        ("a/tests/deep.rs", "use crate::b::g;"),
        ("b.rs", "pub fn g() { crate::a::f() }"),
    ];
    assert_eq!(arrows(&files), ["b -> a"]);
}

#[test]
fn other_crates_are_no_modules() {
    let files = [
        ("lib.rs", "mod http; mod ws; pub use bytes::Bytes;"),
        ("http.rs", ""),
        (
            "ws.rs",
            "use http::Uri; use tokio; use ::http::Method; fn f(u: Uri) { tokio::spawn(); std::mem::drop(u) }",
        ),
    ];
    assert!(arrows(&files).is_empty());
}

#[test]
fn reexports_in_a_circle_end() {
    let files = [
        ("a.rs", "pub use crate::b::X; pub use crate::b::*;"),
        ("b.rs", "pub use crate::a::X; use crate::a::*;"),
    ];
    assert!(!arrows(&files).is_empty());
}
