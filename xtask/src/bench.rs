//! `cargo xtask bench`: builds the contenders and runs the comparison, which is a program of its own in `bench`.

use std::fs;
use std::path::Path;

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
    cargo xtask bench --channels --mode fanout-ws\n\nServers run on core 0 and loads on core 1, over the loopback interface alone.\n\
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
    /// Compare the files store of uploads with a plain sink that syncs the same bytes.
    #[arg(long, conflicts_with_all = ["channels", "write"])]
    pub(crate) uploads: bool,
    /// Put the results into docs/benchmarks.md, and pictures into docs/bench, or into docs/benchmarks-channels.md; modes
    /// that are not measured stay.
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
        let build = ["build", "--release", "--package", "tidegate-tests", "--bin", "store-bench"];
        session.must(&mut workspace.cargo(&build))?;
        let mebibytes = if arguments.quick { "256" } else { "1024" };
        return session.run(&mut workspace.command(workspace.release("store-bench"), &[mebibytes]));
    }
    let target = workspace.target.join("bench");
    session.must(&mut workspace.cargo(&["build", "--release", "--package", "tidegate-cli"]))?;
    let manifest = ["--manifest-path", "bench/Cargo.toml"];
    let which = if arguments.channels { "--package=tidegate-bench" } else { "--workspace" };
    let mut build = workspace.cargo(&["build", "--release", which, "--locked"]);
    build.args(manifest).arg("--target-dir").arg(&target);
    if !arguments.no_peers && !arguments.channels {
        build.args(["--features", "contenders/peers"]);
    }
    session.must(&mut build)?;
    if arguments.channels && !arguments.no_peers {
        setup::channels(workspace, session)?;
    }
    if !arguments.no_peers {
        install_scripts(workspace, session, &target.join("npm"))?;
    }
    session.must(&mut comparison(workspace, &target, arguments))?;
    Ok(true)
}

fn comparison(workspace: &Workspace, target: &Path, arguments: &Arguments) -> std::process::Command {
    let programs = target.join("release");
    let subcommand = if arguments.channels { "channels" } else { "run" };
    let mut command = workspace.command(programs.join("bench"), &[subcommand]);
    if !arguments.channels {
        command.arg("--contenders").arg(&programs);
    }
    command.arg("--tidegate").arg(workspace.release("tidegate"));
    command.arg("--npm").arg(target.join("npm"));
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
    command.args(switches.iter().filter(|(_, wanted)| *wanted).map(|(switch, _)| switch));
    command
}

/// Installs the JavaScript contenders. Those that cannot be are left out, and the comparison says so.
fn install_scripts(workspace: &Workspace, session: &mut Session, folder: &Path) -> Result<(), Failure> {
    let manifest = read_text(&workspace.root.join("bench/js/package.json"));
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
