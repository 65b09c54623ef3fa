//! Laws 1 to 3 with real sockets: nothing grows, everything waits, and what was accepted arrives.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tidegate::{Acceptor, Message, Opened, WebSocketStream, Writable};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};

use crate::process::{MEBIBYTE, grown, is_alone, memory};
use tidegate_tests::raw::{BINARY, BOTH, CLOSE, PING, PONG, Raw, Role, TEXT, halves, open, open_pipe, soon};

/// What the buffers of two sockets may hold, far beyond any default: with more than this accepted, nobody waits.
const IN_FLIGHT: usize = 64 * MEBIBYTE;

/// How long something must not move to be called stalled. A machine so slow that this is wrong makes the tests
/// weaker, not red.
const STILL: Duration = Duration::from_millis(300);

/// Runs `test` on a runtime of one thread, in a process of its own; `name` is the calling test's.
fn alone<F: Future<Output = ()>>(name: &str, test: impl FnOnce() -> F) {
    if is_alone(name) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        runtime.expect("a runtime").block_on(test());
    }
}

/// A message that holds its number, of `len` bytes.
fn numbered(number: u64, len: usize) -> Vec<u8> {
    let mut payload = vec![(number % 251) as u8; len];
    payload[..8].copy_from_slice(&number.to_be_bytes());
    payload
}

/// Writes numbered messages until it is stopped; counts those that were accepted.
async fn push(writable: &mut Writable, accepted: &AtomicU64, len: usize) {
    loop {
        let number = accepted.load(Ordering::Relaxed);
        writable.write(numbered(number, len)).await.expect("it is open");
        accepted.store(number + 1, Ordering::Relaxed);
    }
}

/// Waits until `count` does not change any more.
async fn stalls(count: &AtomicU64) -> u64 {
    let mut last = u64::MAX;
    loop {
        let now = count.load(Ordering::Relaxed);
        if now == last {
            return now;
        }
        last = now;
        tokio::time::sleep(STILL).await;
    }
}

/// One round trip, so that everything lazy is there before memory is measured.
async fn warm_up(peer: &mut Raw, opened: &mut Opened) {
    peer.sends_frame(TEXT, "warm").await;
    assert_eq!(soon(opened.readable.read()).await.expect("it comes"), Some("warm".into()));
    soon(opened.writable.write(vec![0; 70_000])).await.expect("it is open");
    peer.receives(BINARY, vec![0; 70_000]).await;
}

/// Law 2 and 3: a push to a reader that stops.
async fn a_push_stalls_and_loses_nothing(role: Role, len: usize) {
    let (mut peer, socket) = open(role).await;
    let mut opened = halves(&socket).await;
    warm_up(&mut peer, &mut opened).await;
    let Opened { readable, mut writable, .. } = opened;
    let accepted = Arc::new(AtomicU64::new(0));
    let before = memory();
    let pushing = {
        let accepted = accepted.clone();
        tokio::spawn(async move {
            // Stopped in the middle of a write that waits: that message was not accepted.
            tokio::select! {
                () = push(&mut writable, &accepted, len) => {}
                () = tokio::time::sleep(Duration::MAX) => {}
            }
        })
    };
    let count = soon(stalls(&accepted)).await;
    let (grown, bytes) = (grown(before), count as usize * len);
    assert!(grown < MEBIBYTE, "{role:?}, messages of {len}: {grown} bytes grown with {bytes} accepted");
    assert!(bytes < IN_FLIGHT, "{bytes} bytes were accepted by nobody");
    assert!(count > 0);
    // The reader goes on: every message, in order, those written meanwhile too.
    for number in 0..count + 100 {
        peer.receives(BINARY, numbered(number, len)).await;
    }
    pushing.abort();
    assert!(pushing.await.is_err());
    let total = accepted.load(Ordering::Relaxed);
    for number in count + 100..total {
        peer.receives(BINARY, numbered(number, len)).await;
    }
    socket.close(1000).expect("it may be sent");
    peer.receives(CLOSE, b"\x03\xe8").await;
    drop(readable);
}

#[test]
fn a_server_that_pushes_to_a_reader_that_stops_stalls_and_loses_nothing() {
    alone("laws::a_server_that_pushes_to_a_reader_that_stops_stalls_and_loses_nothing", || async {
        a_push_stalls_and_loses_nothing(Role::Server, 1000).await;
    });
}

