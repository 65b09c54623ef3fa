//! Pipes keep backpressure: who does not read stops who writes, at the other end of the network.
#![cfg(target_os = "linux")]

use std::io::{Read, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use crate::connect::noise;
use crate::peer::Peer;
use crate::process::{Tidegate, settled};

/// What a process may grow by.
const GROWTH: u64 = 4 << 20;

#[test]
fn a_fire_hose_into_a_stopped_pipe_costs_nothing() {
    let (server, url) = Tidegate::listen(["--firehose"]);
    let mut client = Tidegate::connected(&url, ["-k"]);
    let before = [server.resident_bytes(), client.resident_bytes()];
    for _ in 0..40 {
        thread::sleep(Duration::from_millis(50));
        for (before, process) in before.iter().zip([&server, &client]) {
            let now = process.resident_bytes();
            assert!(now < before + GROWTH, "grown from {before} to {now} bytes");
        }
    }
    // Nothing was lost meanwhile: every message is the same.
    let mut stdout = client.stdout.take().unwrap();
    let (mut first, mut next) = (vec![0; 16 * 1024], vec![0; 16 * 1024]);
    stdout.read_exact(&mut first).unwrap();
    for _ in 0..1000 {
        stdout.read_exact(&mut next).unwrap();
        assert!(next == first, "the bytes differ");
    }
}

#[test]
fn a_fire_hose_by_credit_stops_at_the_window() {
    let (_server, url) = Tidegate::listen(["--firehose"]);
    let mut client = Tidegate::connected(&url, ["-k", "--credits"]);
    let before = client.resident_bytes();
    thread::sleep(Duration::from_secs(1));
    let grown = client.resident_bytes().saturating_sub(before);
    assert!(grown < GROWTH, "grown by {grown} bytes");
    let mut stdout = client.stdout.take().unwrap();
    let (mut first, mut next) = (vec![0; 16 * 1024], vec![0; 16 * 1024]);
    stdout.read_exact(&mut first).unwrap();
    for _ in 0..1000 {
        stdout.read_exact(&mut next).unwrap();
        assert!(next == first, "the bytes differ");
    }
}

#[test]
fn a_stopped_pipe_stops_the_sender() {
    let peer = Peer::new();
    let client = Tidegate::start(["connect", &peer.url(), "-k"]);
    let mut connection = peer.accept_websocket();
    let sent = Arc::new(AtomicU64::new(0));
    let count = sent.clone();
    let in_flight = in_flight();
    let sender = thread::spawn(move || {
        // Twice what fits in flight; the end of the client ends this.
        let frame = [&[0x82, 126, 0x40, 0][..], &[7; 0x4000]].concat();
        while count.load(Ordering::Relaxed) < 2 * in_flight && connection.stream.write_all(&frame).is_ok() {
            count.fetch_add(frame.len() as u64, Ordering::Relaxed);
        }
    });
    let taken = settled(|| sent.load(Ordering::Relaxed));
    assert!(taken < in_flight, "{taken} bytes went to a client whose output nobody reads");
    drop(client);
    sender.join().unwrap();
}

#[test]
fn a_peer_that_never_reads_stops_the_input() {
    let peer = Peer::new();
    let mut client = Tidegate::start(["connect", "-b", &peer.url()]);
    let mut connection = peer.accept_websocket();
    let in_flight = in_flight();
    let input = Arc::new(noise(2 * usize::try_from(in_flight).unwrap()));
    let (written, source) = (Arc::new(AtomicU64::new(0)), input.clone());
    let mut stdin = client.stdin.take().unwrap();
    let count = written.clone();
    let before = client.resident_bytes();
    let writer = thread::spawn(move || {
        for chunk in source.chunks(4096) {
            stdin.write_all(chunk).unwrap();
            count.fetch_add(chunk.len() as u64, Ordering::Relaxed);
        }
    });
    let taken = settled(|| written.load(Ordering::Relaxed));
    assert!(taken < in_flight, "{taken} bytes were taken for a peer that reads nothing");
    let now = client.resident_bytes();
    assert!(now < before + GROWTH, "grown from {before} to {now} bytes");
    // Once the peer reads, the rest follows, and nothing is lost.
    let mut received = Vec::new();
    while received.len() < input.len() {
        received.extend(connection.read_frame().1);
    }
    let differs = received.iter().zip(&*input).position(|(received, sent)| received != sent);
    assert_eq!((differs, received.len()), (None, input.len()));
    writer.join().unwrap();
    assert_eq!(connection.read_close().0, 1000);
}

/// The most that may be between two programs: what the kernel lets both ends of a TCP connection hold, and 4 MiB for
/// the pipe and the process.
pub(crate) fn in_flight() -> u64 {
    let largest = |name| {
        let sizes = std::fs::read_to_string(format!("/proc/sys/net/ipv4/{name}")).unwrap();
        sizes.split_whitespace().last().unwrap().parse::<u64>().unwrap()
    };
    largest("tcp_rmem") + largest("tcp_wmem") + (4 << 20)
}
