//! The size of files and functions, and `unsafe`.

use std::fs;
use std::path::{Path, PathBuf};

use super::lexer::tokens;

const FILE_LINES: usize = 500;
const FUNCTION_LINES: usize = 60;

/// Files that may hold `unsafe`, from the root of the checkout. There is none.
const UNSAFE: &[&str] = &[];

/// Built, installed or downloaded.
const NOT_OURS: &[&str] = &["target", "node_modules", "corpus", "artifacts"];

/// Every file or function that is too long, and every `unsafe`, one sentence each.
pub(crate) fn violations(root: &Path) -> Vec<String> {
    let mut files = Vec::new();
    collect(root, &mut files);
    let mut found = Vec::new();
    for path in files {
        let name = path.strip_prefix(root).unwrap_or(&path).to_string_lossy().into_owned();
        let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{name}: {error}"));
        found.extend(in_file(&name, &text));
    }
    found.sort();
    found
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display())) {
        let path = entry.expect("the folder can be read").path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if name.starts_with('.') || NOT_OURS.contains(&name.as_str()) {
            continue;
        }
        // `is_dir` follows links, which may lead in a circle.
        if path.is_dir() && !path.is_symlink() {
            collect(&path, files);
        } else if ["rs", "js", "mjs", "ts", "py", "css", "html"].contains(&extension(&name)) {
            files.push(path);
        }
    }
}

fn extension(name: &str) -> &str {
    name.rsplit_once('.').map_or("", |(_, extension)| extension)
}

fn in_file(name: &str, text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let lines = text.lines().count();
    if lines > FILE_LINES {
        found.push(format!("{name}: {lines} lines, over {FILE_LINES}"));
    }
    let functions = match extension(name) {
        "rs" => rust_functions(text),
        "py" => indented_functions(text, python_function),
        "js" | "mjs" | "ts" => indented_functions(text, script_function),
        _ => Vec::new(),
    };
    found.extend(functions.into_iter().filter(|function| function.lines > FUNCTION_LINES).map(|function| {
        format!(
            "{name}:{}: fn {} has {} lines, over {FUNCTION_LINES}",
            function.line, function.name, function.lines
        )
    }));
    if extension(name) == "rs" && !UNSAFE.contains(&name) {
        let found_unsafe = tokens(text).into_iter().filter(|token| token.is("unsafe"));
        found.extend(found_unsafe.map(|token| format!("{name}:{}: unsafe", token.line)));
    }
    found
}

#[derive(Debug, PartialEq, Eq)]
struct Function {
    name: String,
    line: usize,
    lines: usize,
}

/// From the word `fn` to the brace that closes the body; those inside another one are listed too.
fn rust_functions(text: &str) -> Vec<Function> {
    let tokens = tokens(text);
    let mut found = Vec::new();
    for (at, token) in tokens.iter().enumerate() {
        let Some(name) = tokens.get(at + 1).filter(|name| token.is("fn") && name.is_ident()) else {
            continue;
        };
        let mut depth = 0usize;
        let mut brackets = 0usize;
        for next in &tokens[at + 2..] {
            match next.text.as_str() {
                "(" | "[" => brackets += 1,
                ")" | "]" => brackets = brackets.saturating_sub(1),
                "{" => depth += 1,
                "}" => depth = depth.saturating_sub(1),
                _ => {}
            }
            // A declaration in a trait has no body; a `;` in `[u8; 4]` does not end it.
            let declared = next.is(";") && depth == 0 && brackets == 0;
            if declared || (next.is("}") && depth == 0 && brackets == 0) {
                found.push(Function {
                    name: name.text.clone(),
                    line: token.line,
                    lines: next.line - token.line + 1,
                });
                break;
            }
        }
    }
    found
}

/// In formatted text a function ends before the next line that is not indented deeper than its first one.
fn indented_functions(text: &str, begins: fn(&str) -> Option<&str>) -> Vec<Function> {
    let lines: Vec<&str> = text.lines().collect();
    let mut found = Vec::new();
    for (at, line) in lines.iter().enumerate() {
        let Some(name) = begins(line.trim_start()) else { continue };
        let indent = line.len() - line.trim_start().len();
        let deeper = |next: &&&str| next.trim().is_empty() || next.len() - next.trim_start().len() > indent;
        let body: Vec<_> = lines[at + 1..].iter().take_while(deeper).collect();
        let blank = body.iter().rev().take_while(|line| line.trim().is_empty()).count();
        let closing = lines.get(at + 1 + body.len()).is_some_and(|line| line.trim_start().starts_with('}'));
        let length = 1 + body.len() - blank + usize::from(closing);
        found.push(Function { name: name.to_owned(), line: at + 1, lines: length });
    }
    found
}

fn python_function(line: &str) -> Option<&str> {
    let line = line.strip_prefix("async ").unwrap_or(line);
    line.strip_prefix("def ")?.split('(').next()
}

/// `function name(…) {` and a method's `name(…) {`, with what may stand before them.
fn script_function(line: &str) -> Option<&str> {
    let mut line = line;
    while let Some((word, rest)) = line.split_once(' ')
        && ["export", "default", "async", "static", "get", "set", "function", "function*"].contains(&word)
    {
        line = rest;
    }
    let (name, _) = line.split_once('(')?;
    let is_name = !name.is_empty() && name.chars().all(|c| c.is_alphanumeric() || "_$#*".contains(c));
    let is_call = line.contains("=>") || line.contains("function") || !line.ends_with('{');
    let is_keyword = ["if", "for", "while", "switch", "catch"].contains(&name);
    (is_name && !is_call && !is_keyword).then_some(name)
}

#[test]
fn a_long_file_and_a_long_function_are_found() {
    let body = "    x();\n".repeat(59);
    assert!(in_file("a.rs", &format!("fn f() {{\n{}}}\n", &body[9..])).is_empty());
    assert_eq!(
        in_file("a.rs", &format!("\nfn f(a: [u8; 4]) {{\n{body}}}\n")),
        ["a.rs:2: fn f has 61 lines, over 60"]
    );
    assert_eq!(
        in_file("a.py", &format!("def f():\n{body}    y()\n\n\nz = 1\n")),
        ["a.py:1: fn f has 61 lines, over 60"]
    );
    let script = format!("class A {{\n  async read() {{\n{body}  }}\n}}\n");
    assert_eq!(in_file("a.js", &script), ["a.js:2: fn read has 61 lines, over 60"]);
    assert_eq!(in_file("a.css", &"\n".repeat(501)), ["a.css: 501 lines, over 500"]);
}

#[test]
fn calls_and_declarations_are_no_functions() {
    assert_eq!(rust_functions("trait T { fn f(&self) -> [u8; 4]; }\nfn g() {}").len(), 2);
    assert_eq!(script_function("if (a) {"), None);
    assert_eq!(script_function("it(\"reads\", async () => {"), None);
    assert_eq!(script_function("export default async function read(a) {"), Some("read"));
}

#[test]
fn unsafe_is_found_in_code_only() {
    let text = "// unsafe\nlet a = \"unsafe\";\nunsafe { f() }\n";
    assert_eq!(in_file("a.rs", text), ["a.rs:3: unsafe"]);
}
