//! Every public `async fn` of the library says what dropping its future does.

use std::fs;
use std::path::Path;

#[test]
fn every_public_async_fn_says_what_dropping_it_does() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates/tidegate/src");
    let (mut found, mut silent) = (0, Vec::new());
    look(&folder, &mut |path, name, documentation| {
        found += 1;
        if !documentation.to_lowercase().contains("drop") {
            silent.push(format!("{name} in {}", path.display()));
        }
    });
    assert!(found >= 20, "only {found} were found");
    assert!(silent.is_empty(), "these say nothing of being dropped: {silent:#?}");
}

/// Tells of each `pub async fn` in the sources below `folder`: its file, its name, and its documentation.
fn look(folder: &Path, tell: &mut impl FnMut(&Path, &str, &str)) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            look(&path, tell);
            continue;
        }
        let text = fs::read_to_string(&path).unwrap();
        let mut documentation = String::new();
        for line in text.lines().map(str::trim_start) {
            if let Some(words) = line.strip_prefix("///") {
                documentation.push_str(words);
            } else if let Some(signature) = line.strip_prefix("pub async fn ") {
                let name = signature.split(['(', '<']).next().unwrap_or_default();
                tell(&path, name, &documentation);
                documentation.clear();
            } else if !line.starts_with("#[") {
                documentation.clear();
            }
        }
    }
}
