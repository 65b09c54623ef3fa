//! What `cargo xtask abuse` does to an echo server: one kind of misbehaviour after the other, while well-behaved
//! clients must be served as ever.

mod echoes;
mod frames;
mod leaving;
mod opening;
mod peer;
mod process;
mod table;

use std::fmt::Display;
use std::future::Future;
use std::io::{self, IsTerminal};
use std::net::SocketAddr;
use std::pin::Pin;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use self::echoes::Echoes;
use self::process::{Process, Watch};
use self::table::Row;

/// What came of it.
pub struct Findings {
    /// What each scenario cost, in Markdown.
    pub table: String,
    /// What must not have happened, one sentence each.
    pub failures: Vec<String>,
}

/// One kind of misbehaviour.
struct Scenario {
    name: &'static str,
    /// By how much the server's memory may grow, in KiB.
    allowed: u64,
    run: fn(SocketAddr) -> Attack,
}

/// Tells in a few words how it went. An error: the server did not do what it must.
type Attack = Pin<Box<dyn Future<Output = io::Result<String>> + Send>>;

const MIB: u64 = 1024;

/// What the server may hold in all, in KiB.
const BUDGET: u64 = 64 * MIB;

/// What it may have more at the end than at the start, in KiB.
const KEPT: u64 = 16 * MIB;

/// How long the server has to clean up before its memory is measured again: more than it lingers.
const SETTLE: Duration = Duration::from_millis(2500);

/// No scenario goes on for longer.
const LIMIT: Duration = Duration::from_secs(120);

/// A task and the small buffers of a connection, in KiB.
const CONNECTION: u64 = 12;

/// The allowance of a scenario is what its connections may hold by the limits of the library, and 2 MiB.
const fn allow(peers: u64, each: u64) -> u64 {
    peers * (each + CONNECTION) + 2 * MIB
}

const SCENARIOS: &[Scenario] = &[
    Scenario { name: "nobody misbehaves", allowed: 2 * MIB, run: |_| Box::pin(leaving::nobody()) },
    Scenario {
        name: "200 slow handshakes, a byte in 100 ms",
        allowed: allow(200, 16),
        run: |at| Box::pin(opening::slow(at)),
    },
    Scenario {
        name: "200 handshakes of garbage",
        allowed: allow(200, 16),
        run: |at| Box::pin(opening::garbage(at)),
    },
    Scenario {
        name: "100 header sections over the limit",
        allowed: allow(100, 16),
        run: |at| Box::pin(opening::too_long(at)),
    },
    Scenario {
        name: "50 peers, frames byte by byte",
        allowed: allow(50, 64),
        run: |at| Box::pin(frames::byte_by_byte(at)),
    },
    Scenario {
        name: "20 messages of empty fragments",
        allowed: allow(20, 64 + 256),
        run: |at| Box::pin(frames::empty_fragments(at)),
    },
    // The promise is under 1 MiB for each, whatever else is going on: no allowance on top.
    Scenario { name: "1 flood of pings, never read", allowed: MIB, run: |at| Box::pin(frames::pings(at, 1)) },
    Scenario {
        name: "20 floods of pings, never read",
        allowed: 20 * MIB,
        run: |at| Box::pin(frames::pings(at, 20)),
    },
    // The longest message, twice while it comes in pieces. One of them, however many bombs there are one after the
    // other: what has come of a message goes before its sender is told that it was too long.
    Scenario {
        name: "8 compression bombs, 1 GiB in 1 MiB",
        allowed: allow(1, 2 * 16 * MIB),
        run: |at| Box::pin(frames::bombs(at)),
    },
    Scenario {
        name: "20 that send and never read",
        allowed: allow(20, 64 + 64 + 2 * 16),
        run: |at| Box::pin(frames::never_read(at)),
    },
    Scenario {
        name: "200 resets within a frame",
        allowed: allow(200, 64 + 2 * 32),
        run: |at| Box::pin(leaving::within_a_frame(at)),
    },
    Scenario {
        name: "200 open, then vanish by a reset",
        allowed: allow(200, 0),
        run: |at| Box::pin(leaving::vanish(at)),
    },
    Scenario {
        name: "10,000 connects and drops",
        allowed: allow(100, 16),
        run: |at| Box::pin(leaving::connects_and_drops(at)),
    },
    Scenario {
        name: "200 open, then silent",
        allowed: allow(200, 0),
        run: |at| Box::pin(leaving::silent(at)),
    },
];

