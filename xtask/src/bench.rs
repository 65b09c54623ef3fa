//! `cargo xtask bench`: builds the contenders and runs the comparison, which is a program of its own in `bench`.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::Failure;
use crate::process::read_text;
use crate::session::Session;
use crate::setup;
use crate::workspace::Workspace;

/// What `cargo xtask bench` takes.
#[derive(clap::Args)]
#[command(after_help = "Examples:\n  cargo xtask bench --quick --no-peers\n  \
    cargo xtask bench --mode echo-125 --contender tidegate --contender yawc\n  \
    cargo xtask bench --write\n  \
    cargo xtask bench --channels --mode fanout-ws\n  \
    cargo xtask bench --uploads --mode upload-patch --mebibytes 256\n\nServers run on core 0 and loads on core 1, over the loopback interface alone.\n\
    Exit status: 0 it was measured, 2 it could not be.")]
pub(crate) struct Arguments {
    /// Only modes that have this word in their names; may be repeated.
    #[arg(long, value_name = "WORD")]
    pub(crate) mode: Vec<String>,
    /// Only these contenders, beside the limits; may be repeated.
    #[arg(long, value_name = "NAME")]
    pub(crate) contender: Vec<String>,
    /// How often each rate is measured.
    #[arg(long, value_name = "COUNT", default_value_t = 5)]
    pub(crate) rounds: u16,
    /// Shorter samples: noisier, and done in minutes.
    #[arg(long)]
    pub(crate) quick: bool,
    /// Build and run only the limits and tidegate.
    #[arg(long)]
    pub(crate) no_peers: bool,
    /// Compare channels (`tidegate serve`) with nchan, Bun and node:http instead.
    #[arg(long)]
    pub(crate) channels: bool,
    /// Compare uploads over HTTP with a plain sink and with other servers of tus, and the files store alone with a sink.
    #[arg(long, conflicts_with = "channels")]
    pub(crate) uploads: bool,
    /// How much is uploaded at a time; a quarter of it with --quick.
    #[arg(long, value_name = "MIB", default_value_t = 1024, requires = "uploads")]
    pub(crate) mebibytes: u64,
    /// Put the results into docs/benchmarks.md, and pictures into docs/bench, or into docs/benchmarks-channels.md, or into
    /// docs/benchmarks-uploads.md; modes that are not measured stay.
    #[arg(long, conflicts_with_all = ["no_peers", "contender"])]
    pub(crate) write: bool,
}

/// Builds and measures.
pub(crate) fn run(
    workspace: &Workspace,
    session: &mut Session,
    arguments: &Arguments,
) -> Result<bool, Failure> {
    if arguments.uploads {
        return uploads(workspace, session, arguments);
    }
    let target = workspace.target.join("bench");
    session.must(&mut workspace.cargo(&["build", "--release", "--package", "tidegate-cli"]))?;
    let manifest = ["--manifest-path", "bench/Cargo.toml"];
    let mut build = workspace.cargo(&["build", "--release", "--locked", "--package=tidegate-bench"]);
    if !arguments.channels {
        build.arg("--package=contenders");
    }
    build.args(manifest).arg("--target-dir").arg(&target);
    if !arguments.no_peers && !arguments.channels {
        build.args(["--features", "contenders/peers"]);
    }
    session.must(&mut build)?;
    if arguments.channels && !arguments.no_peers {
        setup::channels(workspace, session)?;
    }
    if !arguments.no_peers {
        install_scripts(workspace, session, "bench/js/package.json", &target.join("npm"))?;
    }
    session.must(&mut comparison(workspace, &target, arguments))?;
    Ok(true)
}

/// Uploads: the store alone by a program of the tests, and then everything over HTTP.
fn uploads(workspace: &Workspace, session: &mut Session, arguments: &Arguments) -> Result<bool, Failure> {
    let size = if arguments.quick { (arguments.mebibytes / 4).max(1) } else { arguments.mebibytes };
    let size = size.to_string();
    let words = &arguments.mode;
    if words.is_empty() || words.iter().any(|word| word == "store") {
        store_alone(workspace, session, &size, arguments.write)?;
    }
    if !words.is_empty() && words.iter().all(|word| word == "store") {
        return Ok(true);
    }
    let target = workspace.target.join("bench");
    session.must(&mut workspace.cargo(&["build", "--release", "--package", "tidegate-cli"]))?;
    let slow_disk = ["build", "--release", "--package", "tidegate-tests", "--bin", "slow-disk"];
    session.must(&mut workspace.cargo(&slow_disk))?;
    let mut build = workspace.cargo(&["build", "--release", "--locked", "--package=tidegate-bench"]);
    build.args(["--manifest-path", "bench/Cargo.toml", "--target-dir"]).arg(&target);
    session.must(&mut build)?;
    let (npm, python) = (target.join("npm-uploads"), target.join("python-uploads"));
    if !arguments.no_peers {
        install_scripts(workspace, session, "bench/js/uploads/package.json", &npm)?;
        setup::upload_peers(workspace, session, &python)?;
    }
    let mut command = workspace.command(target.join("release/bench"), &["uploads", "--mebibytes", &size]);
    command.arg("--slow-disk").arg(workspace.release("slow-disk"));
    command.arg("--npm").arg(npm).arg("--python").arg(python);
    session.must(common(workspace, &target, arguments, &mut command))?;
    Ok(true)
}

