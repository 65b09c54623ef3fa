//! The programs that tests start, where `cargo xtask setup` has put them.

use std::path::{Path, PathBuf};

/// The folder of the tools: `TIDEGATE_TOOLS`, or else `target/tools` of this workspace.
///
/// # Panics
///
/// When it is not there: a test that needs it must not pass.
#[must_use]
pub fn folder() -> PathBuf {
    let folder = std::env::var_os("TIDEGATE_TOOLS")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/tools"), PathBuf::from);
    folder.canonicalize().unwrap_or_else(|error| {
        panic!("no tools in {}: {error}; run `cargo xtask setup`, it installs them", folder.display())
    })
}

/// The Python that has the packages of the tests.
///
/// # Panics
///
/// As [`folder`].
#[must_use]
pub fn python() -> PathBuf {
    present(folder().join("venv/bin/python"))
}

/// Node, from `PATH`, once the packages that the tests need are there.
///
/// # Panics
///
/// As [`folder`].
#[must_use]
pub fn node() -> PathBuf {
    present(folder().join("node_modules"));
    PathBuf::from("node")
}

/// A program of `tests/peers`.
#[must_use]
pub fn peer(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("peers").join(name)
}

fn present(path: PathBuf) -> PathBuf {
    assert!(path.exists(), "no {}; run `cargo xtask setup`, it installs it", path.display());
    path
}
