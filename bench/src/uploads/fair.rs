//! Eight uploads that push as fast as they may, and small ones beside them.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, sleep};
use std::time::{Duration, Instant};

use super::Sample;
use super::contender::{Contender, Running};
use super::content::Content;
use super::http::Connection;
use crate::failure::{Failure, fail};

pub(crate) const COLUMNS: &[&str] = &[
    "most / least of eight",
    "eight together, MB/s",
    "1 MiB alone p99, ms",
    "beside p50, ms",
    "beside p99, ms",
    "p99 / alone",
    "samples beside",
];

const BULK: usize = 8;

/// What a bulk upload says that it will send: more than it can.
const LENGTH: u64 = 4 << 30;

/// What a small one sends.
const SMALL: u64 = 1 << 20;

pub(crate) fn run(
    contender: Contender,
    running: &Running,
    content: &Arc<Content>,
    quick: bool,
) -> Result<Sample, Failure> {
    let seconds = |usual: u64| Duration::from_secs(if quick { 2 } else { usual });
    let address = running.server.address;
    small_ones(contender, address, content, Duration::from_millis(300))?;
    let mut alone = small_ones(contender, address, content, seconds(3))?;
    let stop = Arc::new(AtomicBool::new(false));
    let began = Instant::now();
    let bulk: Vec<_> = (0..BULK)
        .map(|_| {
            let (content, stop) = (Arc::clone(content), Arc::clone(&stop));
            thread::spawn(move || push(contender, address, &content, &stop))
        })
        .collect();
    let beside = small_ones(contender, address, content, seconds(8));
    stop.store(true, Ordering::Relaxed);
    let span = began.elapsed().as_secs_f64();
    let mut paths = Vec::new();
    for thread in bulk {
        let Ok(path) = thread.join() else { fail!("a sender panicked") };
        paths.push(path?);
    }
    let mut beside = beside?;
    // A server may need a moment to see that they are gone.
    sleep(Duration::from_millis(500));
    let mut sizes = Vec::new();
    for path in &paths {
        sizes.push(Connection::open(address)?.offset(path)?);
    }
    let (least, most) = (sizes.iter().min().unwrap_or(&0), sizes.iter().max().unwrap_or(&0));
    let (p99, alone) = (percentile(&mut beside, 0.99) * 1e3, percentile(&mut alone, 0.99) * 1e3);
    let figures = vec![
        *most as f64 / *least as f64,
        sizes.iter().sum::<u64>() as f64 / 1e6 / span,
        alone,
        percentile(&mut beside, 0.5) * 1e3,
        p99,
        p99 / alone,
        beside.len() as f64,
    ];
    Ok(Sample { figures })
}

/// Pushes until it shall stop, and goes away amid the upload.
fn push(
    contender: Contender,
    address: SocketAddr,
    content: &Content,
    stop: &AtomicBool,
) -> Result<String, Failure> {
    let mut connection = Connection::open(address)?;
    let path = connection.create(contender.path(), LENGTH)?;
    connection.patch(&path, LENGTH)?;
    let mut place = 0;
    while !stop.load(Ordering::Relaxed) {
        let piece = content.from(place, LENGTH - place);
        if piece.is_empty() {
            fail!("it was faster than was thought possible");
        }
        connection.send(piece)?;
        place += piece.len() as u64;
    }
    Ok(path)
}

/// Uploads one after the other: how long each took, from the connection to the last answer.
fn small_ones(
    contender: Contender,
    address: SocketAddr,
    content: &Content,
    span: Duration,
) -> Result<Vec<f64>, Failure> {
    let until = Instant::now() + span;
    let mut times = Vec::new();
    while Instant::now() < until {
        let began = Instant::now();
        let mut connection = Connection::open(address)?;
        let path = connection.create(contender.path(), SMALL)?;
        connection.patch(&path, SMALL)?;
        let mut place = 0;
        while place < SMALL {
            let piece = content.from(place, SMALL - place);
            connection.send(piece)?;
            place += piece.len() as u64;
        }
        connection.answer(true)?.must(204)?;
        times.push(began.elapsed().as_secs_f64());
    }
    Ok(times)
}

/// The time that this share of all is below; the longest one where there are few.
pub(crate) fn percentile(times: &mut [f64], share: f64) -> f64 {
    times.sort_by(f64::total_cmp);
    let at = (times.len() as f64 * share) as usize;
    times.get(at.min(times.len().saturating_sub(1))).copied().unwrap_or(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_of_the_sorted_times() {
        let mut times: Vec<f64> = (0..200).rev().map(f64::from).collect();
        assert_eq!(percentile(&mut times, 0.5), 100.0);
        assert_eq!(percentile(&mut times, 0.99), 198.0);
        assert_eq!(percentile(&mut [3.0, 1.0], 0.99), 3.0);
        assert_eq!(percentile(&mut [], 0.99), 0.0);
    }
}