/// The texts with what was found of the store alone: the page, and what the page is made of.
const STORE_PAGES: [&str; 2] = ["bench/src/uploads/store.md", "docs/benchmarks-uploads.md"];

/// What stands around it.
const STORE_MARKS: [&str; 2] = ["<!-- begin store -->\n", "<!-- end store -->\n"];

/// The store without HTTP: beside a plain sink, and with small uploads beside large ones.
fn store_alone(
    workspace: &Workspace,
    session: &mut Session,
    size: &str,
    is_to_write: bool,
) -> Result<(), Failure> {
    let build = ["build", "--release", "--package", "tidegate-tests", "--bin", "store-bench"];
    session.must(&mut workspace.cargo(&build))?;
    let mut tables = String::from("\n");
    for what in [size, "fair"] {
        let mut command = workspace.command(workspace.release("store-bench"), &[what]);
        let output = command.stderr(Stdio::inherit()).output().map_err(Failure::because("store-bench"))?;
        let text = String::from_utf8_lossy(&output.stdout);
        session.say(&text)?;
        if !output.status.success() {
            return Err(Failure(format!("store-bench {what} has failed")));
        }
        text.lines().filter(|line| line.starts_with('|')).for_each(|line| tables += &format!("{line}\n"));
        tables.push('\n');
    }
    for page in STORE_PAGES.iter().filter(|_| is_to_write) {
        let path = workspace.root.join(page);
        let old = read_text(&path);
        let parts = old
            .split_once(STORE_MARKS[0])
            .and_then(|(before, rest)| rest.split_once(STORE_MARKS[1]).map(|(_, behind)| (before, behind)));
        let Some((before, behind)) = parts else {
            return Err(Failure(format!("{page} has no place for it")));
        };
        let new = format!("{before}{}{tables}{}{behind}", STORE_MARKS[0], STORE_MARKS[1]);
        fs::write(&path, new).map_err(Failure::because(path.display()))?;
    }
    Ok(())
}

fn comparison(workspace: &Workspace, target: &Path, arguments: &Arguments) -> Command {
    let programs = target.join("release");
    let subcommand = if arguments.channels { "channels" } else { "run" };
    let mut command = workspace.command(programs.join("bench"), &[subcommand]);
    if !arguments.channels {
        command.arg("--contenders").arg(&programs);
    }
    command.arg("--npm").arg(target.join("npm"));
    common(workspace, target, arguments, &mut command);
    command
}

/// What every comparison takes.
fn common<'a>(
    workspace: &Workspace,
    target: &Path,
    arguments: &Arguments,
    command: &'a mut Command,
) -> &'a mut Command {
    command.arg("--tidegate").arg(workspace.release("tidegate"));
    command.arg("--root").arg(&workspace.root);
    command.arg("--scratch").arg(target.join("scratch"));
    command.args(["--rounds", &arguments.rounds.to_string()]);
    for (option, words) in [("--mode", &arguments.mode), ("--contender", &arguments.contender)] {
        for word in words {
            command.args([option, word]);
        }
    }
    let switches =
        [("--quick", arguments.quick), ("--no-peers", arguments.no_peers), ("--write", arguments.write)];
    command.args(switches.iter().filter(|(_, wanted)| *wanted).map(|(switch, _)| switch))
}

/// Installs the JavaScript contenders. Those that cannot be are left out, and the comparison says so.
fn install_scripts(
    workspace: &Workspace,
    session: &mut Session,
    manifest: &str,
    folder: &Path,
) -> Result<(), Failure> {
    let manifest = read_text(&workspace.root.join(manifest));
    let note = folder.join("node_modules/.installed.json");
    if read_text(&note) == manifest {
        return Ok(());
    }
    fs::create_dir_all(folder).map_err(Failure::because(folder.display()))?;
    fs::write(folder.join("package.json"), &manifest).map_err(Failure::because(folder.display()))?;
    // bun and deno are programs in packages of their own; what their scripts would do is to link them.
    let npm = ["install", "--no-audit", "--no-fund", "--no-package-lock", "--ignore-scripts"];
    let installed = session.run(workspace.command("npm", &npm).current_dir(folder));
    match installed {
        Ok(true) => fs::write(&note, manifest).map_err(Failure::because(note.display())),
        Ok(false) => session.say("npm could not install the JavaScript contenders"),
        Err(Failure(reason)) => session.say(&format!("no JavaScript contenders: {reason}")),
    }
}
