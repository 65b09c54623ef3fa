//! The `tidegate` command: talk WebSocket with backpressure from a terminal.
//!
//! ```text
//! main → args → connect (input → socket → output), upload, listen, serve, demo
//!      → uploads → temporary;  address, interrupt, log, tls → exit
//! ```

mod address;
mod args;
mod connect;
mod demo;
mod exit;
mod interrupt;
mod listen;
mod log;
mod serve;
mod temporary;
mod tls;
mod upload;
mod uploads;
mod values;

use std::process::ExitCode;

use clap::Parser;

use args::{Args, Command};

fn main() -> ExitCode {
    let args = match Args::try_parse() {
        Ok(args) => args,
        Err(error) => return exit::usage(&error),
    };
    exit::end(match args.command {
        Command::Connect(args) => connect::run(&args),
        Command::Listen(args) => listen::run(&args),
        Command::Serve(args) => serve::run(&args),
        Command::Demo(args) => demo::run(&args),
        Command::Upload(args) => upload::run(&args),
    })
}
