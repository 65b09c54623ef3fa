//! Fuzzing by cargo-fuzz, which needs a nightly toolchain.

use std::env;
use std::ffi::OsString;
use std::fs;
use std::path::Path;
use std::process::Command;

use crate::Failure;
use crate::process::first_line;
use crate::session::Session;
use crate::tally::Tally;
use crate::workspace::Workspace;

/// What `cargo xtask fuzz` takes.
#[derive(clap::Args)]
#[command(after_help = "Examples:\n  cargo xtask fuzz --seconds 60\n  \
    cargo xtask fuzz --target frame_header --seconds 3600\n\nExit status: 0 nothing was found, 1 a finding, \
    2 the targets could not be built or run.")]
pub(crate) struct Arguments {
    /// How long each target runs.
    #[arg(long, value_name = "S", default_value_t = 600, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) seconds: u32,
    /// Only this target (default: each in turn).
    #[arg(long, value_name = "NAME")]
    pub(crate) target: Option<String>,
}

const CARGO_FUZZ_VERSION: &str = "0.13.2";

/// Fuzzes; tells whether nothing was found.
pub(crate) fn run(
    workspace: &Workspace,
    session: &mut Session,
    arguments: &Arguments,
) -> Result<bool, Failure> {
    let targets = chosen(workspace, arguments)?;
    if !has_nightly(workspace) {
        return Err(Failure("fuzzing needs a nightly toolchain: rustup toolchain install nightly".into()));
    }
    ensure_cargo_fuzz(workspace, session)?;
    session.must(&mut cargo_fuzz(workspace, &["build"]))?;
    let mut results = Vec::new();
    for name in targets {
        let found_nothing = session.run(&mut fuzz_command(workspace, &name, arguments.seconds))?;
        results.push((name, found_nothing));
    }
    session.say("")?;
    for (name, found_nothing) in &results {
        let result = if *found_nothing { "nothing found" } else { "a finding, see above and fuzz/artifacts" };
        session.say(&format!("{name:<16} {result}"))?;
    }
    let passed = results.iter().filter(|(_, found_nothing)| *found_nothing).count();
    let tally = Tally { passed, failed: results.len() - passed, skipped: 0 };
    session.say(&format!("{} passed, {} failed", tally.passed, tally.failed))?;
    Ok(tally.failed == 0)
}

/// The names of all targets, sorted.
pub(crate) fn targets(workspace: &Workspace) -> Result<Vec<String>, Failure> {
    let folder = workspace.root.join("fuzz/fuzz_targets");
    let entries = fs::read_dir(&folder).map_err(Failure::because(folder.display()))?;
    let paths = entries.flatten().map(|entry| entry.path());
    let sources = paths.filter(|path| path.extension().is_some_and(|extension| extension == "rs"));
    let stem = |path: &Path| path.file_stem().map(|stem| stem.to_string_lossy().into_owned());
    let mut names: Vec<String> = sources.filter_map(|path| stem(&path)).collect();
    names.sort();
    Ok(names)
}

/// Whether there is a nightly toolchain here.
pub(crate) fn has_nightly(workspace: &Workspace) -> bool {
    let version = first_line(nightly(&mut workspace.cargo(&["--version"])));
    version.is_some_and(|version| version.contains("nightly"))
}

fn chosen(workspace: &Workspace, arguments: &Arguments) -> Result<Vec<String>, Failure> {
    let all = targets(workspace)?;
    match &arguments.target {
        None => Ok(all),
        Some(name) if all.contains(name) => Ok(vec![name.clone()]),
        Some(name) => Err(Failure(format!("no target is called {name:?}; there are: {}", all.join(", ")))),
    }
}

fn ensure_cargo_fuzz(workspace: &Workspace, session: &mut Session) -> Result<(), Failure> {
    if first_line(&mut cargo_fuzz(workspace, &["--version"])).is_some() {
        return Ok(());
    }
    let install = ["install", "cargo-fuzz", "--locked", "--version", CARGO_FUZZ_VERSION, "--root"];
    session.must(workspace.cargo(&install).arg(&workspace.tools))
}

fn fuzz_command(workspace: &Workspace, name: &str, seconds: u32) -> Command {
    let mut command = cargo_fuzz(workspace, &["run", name]);
    // New inputs go to the first folder; the second holds the ones that are kept in the repository.
    let corpus = format!("fuzz/corpus/{name}");
    let seeds = format!("fuzz/seeds/{name}");
    // cargo-fuzz makes the first folder only when none is named.
    if workspace.root.join(&seeds).is_dir() && fs::create_dir_all(workspace.root.join(&corpus)).is_ok() {
        command.args([corpus, seeds]);
    }
    let limit = format!("-max_total_time={seconds}");
    command.args(["--", &limit, "-timeout=10", "-print_final_stats=1"]);
    command
}

fn cargo_fuzz(workspace: &Workspace, arguments: &[&str]) -> Command {
    let mut command = workspace.cargo(&["fuzz"]);
    nightly(&mut command);
    if let Some((verb, rest)) = arguments.split_first() {
        command.arg(verb);
        if !verb.starts_with('-') {
            command.args(["--fuzz-dir", "fuzz"]);
        }
        command.args(rest);
    }
    // What setup installed is found before what the machine has.
    let own = workspace.tools.join("bin");
    let path = env::var_os("PATH").unwrap_or_default();
    let folders = std::iter::once(own).chain(env::split_paths(&path));
    command.env("PATH", env::join_paths(folders).unwrap_or_else(|_| OsString::from(&path)));
    command
}

/// Cargo by rustup takes the toolchain's name from here; another cargo ignores it, and then has no nightly.
fn nightly(command: &mut Command) -> &mut Command {
    command.env("RUSTUP_TOOLCHAIN", "nightly")
}