/// Misbehaves in every way with `word` in its name towards the echo server at `address`, which is the process `pid`.
///
/// # Errors
///
/// When the server cannot be measured or talked to in the first place.
pub async fn run(address: SocketAddr, pid: u32, word: &str) -> io::Result<Findings> {
    let chosen: Vec<&Scenario> = SCENARIOS.iter().filter(|scenario| scenario.name.contains(word)).collect();
    if chosen.is_empty() {
        return failed(format!("no scenario has {word:?} in its name"));
    }
    let process = Process::new(pid);
    let echoes = Echoes::start(address);
    // The first connections make the server's threads take what they keep.
    leaving::warm_up(address).await?;
    sleep(SETTLE).await;
    let start = process.rss()?;
    let (mut rows, mut failures) = (Vec::new(), Vec::new());
    for (number, scenario) in chosen.iter().enumerate() {
        progress(&format!("{} of {}: {}", number + 1, chosen.len(), scenario.name));
        let row = match measure(scenario, address, &process, &echoes).await {
            Ok(row) => row,
            Err(error) => {
                failures.push(format!("{}: the server cannot be measured any more: {error}", scenario.name));
                break;
            }
        };
        failures.extend(row.failures());
        rows.push(row);
    }
    progress("");
    failures.extend(echoes.failure());
    failures.extend(kept(&process, start).await);
    Ok(Findings { table: table::markdown(&rows), failures })
}

async fn measure(
    scenario: &Scenario,
    address: SocketAddr,
    process: &Process,
    echoes: &Echoes,
) -> io::Result<Row> {
    let (before, cpu, began) = (process.rss()?, process.cpu()?, Instant::now());
    let watch = Watch::start(process.clone());
    let answered = echoes.answered();
    echoes.forget_the_worst();
    let run = tokio::time::timeout(LIMIT, (scenario.run)(address)).await;
    let outcome = run.unwrap_or_else(|_| Err(io::Error::other(format!("not over after {LIMIT:?}"))));
    sleep(SETTLE).await;
    Ok(Row {
        name: scenario.name,
        allowed: scenario.allowed,
        outcome: outcome.map_err(|error| error.to_string()),
        took: began.elapsed(),
        cpu: process.cpu()?.saturating_sub(cpu),
        before,
        peak: watch.stop().max(before),
        after: process.rss()?,
        echoes: echoes.answered() - answered,
        worst: echoes.worst(),
    })
}

/// What is wrong with the server's memory once all is over.
async fn kept(process: &Process, start: u64) -> Option<String> {
    let deadline = Instant::now() + Duration::from_secs(10);
    loop {
        match process.rss() {
            Ok(rss) if rss <= start + KEPT => return None,
            Ok(rss) if Instant::now() > deadline => {
                return Some(format!("{rss} KiB are held at the end, {start} KiB were at the start"));
            }
            Ok(_) => sleep(Duration::from_millis(100)).await,
            Err(error) => return Some(format!("the server is gone: {error}")),
        }
    }
}

/// Many at a time; the first error ends them all.
async fn crowd<T, F>(count: usize, mut one: impl FnMut(usize) -> F) -> io::Result<Vec<T>>
where
    T: Send + 'static,
    F: Future<Output = io::Result<T>> + Send + 'static,
{
    let mut all: JoinSet<io::Result<T>> = (0..count).map(&mut one).collect();
    let mut results = Vec::with_capacity(count);
    while let Some(result) = all.join_next().await {
        results.push(result.map_err(io::Error::other)??);
    }
    Ok(results)
}

fn failed<T>(reason: impl Display) -> io::Result<T> {
    Err(io::Error::other(reason.to_string()))
}

/// One line that moves, on a terminal only.
fn progress(line: &str) {
    if io::stderr().is_terminal() {
        eprint!("\r{line}\x1b[K");
    }
}
