//! Where things are.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::Failure;

/// The checkout and the folders below its target folder.
pub(crate) struct Workspace {
    pub(crate) root: PathBuf,
    pub(crate) target: PathBuf,
    /// What the tests need besides crates: a Python environment, npm packages, the public test suite.
    pub(crate) tools: PathBuf,
}

impl Workspace {
    pub(crate) fn locate() -> Result<Self, Failure> {
        // Cargo sets it for `cargo run`, so a checkout that was moved or copied is found as well.
        let package = env::var_os("CARGO_MANIFEST_DIR")
            .ok_or_else(|| Failure("not started by cargo; use `cargo xtask`".into()))?;
        let root = Path::new(&package)
            .parent()
            .ok_or_else(|| Failure("the package has no folder above it".into()))?
            .to_path_buf();
        let target = root.join(env::var_os("CARGO_TARGET_DIR").unwrap_or_else(|| "target".into()));
        let tools = target.join("tools");
        Ok(Self { root, target, tools })
    }

    /// A command in the checkout's root.
    pub(crate) fn command(&self, program: impl AsRef<std::ffi::OsStr>, arguments: &[&str]) -> Command {
        let mut command = Command::new(program);
        command.args(arguments).current_dir(&self.root);
        // These say how this very program was built and would leak into other builds: ring is built anew for them.
        for (name, _) in env::vars_os() {
            let text = name.to_string_lossy();
            if ["CARGO", "CARGO_MANIFEST_DIR"].contains(&&*text) || text.starts_with("CARGO_PKG_") {
                command.env_remove(&name);
            }
        }
        command
    }

    pub(crate) fn cargo(&self, arguments: &[&str]) -> Command {
        self.command("cargo", arguments)
    }

    /// A program of the release build.
    pub(crate) fn release(&self, name: &str) -> PathBuf {
        self.target.join("release").join(name)
    }
}
