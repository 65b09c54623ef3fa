//! A prober that speaks badly on purpose, to an echo server on this machine: `cargo xtask abuse` starts both.
//!
//! Usage: `abuse 127.0.0.1:9001 PID [WORD]`, with the process of the server, whose CPU time and memory it tells, and
//! a word in the names of the scenarios to run, if not all.
//!
//! Exit status: 0 the server stood it all, 1 it did not, 2 the prober cannot work.

use std::net::SocketAddr;
use std::process::ExitCode;

use tidegate_tests::abuse;

#[tokio::main(worker_threads = 2)]
async fn main() -> ExitCode {
    let (address, pid, word) = match arguments() {
        Ok(arguments) => arguments,
        Err(reason) => {
            eprintln!("abuse: {reason}\nusage: abuse 127.0.0.1:PORT PID [WORD]");
            return ExitCode::from(2);
        }
    };
    match abuse::run(address, pid, &word).await {
        Ok(findings) => {
            print!("{}", findings.table);
            for failure in &findings.failures {
                eprintln!("abuse: {failure}");
            }
            ExitCode::from(u8::from(!findings.failures.is_empty()))
        }
        Err(error) => {
            eprintln!("abuse: {error}");
            ExitCode::from(2)
        }
    }
}

fn arguments() -> Result<(SocketAddr, u32, String), String> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let (address, pid, word) = match words.as_slice() {
        [address, pid] => (address, pid, String::new()),
        [address, pid, word] => (address, pid, word.clone()),
        _ => return Err("an address and a process are needed".into()),
    };
    let address: SocketAddr =
        address.parse().map_err(|_| format!("{address:?} is no IP address with a port"))?;
    if !address.ip().is_loopback() {
        return Err(format!("{address} is not on this machine, and no other is probed"));
    }
    let pid = pid.parse().map_err(|_| format!("{pid:?} is not the number of a process"))?;
    Ok((address, pid, word))
}
