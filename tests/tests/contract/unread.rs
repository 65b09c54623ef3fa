//! Rules 10 and 11, and the hole about pings: what happens to messages that nobody reads. The clock turns by itself,
//! so that a reader can stay away for as long as it takes.

use std::time::Duration;

use tidegate::{Acceptor, Config, Opened, WebSocketStream};
use tidegate_tests::raw::{BINARY, BOTH, PING, PONG, Raw, Role, halves, open_pipe, soon, without_deflate};
use tokio::io::{AsyncWriteExt, DuplexStream};
use tokio::time::{sleep, timeout};

/// Longer than the library waits for a reader, shorter than it waits for a sign of life.
const A_WHILE: Duration = Duration::from_secs(10);

/// What may be decoded ahead of a reader that stays away, beside one message.
const AHEAD_BYTES: usize = 16 * 1024;

/// What may wait undecoded.
const READ_BUFFER_BYTES: usize = 64 * 1024;

const MESSAGE_BYTES: usize = 1000;

async fn open(role: Role, pipe_bytes: usize) -> (Raw<DuplexStream>, WebSocketStream) {
    match role {
        Role::Server => open_pipe(Acceptor::new(), pipe_bytes).await,
        Role::Client => {
            let (near, far) = tokio::io::duplex(pipe_bytes);
            let builder =
                WebSocketStream::builder("ws://h.example/x").config(Config::default().deflate(None));
            let socket = builder.connect_over(near).expect("a good URL");
            let mut peer = Raw::server(far);
            peer.answers(without_deflate(), |_| ()).await;
            (peer, socket)
        }
    }
}

fn message(number: usize) -> Vec<u8> {
    [&number.to_be_bytes()[..], &[7; MESSAGE_BYTES - 8]].concat()
}

#[tokio::test(start_paused = true)]
async fn rule_10_a_little_is_read_ahead_of_a_reader_that_stays_away_and_nothing_while_it_waits() {
    for role in BOTH {
        let (mut peer, socket) = open(role, 1 << 20).await;
        let Opened { mut readable, .. } = halves(&socket).await;
        let reader = tokio::spawn(async move {
            let first = soon(readable.read()).await.expect("it is open");
            (first, readable)
        });
        sleep(A_WHILE).await;
        for number in 0..100 {
            peer.sends_frame(BINARY, message(number)).await;
        }
        let (first, mut readable) = reader.await.expect("no panic");
        assert_eq!(first, Some(message(0).into()));
        assert_eq!(socket.stats().ahead_bytes, 0, "{role:?}: decoded while somebody read");
        sleep(A_WHILE).await;
        let ahead = socket.stats().ahead_bytes;
        assert!(ahead > 0 && ahead <= AHEAD_BYTES + MESSAGE_BYTES + 32, "{role:?}: {ahead} bytes ahead");
        for number in 1..100 {
            let read = soon(readable.read()).await.expect("it is open");
            assert_eq!(read, Some(message(number).into()));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn rule_11_not_reading_stops_the_peer() {
    const PIPE_BYTES: usize = 4096;
    for role in BOTH {
        let (mut peer, socket) = open(role, PIPE_BYTES).await;
        let Opened { mut readable, .. } = halves(&socket).await;
        let bytes: Vec<u8> = (0..500).flat_map(|number| peer.frame(BINARY, message(number))).collect();
        let mut taken = 0;
        // Until nothing has been taken for a while.
        while let Ok(more) = timeout(A_WHILE, peer.io.write(&bytes[taken..])).await {
            taken += more.expect("it is open");
        }
        let bound = READ_BUFFER_BYTES + AHEAD_BYTES + 2 * MESSAGE_BYTES + PIPE_BYTES;
        assert!(taken <= bound, "{role:?}: {taken} bytes were taken, {bound} allowed");
        let rest = bytes[taken..].to_vec();
        let writer = tokio::spawn(async move {
            soon(peer.io.write_all(&rest)).await.expect("it goes on");
            peer
        });
        for number in 0..500 {
            let read = soon(readable.read()).await.expect("it is open");
            assert_eq!(read, Some(message(number).into()));
        }
        drop(writer.await.expect("no panic"));
    }
}

#[tokio::test(start_paused = true)]
async fn hole_a_ping_behind_unread_messages_is_answered_ahead_of_a_few_and_not_of_many() {
    for role in BOTH {
        for (count, is_answered_unread) in [(5, true), (40, false)] {
            let (mut peer, socket) = open(role, 1 << 20).await;
            let Opened { mut readable, .. } = halves(&socket).await;
            for number in 0..count {
                peer.sends_frame(BINARY, message(number)).await;
            }
            peer.sends_frame(PING, "there?").await;
            let answered = timeout(A_WHILE, peer.receives(PONG, "there?")).await.is_ok();
            assert_eq!(answered, is_answered_unread, "{role:?}, {count} messages");
            for number in 0..count {
                let read = soon(readable.read()).await.expect("it is open");
                assert_eq!(read, Some(message(number).into()));
            }
            if !is_answered_unread {
                let read = tokio::spawn(async move { readable.read().await });
                peer.receives(PONG, "there?").await;
                read.abort();
            }
        }
    }
}
