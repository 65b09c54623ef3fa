//! Servers compared by what they do in a second of their own CPU time. `cargo xtask bench` builds and runs all of it.

mod args;
mod channels;
mod comparison;
mod contenders;
mod failure;
mod frames;
mod incoming;
mod load;
mod modes;
mod poll;
mod report;
mod rounds;
mod run;
mod screen;
mod server;
mod socket;
mod uploads;
mod watch;

use std::net::SocketAddr;
use std::path::PathBuf;
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
    /// Compare those that offer channels.
    Channels(channels::Args),
    /// Compare those that take uploads.
    Uploads(uploads::Args),
    /// Take bytes and sync them: what uploads are compared with.
    Sink {
        /// Where the file goes
        folder: PathBuf,
    },
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
        Command::Channels(args) => channels::run(&args),
        Command::Uploads(args) => uploads::run(&args),
        Command::Sink { folder } => uploads::sink::serve(&folder),
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
    if mode.needs_tls() {
        fail!("a server that runs already has no certificate that is trusted here");
    }
    let target = Target { address: args.address, speech: mode.speech(args.raw), tls: None };
    for _ in 0..args.rounds {
        let figures = mode.measure(&target, Process(args.pid), args.quick)?;
        let others: Vec<String> = mode
            .columns
            .iter()
            .zip(&figures.others)
            .map(|(column, &value)| format!(", {column}: {}", report::table::number(value)))
            .collect();
        println!(
            "{}: {} {}{} {} (load {:.0} % and server {:.0} % of a core)",
            mode.name,
            report::table::number(figures.main),
            mode.unit,
            others.concat(),
            figures.note,
            share(figures.load_ns, figures.wall_ns),
            share(figures.server_ns, figures.wall_ns),
        );
    }
    Ok(())
}

fn share(part: u64, whole: u64) -> f64 {
    part as f64 * 100.0 / whole.max(1) as f64
}
