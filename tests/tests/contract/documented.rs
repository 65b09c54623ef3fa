//! `docs/contract.md` and `docs/limits.md` name a test for each row, and each test that they name is there.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// Where tests are.
const SOURCES: [&str; 3] = ["crates", "tests", "xtask"];

fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

/// The names of all functions below a folder, and of the files.
fn functions(folder: &Path, found: &mut BTreeSet<String>) {
    for entry in fs::read_dir(folder).expect("a folder of sources").flatten() {
        let path = entry.path();
        if path.is_dir() {
            functions(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(&path).expect("a source");
            let lines = text.lines().map(|line| line.trim_start().trim_start_matches("async "));
            let names = lines.filter_map(|line| line.strip_prefix("fn ")?.split(['(', '<']).next());
            found.extend(names.map(str::to_owned));
            found.extend(path.file_stem().map(|stem| stem.to_string_lossy().into_owned()));
        }
    }
}

fn all_functions() -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for folder in SOURCES {
        functions(&root().join(folder), &mut found);
    }
    found
}

/// The rows of all tables of a document, without their heads.
fn rows(document: &str) -> Vec<Vec<String>> {
    let text = fs::read_to_string(root().join("docs").join(document)).expect("a document");
    // What the abuse campaign has measured is a table too, which names no tests.
    let text = text.split("<!-- begin:").next().unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    let is_body = |at: &usize| lines[*at].starts_with("| ") && lines[at - 1].starts_with('|');
    let body = (1..lines.len()).filter(is_body).map(|at| lines[at]);
    body.map(|line| line.trim_matches('|').split(" | ").map(|cell| cell.trim().to_owned()).collect())
        .collect()
}

/// What a cell holds between backticks.
fn quoted(cell: &str) -> impl Iterator<Item = &str> {
    cell.split('`').skip(1).step_by(2)
}

/// Whether a name, in which `…` stands for anything, is that of a function or a file.
fn is_there(name: &str, functions: &BTreeSet<String>) -> bool {
    let (start, end) = name.split_once('…').unwrap_or((name, ""));
    let is_whole = !name.contains('…');
    functions.iter().any(|function| match is_whole {
        true => function == name,
        false => {
            function.len() >= start.len() + end.len()
                && function.starts_with(start)
                && function.ends_with(end)
        }
    })
}

/// A test's name is a sentence: several words.
fn is_sentence(name: &str) -> bool {
    let of_a_name = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "_…".contains(c);
    name.chars().all(of_a_name) && (name.matches('_').count() >= 2 || name.contains('…'))
}

#[test]
fn every_rule_has_a_test_of_its_name() {
    let functions = all_functions();
    let rules: Vec<u32> = rows("contract.md").iter().filter_map(|row| row[0].parse().ok()).collect();
    assert!(rules.len() >= 24 && rules.is_sorted(), "{rules:?}");
    for rule in rules {
        let name = format!("rule_{rule:02}_…");
        assert!(is_there(&name, &functions), "no test is called {name}");
    }
}

#[test]
fn every_test_that_a_document_names_is_there_and_every_row_names_one() {
    let functions = all_functions();
    let mut named = 0;
    for document in ["contract.md", "limits.md"] {
        for row in rows(document) {
            let shown_by = row.last().expect("a row has cells");
            for name in quoted(shown_by).filter(|name| is_sentence(name)) {
                named += 1;
                assert!(is_there(name, &functions), "docs/{document} names {name}, which is not there");
            }
            let has_rule = row[0].parse::<u32>().is_ok();
            assert!(has_rule || !shown_by.starts_with("none"), "docs/{document}: nothing shows {:?}", row[0]);
        }
    }
    assert!(named > 40, "only {named} names were found");
}
