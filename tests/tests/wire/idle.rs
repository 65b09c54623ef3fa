//! What happens while nobody reads, or somebody seems to: pings, a Close, and what was written.

use std::time::Duration;

use futures_util::{FutureExt, StreamExt};
use tidegate::{Acceptor, Opened};

use tidegate_tests::raw::{BINARY, BOTH, CLOSE, PING, PONG, TEXT, halves, open, open_pipe, soon};

#[tokio::test]
async fn a_close_is_answered_while_nobody_reads_and_the_backlog_is_kept() {
    for role in BOTH {
        let (mut peer, socket) = open(role).await;
        let Opened { mut readable, writable, .. } = halves(&socket).await;
        peer.sends_frame(TEXT, "1").await;
        peer.sends_frame(TEXT, "2").await;
        let close = peer.close_frame(1000, "bye");
        peer.sends(close).await;
        peer.receives(CLOSE, b"\x03\xe8bye").await;
        drop(peer);
        assert_eq!(soon(socket.closed()).await.expect("clean").close_code, 1000);
        assert_eq!(soon(readable.read()).await.expect("kept"), Some("1".into()));
        assert_eq!(soon(readable.read()).await.expect("kept"), Some("2".into()));
        assert_eq!(soon(readable.read()).await.expect("a clean end"), None);
        drop(writable);
    }
}

/// A reader that waits answers pings, for as long as it waits.
#[tokio::test(start_paused = true)]
async fn pings_are_answered_while_a_read_waits() {
    let (mut peer, socket) = open_pipe(Acceptor::new(), 4096).await;
    let Opened { mut readable, writable, .. } = halves(&socket).await;
    let reader = tokio::spawn(async move { readable.read().await });
    for index in 0..50_u8 {
        peer.sends_frame(PING, [index]).await;
        peer.receives(PONG, [index]).await;
        tokio::time::sleep(Duration::from_secs(20)).await;
    }
    peer.sends_frame(TEXT, "enough").await;
    let message = soon(reader).await.expect("it does not panic").expect("it comes");
    assert_eq!(message, Some("enough".into()));
    drop(writable);
}

/// Law 2: a few messages are pulled ahead, so that a ping behind them is seen.
#[tokio::test(start_paused = true)]
async fn a_ping_is_answered_while_nobody_reads() {
    let (mut peer, socket) = open_pipe(Acceptor::new(), 4096).await;
    let Opened { readable, writable, .. } = halves(&socket).await;
    peer.sends_frame(TEXT, "unread").await;
    peer.sends_frame(PING, "there?").await;
    peer.receives(PONG, "there?").await;
    drop((readable, writable));
}

#[tokio::test(start_paused = true)]
async fn pings_are_answered_for_ever_while_nobody_reads() {
    let (mut peer, socket) = open_pipe(Acceptor::new(), 4096).await;
    let Opened { mut readable, writable, .. } = halves(&socket).await;
    for index in 0..50_u8 {
        peer.sends_frame(PING, [index]).await;
        peer.receives(PONG, [index]).await;
        tokio::time::sleep(Duration::from_secs(20)).await;
        if index % 10 == 0 {
            // A reader that comes now and then, and waits for a while.
            peer.sends_frame(TEXT, "now").await;
            assert_eq!(soon(readable.read()).await.expect("it comes"), Some("now".into()));
            let waiting = tokio::time::timeout(Duration::from_secs(5), readable.read()).await;
            assert!(waiting.is_err(), "nothing more was sent");
        }
    }
    drop(writable);
}

/// A `Stream` has no future to drop: only the next look tells that nobody waits any more.
#[tokio::test(start_paused = true)]
async fn a_ping_is_answered_after_a_next_that_was_dropped() {
    let (mut peer, socket) = open_pipe(Acceptor::new(), 4096).await;
    let Opened { mut readable, writable, .. } = halves(&socket).await;
    assert!(readable.next().now_or_never().is_none(), "nothing has come");
    // Twice, since the first one still wakes the reader that is gone.
    for payload in ["a", "b"] {
        peer.sends_frame(PING, payload).await;
        peer.receives(PONG, payload).await;
    }
    drop((readable, writable));
}

/// As `select!` on `&mut read` does while one of its handlers awaits something: the transport wakes a reader that does
/// not come.
#[tokio::test(start_paused = true)]
async fn what_was_written_leaves_while_a_read_is_held_and_not_polled() {
    let (mut peer, socket) = open_pipe(Acceptor::new(), 4096).await;
    let Opened { mut readable, mut writable, .. } = halves(&socket).await;
    let mut read = Box::pin(readable.read());
    assert!((&mut read).now_or_never().is_none(), "nothing has come");
    // The driver sees that the reader waits, and looks no more.
    tokio::time::sleep(Duration::from_secs(5)).await;
    // More than the pipe takes at once.
    let large = vec![7; 10_000];
    soon(writable.write(large.clone())).await.expect("it is open");
    peer.receives(BINARY, large).await;
    drop(read);
}

/// The pong is made on the way to a message, and leaves although nobody calls again.
#[tokio::test(start_paused = true)]
async fn a_ping_before_a_message_is_answered_when_the_message_is_read() {
    let (mut peer, socket) = open_pipe(Acceptor::new(), 4096).await;
    let Opened { mut readable, writable, .. } = halves(&socket).await;
    let both = [peer.frame(PING, "first"), peer.frame(TEXT, "second")].concat();
    peer.sends(both).await;
    let began = tokio::time::Instant::now();
    assert_eq!(soon(readable.read()).await.expect("it comes"), Some("second".into()));
    peer.receives(PONG, "first").await;
    // The clock is paused: it goes only when nobody has anything to do.
    assert_eq!(began.elapsed(), Duration::ZERO, "the pong waited for a timer");
    drop(writable);
}

#[tokio::test(start_paused = true)]
async fn closed_settles_after_a_next_that_was_dropped() {
    let (mut peer, socket) = open_pipe(Acceptor::new(), 4096).await;
    let Opened { mut readable, writable, .. } = halves(&socket).await;
    assert!(readable.next().now_or_never().is_none(), "nothing has come");
    let close = peer.close_frame(1000, "");
    peer.sends(close).await;
    assert_eq!(soon(socket.closed()).await.expect("a clean close").close_code, 1000);
    drop((readable, writable));
}
