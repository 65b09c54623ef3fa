//! What does not hold yet, each with a line on why. A test that passes moves to the file of its kind.

use std::time::Duration;

use bytes::Buf;
use futures_util::{FutureExt, StreamExt};
use tidegate::{Acceptor, Opened};
use tidegate_proto::websocket::{Config, Connection, Event, Failure, PeerMisbehaved, Side};

use crate::process::{MEBIBYTE, grown, is_alone, memory};
use crate::raw::{BINARY, PING, PONG, TEXT, frame, halves, open_pipe, soon};

/// The driver flushes before it decodes ahead, not behind it: the pong waits for the next thing to happen.
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

/// `Readable` as a `Stream` has no guard like the one of `read`: a `next()` that is dropped halfway leaves the
/// reader marked as waiting, so that the driver never looks in its place.
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

/// The transport wakes a reader that was polled once and is held since, as `select!` on `&mut read` does while one of
/// its handlers awaits something; nobody is woken in its place, and what is written waits until it is polled again.
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

/// The same for a pong that is decoded on the way to a message: `read` returns the message and leaves the pong
/// where it is, until the next call, or for up to a second.
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

/// `Transmit` gathers small messages in a buffer whose sent front goes only when all of it is sent; behind a reader
/// that is a little slower than the writer that never happens.
#[test]
fn a_queue_that_is_never_empty_does_not_keep_what_it_has_sent() {
    if !is_alone("known_bugs::a_queue_that_is_never_empty_does_not_keep_what_it_has_sent") {
        return;
    }
    let mut server = Connection::new(Side::Server, Config::default(), None, [0; 32]);
    server.send(vec![1; 1000].into()).expect("it is open");
    let before = memory();
    for _ in 0..64 * 1024 {
        server.send(vec![1; 1000].into()).expect("it is open");
        server.poll_transmit().expect("something waits").advance(1004);
        assert!(server.queued_bytes() <= 1004);
    }
    let grown = grown(before);
    assert!(grown < MEBIBYTE, "{grown} bytes are held for a queue of 1004");
}

/// The same with a library's server, a pipe and a peer that reads all the time.
#[test]
fn a_writer_that_is_always_a_little_ahead_of_its_peer_keeps_memory_bounded() {
    if !is_alone("known_bugs::a_writer_that_is_always_a_little_ahead_of_its_peer_keeps_memory_bounded") {
        return;
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let (mut peer, socket) = open_pipe(Acceptor::new(), 16 * 1024).await;
        let Opened { mut writable, .. } = halves(&socket).await;
        let before = memory();
        let writer = tokio::spawn(async move {
            for _ in 0..64 * 1024 {
                writable.write(vec![1; 1000]).await.expect("it is open");
            }
            writable
        });
        for _ in 0..60 * 1024 {
            peer.receives(BINARY, [1; 1000]).await;
        }
        let grown = grown(before);
        assert!(grown < MEBIBYTE, "{grown} bytes are held");
        drop((writer, socket));
    });
}

/// A frame that is here as a whole is held to the message limit before it is asked what it continues; one that comes
/// in pieces the other way round. So the close code depends on how the bytes were cut.
#[test]
fn a_long_continuation_of_nothing_is_1002_however_it_is_cut() {
    let config = Config::default().max_message_bytes(100);
    let wire = frame(0x80, &[0; 101], true);
    for step in [wire.len(), 20] {
        let mut server = Connection::new(Side::Server, config.clone(), None, [0; 32]);
        let event = wire.chunks(step).find_map(|piece| {
            server.handle_input(piece);
            server.poll_event()
        });
        let expected: Result<Event, Failure> = Err(PeerMisbehaved::ContinuedNothing.into());
        assert_eq!(event, Some(expected), "in pieces of {step}");
    }
}
