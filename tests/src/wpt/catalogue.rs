//! Which pages with tests there are.

use std::fs;
use std::io;
use std::path::Path;

use serde::Serialize;

use super::meta::Meta;

/// One test file, in one of the places where it runs.
#[derive(Debug, Serialize)]
pub(crate) struct Page {
    /// The file, from the root.
    file: String,
    /// What to open, without a query.
    path: String,
    /// `window`, `worker`, `sharedworker` or `serviceworker`.
    scope: &'static str,
    /// Whether the page itself must be secure.
    is_https: bool,
    variants: Vec<String>,
    is_long: bool,
    /// Scripts that it loads and that the folder does not have.
    missing: Vec<String>,
}

/// The endings of the pages that are generated from a `.any.js`, the places they stand for, and our words for them.
const ANY: [(&str, &str, &str); 4] = [
    ("window", ".any.html", "window"),
    ("dedicatedworker", ".any.worker.html", "worker"),
    ("sharedworker", ".any.sharedworker.html", "sharedworker"),
    ("serviceworker", ".any.serviceworker.html", "serviceworker"),
];

/// Folders that hold no tests.
const HELPERS: [&str; 4] = ["resources", "support", "handlers", "tools"];

/// Reads the names and the instructions of all tests below `websockets`, in the order of their names.
pub(crate) fn read(root: &Path) -> io::Result<Vec<Page>> {
    let mut pages = Vec::new();
    read_folder(root, "websockets", &mut pages)?;
    pages.sort_by(|one, other| one.path.cmp(&other.path));
    Ok(pages)
}

fn read_folder(root: &Path, folder: &str, pages: &mut Vec<Page>) -> io::Result<()> {
    for entry in fs::read_dir(root.join(folder))? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let path = format!("{folder}/{name}");
        if entry.file_type()?.is_dir() {
            if !HELPERS.contains(&name.as_str()) {
                read_folder(root, &path, pages)?;
            }
        } else if [".js", ".html"].iter().any(|ending| name.ends_with(ending)) && !name.contains(".sub.") {
            // A file that is no UTF-8 is told from others all the same.
            let text = String::from_utf8_lossy(&fs::read(entry.path())?).into_owned();
            pages.extend(pages_of(root, &path, &text));
        }
    }
    Ok(())
}

fn pages_of(root: &Path, file: &str, text: &str) -> Vec<Page> {
    let page = |meta: &Meta, path: String, scope| Page {
        file: file.to_owned(),
        is_https: file.contains(".https.") || scope == "serviceworker",
        path,
        scope,
        variants: meta.variants.clone(),
        is_long: meta.is_long,
        missing: missing(root, file, &meta.scripts),
    };
    if let Some(stem) = file.strip_suffix(".any.js") {
        let meta = Meta::of_script(text);
        let places = ANY.into_iter().filter(|(place, _, _)| meta.runs_in(place));
        return places.map(|(_, ending, scope)| page(&meta, format!("{stem}{ending}"), scope)).collect();
    }
    for (ending, scope) in [(".window.js", "window"), (".worker.js", "worker")] {
        if file.ends_with(ending) {
            return vec![page(&Meta::of_script(text), file.replace(".js", ".html"), scope)];
        }
    }
    if file.ends_with(".html") && text.contains("/resources/testharness.js") {
        return vec![page(&Meta::of_page(text), file.to_owned(), "window")];
    }
    Vec::new()
}

/// A script that the server has of its own is not missing.
const OURS: [&str; 1] = ["/resources/WebIDLParser.js"];

fn missing(root: &Path, file: &str, scripts: &[String]) -> Vec<String> {
    let folder = Path::new(file).parent().unwrap_or(Path::new(""));
    let exists = |script: &&String| match script.strip_prefix('/') {
        Some(path) => OURS.contains(&script.as_str()) || root.join(path).exists(),
        None => root.join(folder).join(script).exists(),
    };
    scripts.iter().filter(|script| !exists(script)).cloned().collect()
}
