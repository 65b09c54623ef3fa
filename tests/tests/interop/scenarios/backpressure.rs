//! Whoever sends waits for whoever reads.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::cell::{Cell, Meeting};
use crate::flow::{Tally, noise, standstill};

/// Far more than both kernels hold for a connection on this machine.
const MESSAGES: u64 = 512;
const SIZE: usize = 64 * 1024;

/// Room for both kernels' buffers (4 MiB to send, 6 MiB to receive, where Linux is as it comes), and little more.
const MOST_UNREAD: u64 = 16 << 20;

pub(crate) async fn our_write_waits_for_the_peers_reader(cell: &Cell<'_>) {
    let Meeting { socket: _socket, mut writable, peer, .. } = cell.meet().await;
    peer.pause().await;
    let accepted = Arc::new(AtomicU64::new(0));
    let count = accepted.clone();
    let writing = tokio::spawn(async move {
        let mut tally = Tally::default();
        for number in 0..MESSAGES {
            let message = noise(number, SIZE);
            tally.add(&message);
            writable.write(message).await.unwrap();
            count.fetch_add(SIZE as u64, Ordering::Relaxed);
        }
        (tally.finish(), writable)
    });
    let unread = standstill(async || accepted.load(Ordering::Relaxed)).await;
    assert!(unread < MOST_UNREAD, "{unread} bytes were accepted for a peer that reads nothing");
    assert!(!writing.is_finished());
    let received = peer.receive(MESSAGES).await;
    let (sent, _writable) = writing.await.unwrap();
    assert_eq!(received, sent);
}

pub(crate) async fn the_peers_write_waits_for_our_reader(cell: &Cell<'_>) {
    let Meeting { mut readable, peer, .. } = cell.meet().await;
    let pushing = peer.push(MESSAGES, SIZE);
    let unread = standstill(async || peer.pushed().await).await;
    assert!(unread < MOST_UNREAD, "the peer found room for {unread} bytes that nobody reads");
    let mut tally = Tally::default();
    for _ in 0..MESSAGES {
        tally.add(&readable.read().await.unwrap().unwrap());
    }
    assert_eq!(pushing.await, tally.finish());
}
