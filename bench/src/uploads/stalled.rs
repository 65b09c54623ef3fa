//! Uploads that have begun and bring nothing any more: what they take of the server's memory.

use std::io::ErrorKind;
use std::thread::sleep;
use std::time::{Duration, Instant};

use super::Sample;
use super::contender::{Contender, Running};
use super::content::Content;
use super::http::Connection;
use crate::failure::Failure;
use crate::watch::Peak;

pub(crate) const COLUMNS: &[&str] =
    &["peak growth, MiB", "growth after 3 s, MiB", "still open", "KB of each in files"];

/// What each says that it will send, and what it sends.
const LENGTH: u64 = 10_000_000;
const SENT: u64 = 100_000;

/// How long is looked on.
const LOOK_ON: Duration = Duration::from_secs(3);

const MIB: f64 = (1 << 20) as f64;

pub(crate) fn run(
    contender: Contender,
    running: &Running,
    content: &Content,
    count: usize,
) -> Result<Sample, Failure> {
    // The first one makes the server ready.
    let first = stall(contender, running, content)?;
    sleep(Duration::from_millis(500));
    let process = running.process();
    let base = process.rss()?;
    let mut peak = Peak::from(process)?;
    let mut stalled = Vec::with_capacity(count);
    for _ in 0..count {
        stalled.push(stall(contender, running, content)?);
        peak.look()?;
    }
    let until = Instant::now() + LOOK_ON;
    while Instant::now() < until {
        sleep(Duration::from_millis(20));
        peak.look()?;
    }
    let after = process.rss()?.saturating_sub(base);
    let open = stalled.iter().filter(|connection| is_open(connection)).count();
    let each = content.kept(&running.folder)? as f64 / (count + 1) as f64 / 1e3;
    drop(first);
    Ok(Sample { figures: vec![peak.growth() as f64 / MIB, after as f64 / MIB, open as f64, each] })
}

fn stall(contender: Contender, running: &Running, content: &Content) -> Result<Connection, Failure> {
    let mut connection = Connection::open(running.server.address)?;
    let path = connection.create(contender.path(), LENGTH)?;
    connection.patch(&path, LENGTH)?;
    connection.send(content.from(0, SENT))?;
    Ok(connection)
}

/// Whether the server neither answered nor closed.
fn is_open(connection: &Connection) -> bool {
    let stream = connection.stream.get_ref();
    stream.set_nonblocking(true).is_ok()
        && stream.peek(&mut [0]).is_err_and(|error| error.kind() == ErrorKind::WouldBlock)
}