#[test]
fn a_server_that_pushes_large_messages_stalls_and_loses_nothing() {
    alone("laws::a_server_that_pushes_large_messages_stalls_and_loses_nothing", || async {
        a_push_stalls_and_loses_nothing(Role::Server, 50_000).await;
    });
}

#[test]
fn a_client_that_pushes_to_a_reader_that_stops_stalls_and_loses_nothing() {
    alone("laws::a_client_that_pushes_to_a_reader_that_stops_stalls_and_loses_nothing", || async {
        a_push_stalls_and_loses_nothing(Role::Client, 1000).await;
    });
}

/// Law 2: our reader stops, and the peer's writes stall; then all of it is there.
async fn a_reader_that_stops_stops_the_peer(role: Role) {
    const LEN: usize = 10_000;
    let (mut peer, socket) = open(role).await;
    let mut opened = halves(&socket).await;
    warm_up(&mut peer, &mut opened).await;
    let Opened { mut readable, writable, .. } = opened;
    let before = memory();
    let sent = Arc::new(AtomicU64::new(0));
    let masks = peer.masks;
    let (mut incoming, mut outgoing) = peer.io.into_split();
    let sending = {
        let sent = sent.clone();
        tokio::spawn(async move {
            loop {
                let number = sent.load(Ordering::Relaxed);
                let frame = tidegate_tests::raw::frame(BINARY, &numbered(number, LEN), masks);
                if outgoing.write_all(&frame).await.is_err() {
                    return;
                }
                sent.store(number + 1, Ordering::Relaxed);
            }
        })
    };
    let count = soon(stalls(&sent)).await;
    let (grown, bytes) = (grown(before), count as usize * LEN);
    assert!(grown < MEBIBYTE, "{role:?}: {grown} bytes grown with {bytes} sent");
    assert!(bytes < IN_FLIGHT, "{bytes} bytes were taken by nobody");
    for number in 0..count + 100 {
        let message = soon(readable.read()).await.expect("it comes").expect("before the end");
        assert!(message.as_bytes() == numbered(number, LEN), "message {number}");
    }
    sending.abort();
    drop((readable, writable, socket));
    let mut rest = Vec::new();
    let _ = soon(tokio::io::AsyncReadExt::read_to_end(&mut incoming, &mut rest)).await;
}

#[test]
fn a_reader_that_stops_stops_the_peer_of_a_server() {
    alone("laws::a_reader_that_stops_stops_the_peer_of_a_server", || {
        a_reader_that_stops_stops_the_peer(Role::Server)
    });
}

#[test]
fn a_reader_that_stops_stops_the_peer_of_a_client() {
    alone("laws::a_reader_that_stops_stops_the_peer_of_a_client", || {
        a_reader_that_stops_stops_the_peer(Role::Client)
    });
}

/// RUSTSEC-2020-0043: replies that nobody asked for have a bound too.
#[test]
fn a_flood_of_pings_from_a_peer_that_never_reads_costs_a_constant() {
    alone("laws::a_flood_of_pings_from_a_peer_that_never_reads_costs_a_constant", || async {
        for role in BOTH {
            let (mut peer, socket) = open(role).await;
            let mut opened = halves(&socket).await;
            warm_up(&mut peer, &mut opened).await;
            let Opened { mut readable, writable, .. } = opened;
            let reader = tokio::spawn(async move { readable.read().await });
            let pings = peer.frame(PING, [9; 125]).repeat(1000);
            let before = memory();
            for _ in 0..200 {
                peer.sends(&pings).await;
            }
            peer.sends_frame(PING, "the last").await;
            peer.sends_frame(TEXT, "enough").await;
            let message = soon(reader).await.expect("it does not panic").expect("it comes");
            assert_eq!(message, Some("enough".into()));
            let grown = grown(before);
            assert!(grown < MEBIBYTE, "{role:?}: {grown} bytes");
            // The last ping is the one that must be answered (RFC 6455 §5.5.3).
            loop {
                let frame = peer.receives_frame().await;
                assert_eq!(frame.first, PONG);
                if frame.payload == b"the last" {
                    break;
                }
            }
            drop(writable);
        }
    });
}

