//! The project's own commands: everything is tested by `cargo xtask test`, and by the same code in CI.

mod abuse;
mod api;
mod autobahn;
mod bench;
mod crash;
mod fuzz;
mod instructions;
mod process;
mod screen;
mod session;
mod setup;
mod tally;
mod test;
mod workspace;
mod wpt;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use session::Session;
use workspace::Workspace;

/// The project's own commands.
///
/// Exit status: 0 all is well; 1 a test, a case or a fuzz target failed; 2 the command could not be carried out.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", after_help = "Example:\n  cargo xtask test")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Set up the tools and run every check and test, as CI does.
    Test(test::Arguments),
    /// Run the public WebSocket test suite against `tidegate listen --echo` and against the library's client.
    Autobahn(autobahn::Arguments),
    /// Misbehave towards `tidegate listen --echo` in every way, and measure what that costs it.
    Abuse(abuse::Arguments),
    /// Compare the public API of the crates with docs/api, or write that anew.
    Api(api::Arguments),
    /// Compare with other libraries by what a server does in a second of its CPU time.
    Bench(bench::Arguments),
    /// Kill a process that writes uploads, again and again, and look for what it acknowledged.
    Crash(crash::Arguments),
    /// Fuzz the protocol machines (needs a nightly toolchain).
    Fuzz(fuzz::Arguments),
    /// Count the instructions that a message costs, and compare them with what is written down.
    Instructions(instructions::Arguments),
    /// Cut the power of a file system in a file while uploads are written to it, and look for what was acknowledged.
    Powercut(crash::Powercut),
    /// Run the public web-platform-tests of `websockets/` in Chromium and Firefox.
    Wpt(wpt::Arguments),
    /// Only install what the tests need.
    #[command(after_help = "Example:\n  cargo xtask setup\n\nWhat is there already stays as it is.")]
    Setup,
}

/// Why a command could not be carried out: one line for the person who typed it, or several.
#[derive(Debug)]
pub(crate) struct Failure(pub(crate) String);

impl Failure {
    /// Puts what was being done before an error's own words.
    pub(crate) fn because(what: impl std::fmt::Display) -> impl FnOnce(std::io::Error) -> Self {
        move |error| Self(format!("{what}: {error}"))
    }
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match run(arguments.command) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        Err(Failure(reason)) => {
            eprintln!("cargo xtask: {reason}");
            ExitCode::from(2)
        }
    }
}

/// Whether everything passed.
fn run(command: Command) -> Result<bool, Failure> {
    let workspace = Workspace::locate()?;
    match command {
        Command::Test(arguments) => test::run(&workspace, &arguments),
        Command::Autobahn(arguments) => autobahn::run(&workspace, &mut Session::shown(), &arguments),
        Command::Abuse(arguments) => abuse::run(&workspace, &mut Session::shown(), &arguments),
        Command::Api(arguments) => api::run(&workspace, &mut Session::shown(), &arguments),
        Command::Bench(arguments) => bench::run(&workspace, &mut Session::shown(), &arguments),
        Command::Crash(arguments) => crash::kills(&workspace, &mut Session::shown(), &arguments),
        Command::Fuzz(arguments) => fuzz::run(&workspace, &mut Session::shown(), &arguments),
        Command::Instructions(arguments) => instructions::run(&workspace, &mut Session::shown(), &arguments),
        Command::Powercut(arguments) => crash::cuts(&workspace, &mut Session::shown(), &arguments),
        Command::Wpt(arguments) => wpt::run(&workspace, &mut Session::shown(), &arguments),
        Command::Setup => {
            setup::run(&workspace, &mut Session::shown())?;
            println!("the tools are in {}", workspace.tools.display());
            Ok(true)
        }
    }
}
