//! The order of crates, and what the pure one may not depend on, from the Cargo.toml files.

use std::fs;
use std::path::Path;

/// A crate may depend on those after it. Nobody depends on the tests or on xtask.
const CRATES: &[(&str, &str)] = &[
    ("cli", "tidegate-cli"),
    ("gateway", "tidegate-gateway"),
    ("tidegate", "tidegate"),
    ("proto", "tidegate-proto"),
];

/// I/O, runtimes, clocks and randomness.
const IMPURE: &[&str] = &[
    "async-std",
    "fastrand",
    "futures-util",
    "getrandom",
    "hyper",
    "hyper-util",
    "mio",
    "rand",
    "rustls",
    "smol",
    "socket2",
    "tokio",
    "tokio-rustls",
    "tokio-util",
];

/// Every dependency against the order, one sentence each.
pub(crate) fn violations(root: &Path) -> Vec<String> {
    let read = |krate: &str| {
        let path = root.join("crates").join(krate).join("Cargo.toml");
        fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    };
    CRATES.iter().flat_map(|(krate, _)| against_order(krate, &read(krate))).collect()
}

fn against_order(krate: &str, manifest: &str) -> Vec<String> {
    let place = CRATES.iter().position(|(name, _)| *name == krate);
    let forbidden = |dependency: &str| {
        let ours = CRATES.iter().position(|(_, package)| *package == dependency);
        ours.is_some_and(|ours| Some(ours) <= place)
            || ["tidegate-tests", "xtask"].contains(&dependency)
            || (krate == "proto" && IMPURE.contains(&dependency))
    };
    let dependencies = dependencies(manifest).into_iter().filter(|dependency| forbidden(dependency));
    dependencies.map(|dependency| format!("crates/{krate} must not depend on {dependency}")).collect()
}

/// The names below every heading that ends in `dependencies`, that of a heading such as `[dependencies.tokio]` too.
fn dependencies(manifest: &str) -> Vec<String> {
    let mut names = Vec::new();
    let mut inside = false;
    for line in manifest.lines().map(str::trim) {
        if let Some(heading) = line.strip_prefix('[') {
            let heading = heading.trim_end_matches(']');
            inside = heading.ends_with("dependencies");
            if let Some((_, name)) = heading.rsplit_once("dependencies.") {
                names.push(name.trim_matches('"').to_owned());
            }
        } else if inside
            && !line.starts_with('#')
            && let Some((name, _)) = line.split_once('=')
        {
            let name = name.split('.').next().unwrap_or_default();
            names.push(name.trim().trim_matches('"').to_owned());
        }
    }
    names
}

#[test]
fn the_order_of_crates_is_held() {
    let manifest = "[dependencies]\nbytes = \"1\"\ntidegate = { workspace = true }\n[dev-dependencies.tokio]\nfull = true\n";
    assert!(against_order("gateway", manifest).is_empty());
    assert_eq!(
        against_order("proto", manifest),
        ["crates/proto must not depend on tidegate", "crates/proto must not depend on tokio"]
    );
    assert_eq!(against_order("tidegate", "[dependencies]\ntidegate-cli.workspace = true\n").len(), 1);
    assert_eq!(against_order("cli", "[target.'cfg(unix)'.build-dependencies]\nxtask = \"0\"\n").len(), 1);
}