/// Law 7.
#[tokio::test]
async fn a_stalled_reader_never_blocks_its_own_writer() {
    for role in BOTH {
        let (peer, socket) = open(role).await;
        let Opened { readable, mut writable, .. } = halves(&socket).await;
        let unread = peer.frame(BINARY, vec![1; MEBIBYTE]);
        // More than any socket buffer takes: this sender waits for a reader that does not come.
        let (mut incoming, mut outgoing) = tokio::io::split(peer.io);
        let sending = tokio::spawn(async move { while outgoing.write_all(&unread).await.is_ok() {} });
        let writing = tokio::spawn(async move {
            for number in 0..2000 {
                writable.write(numbered(number, 1000)).await.expect("it is open");
            }
            writable
        });
        let len = 2000 * (1004 + if role == Role::Client { 4 } else { 0 });
        let mut received = vec![0; len];
        soon(tokio::io::AsyncReadExt::read_exact(&mut incoming, &mut received)).await.expect("all of it");
        soon(writing).await.expect("it does not panic");
        sending.abort();
        drop(readable);
    }
}

#[tokio::test]
async fn a_write_that_was_dropped_while_it_waited_was_not_accepted() {
    for role in BOTH {
        let (mut peer, socket) = open(role).await;
        let Opened { readable, mut writable, .. } = halves(&socket).await;
        let mut accepted = 0;
        while let Ok(written) = tokio::time::timeout(STILL, writable.write(numbered(accepted, 50_000))).await
        {
            written.expect("it is open");
            accepted += 1;
        }
        for _ in 0..10 {
            let dropped = tokio::time::timeout(Duration::ZERO, writable.write("never accepted")).await;
            assert!(dropped.is_err(), "there is no room");
        }
        assert!(writable.desired_size() <= 0);
        let reading = tokio::spawn(async move {
            for number in 0..accepted {
                peer.receives(BINARY, numbered(number, 50_000)).await;
            }
            peer.receives(TEXT, "the next").await;
            peer
        });
        soon(writable.write("the next")).await.expect("it is open");
        soon(reading).await.expect("it does not panic");
        drop(readable);
    }
}

/// Law 3, and what fastwebsockets and soketto got wrong: a `read` that loses a `select!` loses no message. Gives how
/// many reads were dropped.
async fn reads_are_dropped<S>(mut peer: Raw<S>, socket: WebSocketStream) -> u32
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let length = |number: u64| 8 + number as usize % 200;
    let Opened { mut readable, writable, .. } = halves(&socket).await;
    let mut random = random();
    let mut cuts = random.clone();
    let sending = tokio::spawn(async move {
        let frames = (0..10_000).flat_map(|number| peer.frame(BINARY, numbered(number, length(number))));
        let frames: Vec<u8> = frames.collect();
        let mut rest = &frames[..];
        while !rest.is_empty() {
            let cut = cuts.next().expect("endless") as usize % 120;
            let (piece, later) = rest.split_at((1 + cut).min(rest.len()));
            peer.sends(piece).await;
            rest = later;
        }
        peer
    });
    let (mut number, mut dropped) = (0, 0);
    while number < 10_000 {
        let patience = random.next().expect("endless") % 3;
        let message = tokio::select! {
            biased;
            message = readable.read() => message.expect("it is open"),
            () = yields(patience) => {
                dropped += 1;
                continue;
            }
        };
        let expected: Message = numbered(number, length(number)).into();
        assert_eq!(message, Some(expected), "message {number}, {dropped} reads dropped");
        number += 1;
    }
    soon(sending).await.expect("it does not panic");
    drop(writable);
    dropped
}

#[tokio::test]
async fn reads_dropped_at_any_point_lose_nothing_over_tcp() {
    for role in BOTH {
        let (peer, socket) = open(role).await;
        assert!(reads_are_dropped(peer, socket).await > 0);
    }
}

#[tokio::test]
async fn reads_dropped_at_any_point_lose_nothing_over_a_pipe() {
    for bytes in [7, 300, 5000] {
        let (peer, socket) = open_pipe(Acceptor::new(), bytes).await;
        let dropped = reads_are_dropped(peer, socket).await;
        assert!(dropped > 1000 || bytes > 300, "{dropped} reads were dropped");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reads_dropped_at_any_point_lose_nothing_on_many_threads() {
    for role in BOTH {
        let (peer, socket) = open(role).await;
        reads_are_dropped(peer, socket).await;
    }
}

/// The same numbers in every run.
fn random() -> impl Iterator<Item = u32> + Clone + Send + 'static {
    let step = |state: &u32| Some(state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223));
    std::iter::successors(Some(7_u32), step).map(|state| state >> 16)
}

async fn yields(times: u32) {
    for _ in 0..times {
        tokio::task::yield_now().await;
    }
}
