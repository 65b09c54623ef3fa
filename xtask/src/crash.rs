//! Crashes of a process that writes uploads: killed, or without power; many of them.

use crate::Failure;
use crate::session::Session;
use crate::workspace::Workspace;

/// What `cargo xtask crash` takes.
#[derive(clap::Args)]
#[command(
    after_help = "Examples:\n  cargo xtask crash --kills 1000\n  cargo xtask crash --server --kills 50\n\nTakes about \
    a minute for 1000 kills; with the server, three seconds for each.\n\nExit status: 0 nothing was lost, 1 something \
    was, 2 it could not be tried."
)]
pub(crate) struct Arguments {
    /// How often the process is killed.
    #[arg(long, default_value_t = 1000)]
    kills: u64,
    /// The process writes to a bucket, and the S3 server (Ceph) is killed with it each time.
    #[arg(long)]
    server: bool,
    /// Where it is killed follows from this number.
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

/// What `cargo xtask powercut` takes.
#[derive(clap::Args)]
#[command(
    after_help = "Example:\n  cargo xtask powercut --cuts 100\n\nNeeds root, loop devices and mkfs.ext4: the \
    uploads are written to a file system in a file, and a copy of that file is what a disk has whose power was \
    cut.\n\nExit status: 0 nothing was lost, 1 something was, 2 it could not be tried."
)]
pub(crate) struct Powercut {
    /// How often the power is cut.
    #[arg(long, default_value_t = 100)]
    cuts: u64,
    /// Where it is cut follows from this number.
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

/// Kills the process, again and again.
pub(crate) fn kills(
    workspace: &Workspace,
    session: &mut Session,
    arguments: &Arguments,
) -> Result<bool, Failure> {
    let what = if arguments.server { "servers" } else { "kills" };
    run(workspace, session, [what, &arguments.kills.to_string(), &arguments.seed.to_string()])
}

/// Cuts the power, again and again.
pub(crate) fn cuts(
    workspace: &Workspace,
    session: &mut Session,
    arguments: &Powercut,
) -> Result<bool, Failure> {
    run(workspace, session, ["cuts", &arguments.cuts.to_string(), &arguments.seed.to_string()])
}

fn run(workspace: &Workspace, session: &mut Session, words: [&str; 3]) -> Result<bool, Failure> {
    let build = ["build", "--release", "--package", "tidegate-tests", "--bin", "store-crash"];
    session.must(&mut workspace.cargo(&build))?;
    session.run(&mut workspace.command(workspace.release("store-crash"), &words))
}
