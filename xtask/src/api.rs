//! `cargo xtask api`: what the crates offer to others, item by item, held against what the repository says.
//!
//! The items come from rustdoc's JSON. Its format is not stable, so the toolchain, which is pinned, is told to give
//! it all the same, and the version of `public-api` goes with the toolchain: rustc 1.95 writes format 57.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::Failure;
use crate::process::read_text;
use crate::session::Session;
use crate::workspace::Workspace;

/// What `cargo xtask api` takes.
#[derive(clap::Args)]
#[command(
    after_help = "Examples:\n  cargo xtask api\n  cargo xtask api --write\n\nExit status: 0 the API is what \
    docs/api says, 1 it is not, 2 it could not be found out."
)]
pub(crate) struct Arguments {
    /// Write docs/api anew, for a change that is meant.
    #[arg(long)]
    pub(crate) write: bool,
}

/// The crates that others build on.
const CRATES: [&str; 2] = ["tidegate-proto", "tidegate"];

/// Features that add no item, and take long to build.
const OTHER_PROVIDERS: [&str; 2] = ["default", "aws-lc-rs"];

/// Compares, or writes; tells whether the files say what the crates are.
pub(crate) fn run(
    workspace: &Workspace,
    session: &mut Session,
    arguments: &Arguments,
) -> Result<bool, Failure> {
    let mut is_same = true;
    for name in CRATES {
        let items = items(workspace, session, name)?;
        let path = workspace.root.join("docs/api").join(name).with_extension("txt");
        if arguments.write {
            write(&path, &items)?;
            session.say(&format!("{} public items of {name} are in docs/api/{name}.txt", items.len()))?;
            continue;
        }
        let difference = difference(&read_text(&path), &items);
        if !difference.is_empty() {
            is_same = false;
            session.say(&format!("\ndocs/api/{name}.txt says otherwise (- the file, + the crate):"))?;
            for line in &difference {
                session.say(line)?;
            }
        }
    }
    if !is_same {
        session.say("\nThe public API has changed. If that is meant: cargo xtask api --write")?;
    }
    Ok(is_same)
}

/// All public items of a crate with their signatures, a line each, sorted.
fn items(workspace: &Workspace, session: &mut Session, name: &str) -> Result<Vec<String>, Failure> {
    let features = features(workspace, name)?.join(",");
    // A target folder of its own: build scripts look at RUSTC_BOOTSTRAP, and everything would be built anew twice.
    let target = workspace.target.join("api");
    let mut rustdoc = workspace.cargo(&["rustdoc", "--lib", "--package", name, "--features", &features]);
    rustdoc.arg("--target-dir").arg(&target).env("RUSTC_BOOTSTRAP", "1");
    rustdoc.args(["--", "-Z", "unstable-options", "--output-format", "json"]);
    session.must(&mut rustdoc)?;
    let json: PathBuf = target.join("doc").join(name.replace('-', "_")).with_extension("json");
    // What follows from Rust's own rules, or from impls for every type, says nothing of this crate.
    let api = public_api::Builder::from_rustdoc_json(json).omit_blanket_impls(true).build();
    let api = api.map_err(|error| Failure(format!("rustdoc's output for {name}: {error}")))?;
    let lines: BTreeSet<String> =
        api.items().map(ToString::to_string).filter(|line| !is_noise(line)).collect();
    Ok(lines.into_iter().collect())
}

/// Of the traits that Rust implements by itself, whether a type can go to another thread is what callers build on.
fn is_noise(line: &str) -> bool {
    let noise = ["core::marker::Freeze for", "core::marker::Unpin for", "core::panic::unwind_safe::"];
    line.starts_with("impl") && noise.iter().any(|part| line.contains(part)) && !line.contains("where")
        || line.contains("UnsafeUnpin for")
}

/// All features but those of other TLS providers.
fn features(workspace: &Workspace, name: &str) -> Result<Vec<String>, Failure> {
    let output = workspace.cargo(&["metadata", "--no-deps", "--format-version", "1"]).output();
    let output = output.map_err(Failure::because("cargo metadata"))?;
    let metadata: Value = serde_json::from_slice(&output.stdout)
        .map_err(|error| Failure(format!("what cargo metadata says: {error}")))?;
    let packages = metadata["packages"].as_array().map(Vec::as_slice).unwrap_or_default();
    let package = packages.iter().find(|package| package["name"] == name);
    let features = package.and_then(|package| package["features"].as_object());
    let features = features.ok_or_else(|| Failure(format!("cargo metadata does not know {name}")))?;
    let wanted = features.keys().filter(|feature| !OTHER_PROVIDERS.contains(&feature.as_str()));
    Ok(wanted.cloned().collect())
}

fn write(path: &Path, items: &[String]) -> Result<(), Failure> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).map_err(Failure::because(folder.display()))?;
    }
    fs::write(path, items.join("\n") + "\n").map_err(Failure::because(path.display()))
}

/// The lines that only one of the two has, in order.
fn difference(file: &str, items: &[String]) -> Vec<String> {
    let file: BTreeSet<&str> = file.lines().collect();
    let items: BTreeSet<&str> = items.iter().map(String::as_str).collect();
    let all = file.symmetric_difference(&items);
    all.map(|line| format!("{} {line}", if items.contains(line) { '+' } else { '-' })).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_difference_tells_what_came_and_what_went() {
        let items = ["pub fn a::b()".to_owned(), "pub fn a::c(u32)".to_owned()];
        assert_eq!(difference("pub fn a::b()\npub fn a::c(u32)\n", &items), [""; 0]);
        let expected = ["- pub fn a::c(u16)", "+ pub fn a::c(u32)"];
        assert_eq!(difference("pub fn a::b()\npub fn a::c(u16)\n", &items), expected);
        assert_eq!(difference("", &items).len(), 2, "no file at all");
    }

    #[test]
    fn going_to_another_thread_is_part_of_the_contract() {
        assert!(!is_noise("impl core::marker::Send for a::B"));
        assert!(!is_noise("impl core::marker::Sync for a::B"));
        assert!(is_noise("impl core::marker::Freeze for a::B"));
        assert!(is_noise("impl core::panic::unwind_safe::UnwindSafe for a::B"));
        assert!(!is_noise("pub fn a::b()"));
    }
}
