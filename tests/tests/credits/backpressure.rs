//! Who does not read stops the peer at the window, and nobody else.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tidegate::{Opened, Writable};
use tidegate_tests::raw::{BINARY, Role, halves, soon};

use crate::peer::{frame, open_pair, open_raw, receives_batch};

/// The window to begin with, and what a message costs.
const WINDOW: usize = 256 * 1024;
const HIGH_WATER_MARK: usize = 64 * 1024;
const LEN: usize = 1000;

/// How long something must not move to be called stalled. A machine so slow that this is wrong makes the tests
/// weaker, not red.
const STILL: Duration = Duration::from_millis(300);

async fn push(writable: &mut Writable, accepted: &AtomicU64) {
    loop {
        let number = accepted.load(Ordering::Relaxed);
        let mut message = vec![0; LEN];
        message[..8].copy_from_slice(&number.to_be_bytes());
        writable.write(message).await.expect("it is open");
        accepted.store(number + 1, Ordering::Relaxed);
    }
}

async fn stalls(count: &AtomicU64) -> usize {
    let mut last = u64::MAX;
    loop {
        let now = count.load(Ordering::Relaxed);
        if now == last && now > 0 {
            return now as usize;
        }
        last = now;
        tokio::time::sleep(STILL).await;
    }
}

#[tokio::test]
async fn a_reader_that_does_not_come_stops_the_peer_at_the_window_and_loses_nothing() {
    for pushes in [Role::Server, Role::Client] {
        let (server, client) = open_pair().await;
        let ((_reader, mut reading), (_writer, mut writing)) = match pushes {
            Role::Server => (client, server),
            Role::Client => (server, client),
        };
        let accepted = Arc::new(AtomicU64::new(0));
        let counted = accepted.clone();
        let pushing = tokio::spawn(async move { push(&mut writing.writable, &counted).await });
        let count = soon(stalls(&accepted)).await;
        // The window, an overdraft of one message, and what waits below the high water mark and one message more.
        let most = WINDOW + HIGH_WATER_MARK + 2 * (LEN + 32);
        assert!(count * (LEN + 32) <= most, "{count} messages were accepted");
        assert!(_reader.stats().ahead_bytes <= WINDOW + LEN + 32, "{:?}", _reader.stats());
        for number in 0..count as u64 + 1000 {
            let message = soon(reading.readable.read()).await.expect("it is open").expect("more is to come");
            assert!(message.as_bytes().starts_with(&number.to_be_bytes()), "message {number}");
        }
        pushing.abort();
    }
}

#[tokio::test]
async fn a_stalled_reader_never_blocks_its_own_writer() {
    let ((_server, near), (_client, far)) = open_pair().await;
    let Opened { readable: _unread, mut writable, .. } = near;
    let Opened { readable: mut reading, writable: mut pushing, .. } = far;
    let accepted = Arc::new(AtomicU64::new(0));
    let counted = accepted.clone();
    let pushing = tokio::spawn(async move { push(&mut pushing, &counted).await });
    soon(stalls(&accepted)).await;
    // Far more than a window, so that grants have to come through to an end that reads no message.
    let writing = tokio::spawn(async move {
        for number in 0..2000u32 {
            writable.write(format!("{number:01000}")).await.expect("it is open");
        }
        writable
    });
    for number in 0..2000u32 {
        let message = soon(reading.read()).await.expect("it is open");
        assert_eq!(message, Some(format!("{number:01000}").into()));
    }
    drop(soon(writing).await.expect("all was written"));
    pushing.abort();
}

#[tokio::test]
async fn both_may_write_first_and_read_later() {
    // Each writes more than the other one's window before it reads: by turns, so that neither waits for ever.
    let ((_server, near), (_client, far)) = open_pair().await;
    let talk = |opened: Opened| async move {
        let Opened { mut readable, mut writable, .. } = opened;
        let writing = tokio::spawn(async move {
            for _ in 0..1000 {
                writable.write(vec![7; LEN]).await.expect("it is open");
            }
            writable
        });
        tokio::time::sleep(STILL).await;
        for _ in 0..1000 {
            assert!(readable.read().await.expect("it is open").is_some());
        }
        (writing.await.expect("no panic"), readable)
    };
    let both = async { tokio::join!(tokio::spawn(talk(near)), tokio::spawn(talk(far))) };
    let (near, far) = soon(both).await;
    drop((near.expect("no panic"), far.expect("no panic")));
}

#[tokio::test]
async fn a_write_waits_for_credit_and_goes_on_with_it() {
    for role in [Role::Server, Role::Client] {
        let (mut peer, socket) = open_raw(role).await;
        let Opened { readable: _unread, mut writable, .. } = halves(&socket).await;
        let accepted = Arc::new(AtomicU64::new(0));
        let counted = accepted.clone();
        let pushing = tokio::spawn(async move { push(&mut writable, &counted).await });
        let count = soon(stalls(&accepted)).await;
        // All that there was credit for comes, then BLOCKED at the limit, and nothing behind it.
        let mut received = 0;
        let blocked = loop {
            let batch = peer.receives_frame().await;
            assert_eq!(batch.first, BINARY);
            received += batch.payload.len();
            if batch.payload.ends_with(&[4, 4, 0x80, 4, 0, 0]) {
                break received;
            }
        };
        assert!(blocked < WINDOW && count * LEN > blocked, "{blocked} of {count} messages");
        // CREDIT: limit 1048576, ack 1.
        peer.sends_frame(BINARY, frame(3, [0x80, 0x10, 0, 0, 1])).await;
        while accepted.load(Ordering::Relaxed) as usize == count {
            peer.receives_frame().await;
        }
        pushing.abort();
    }
}

#[tokio::test]
async fn a_flush_waits_for_credit() {
    let (mut peer, socket) = open_raw(Role::Server).await;
    let mut opened = halves(&socket).await;
    let flushing = tokio::spawn(async move {
        opened.writable.write(vec![0; 300_000]).await?;
        opened.writable.write("behind").await?;
        opened.writable.flush().await
    });
    while !peer.receives_frame().await.payload.starts_with(&[4, 4]) {}
    tokio::time::sleep(STILL).await;
    assert!(!flushing.is_finished(), "it waits for credit");
    peer.sends_frame(BINARY, frame(3, [0x80, 0x10, 0, 0, 1])).await;
    receives_batch(&mut peer, b"\x10\x06behind").await;
    soon(flushing).await.expect("no panic").expect("it has left");
}

#[tokio::test]
async fn a_ping_is_answered_while_nobody_reads() {
    for role in [Role::Server, Role::Client] {
        let (mut peer, socket) = open_raw(role).await;
        let _unread = halves(&socket).await;
        for number in 0..3 {
            peer.sends_frame(BINARY, [&[0x11, 0x80, 0, 0x80, 0][..], &[0; 0x8000]].concat()).await;
            peer.sends_frame(BINARY, frame(5, [number])).await;
            receives_batch(&mut peer, &frame(6, [number])).await;
        }
    }
}

#[tokio::test]
async fn what_nobody_will_read_is_granted_for() {
    let ((_server, near), (_client, far)) = open_pair().await;
    drop(near.readable);
    let mut writable = far.writable;
    let writing = async {
        for _ in 0..2000 {
            writable.write(vec![7; LEN]).await.expect("it is open");
        }
    };
    soon(writing).await;
}
