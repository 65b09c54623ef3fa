//! Servers compared by what they do in a second of their own CPU time. `cargo xtask bench` builds and runs all of it.

mod contenders;
mod failure;
mod frames;
mod load;
mod modes;
mod poll;
mod report;
mod rounds;
mod run;
mod screen;
mod server;
mod socket;
mod watch;

use std::net::SocketAddr;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use failure::{Failure, fail};
use modes::Mode;
use socket::Target;
use watch::Process;

#[derive(Parser)]
#[command(name = "bench", disable_help_subcommand = true)]
struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Compare the contenders
    Run(run::Args),
    /// Put one load on a server that runs already.
    Load(LoadArgs),
}

#[derive(clap::Args)]
struct LoadArgs {
    /// The server's address, as 127.0.0.1:9001
    address: SocketAddr,
    /// The server's process, whose CPU time is counted
    #[arg(long)]
    pid: u32,
    /// What to do
    #[arg(long)]
    mode: String,
    /// The server echoes bytes and speaks no WebSocket
    #[arg(long)]
    raw: bool,
    /// How often
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// Shorter samples
    #[arg(long)]
    quick: bool,
}

fn main() -> ExitCode {
    let result = match Args::parse().command {
        Command::Run(args) => run::run(&args),
        Command::Load(args) => put_load(&args),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure(reason)) => {
            eprintln!("bench: {reason}");
            ExitCode::from(2)
        }
    }
}

fn put_load(args: &LoadArgs) -> Result<(), Failure> {
    let Some(mode) = Mode::named(&args.mode) else {
        let names: Vec<&str> = modes::ALL.iter().map(|mode| mode.name).collect();
        fail!("no mode is called {:?}; there are: {}", args.mode, names.join(", "));
    };
    server::take_load_core()?;
    let raw = contenders::ALL.iter().find(|contender| args.raw && contender.is_raw());
    let target = Target { address: args.address, speech: mode.speech(raw), tls: None };
    for _ in 0..args.rounds {
        let figures = mode.measure(&target, Process(args.pid), args.quick)?;
        println!(
            "{}: {} {}, load {:.0} % of its core {}",
            mode.name,
            report::table::number(figures.main),
            mode.unit,
            figures.load_share * 100.0,
            figures.note,
        );
    }
    Ok(())
}
