//! When what was written leaves, in how many writes, and what happens while nobody reads.

use bytes::Bytes;
use tidegate::{Acceptor, Opened, WebSocketStream};
use tokio::io::AsyncWriteExt;
use tokio::sync::oneshot;

use crate::counted::{Counted, Writes};
use crate::process::MEBIBYTE;
use tidegate_tests::raw::{BINARY, BOTH, CLOSE, PING, PONG, Raw, Role, TEXT, halves, open, soon};

/// What the socket was doing before the writes.
#[derive(Clone, Copy, Debug)]
enum Before {
    Nothing,
    /// A message was read, and no other is here.
    Read,
    /// A message was read, and more of its batch wait undecoded.
    ReadOneOfMany,
    /// A `read` was dropped.
    DroppedRead,
}

const ALL: [Before; 4] = [Before::Nothing, Before::Read, Before::ReadOneOfMany, Before::DroppedRead];

/// Several small messages in a row, and then the task waits for something that only their arrival brings about.
async fn leaves(role: Role, before: Before, count: usize) {
    let (mut peer, socket) = open(role).await;
    let Opened { mut readable, mut writable, .. } = halves(&socket).await;
    match before {
        Before::Nothing => {}
        Before::Read => {
            peer.sends_frame(TEXT, "one").await;
            soon(readable.read()).await.expect("it comes");
        }
        Before::ReadOneOfMany => {
            let batch = peer.frame(TEXT, "one of many").repeat(20);
            peer.sends(batch).await;
            soon(readable.read()).await.expect("it comes");
        }
        Before::DroppedRead => {
            tokio::select! {
                biased;
                _ = readable.read() => panic!("nothing was sent"),
                () = tokio::task::yield_now() => {}
            }
        }
    }
    let (arrived, arrival) = oneshot::channel();
    let receiving = tokio::spawn(async move {
        for _ in 0..count {
            peer.receives(TEXT, "small").await;
        }
        arrived.send(()).expect("somebody waits");
        peer
    });
    for _ in 0..count {
        soon(writable.write("small")).await.expect("it is open");
    }
    soon(arrival).await.unwrap_or_else(|_| panic!("{role:?} {before:?}: the messages never left"));
    soon(receiving).await.expect("it does not panic");
    drop((readable, writable));
}

async fn leaves_always() {
    for role in BOTH {
        for before in ALL {
            for count in [1, 2, 7] {
                leaves(role, before, count).await;
            }
        }
    }
}

#[tokio::test]
async fn what_was_written_leaves_when_the_task_yields_on_one_thread() {
    leaves_always().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_written_leaves_when_the_task_yields_on_many_threads() {
    leaves_always().await;
}

/// A server's connection over a pipe that counts writes.
async fn open_counted() -> (Raw<tokio::io::DuplexStream>, WebSocketStream, Writes) {
    let (near, far) = tokio::io::duplex(4 * MEBIBYTE);
    let (near, writes) = Counted::new(near);
    let mut peer = Raw::client(far);
    let acceptor = Acceptor::new();
    let (socket, _) = tokio::join!(acceptor.accept(near), peer.asks(""));
    writes.take();
    (peer, socket.expect("the request is right"), writes)
}

#[tokio::test]
async fn the_replies_of_one_batch_leave_in_one_write() {
    let (mut peer, socket, writes) = open_counted().await;
    let Opened { mut readable, mut writable, .. } = halves(&socket).await;
    let echo = tokio::spawn(async move {
        while let Some(message) = readable.read().await.expect("it is open") {
            writable.write(message).await.expect("it is open");
        }
    });
    for _ in 0..3 {
        let batch: Vec<u8> = (0..32_u8).flat_map(|index| peer.frame(BINARY, [index; 100])).collect();
        peer.sends(batch).await;
        for index in 0..32 {
            peer.receives(BINARY, [index; 100]).await;
        }
        let writes = writes.take();
        assert!(writes.len() <= 2, "32 replies took {} writes: {writes:?}", writes.len());
    }
    echo.abort();
}

#[tokio::test]
async fn a_large_payload_leaves_by_reference_together_with_its_header() {
    let (mut peer, socket, writes) = open_counted().await;
    let Opened { readable, mut writable, .. } = halves(&socket).await;
    let payload = Bytes::from(vec![5; MEBIBYTE]);
    soon(writable.write(payload.clone())).await.expect("it is open");
    peer.receives(BINARY, &payload).await;
    let writes = writes.take();
    let [header, body] = writes[0][..] else { panic!("{writes:?}") };
    assert_eq!(header.1, 10, "two bytes and a length of eight");
    assert_eq!(body, (payload.as_ptr() as usize, payload.len()), "the payload itself, uncopied");
    drop(readable);
}

#[tokio::test]
async fn dropping_the_readable_keeps_the_writer_and_lets_the_peer_send_on() {
    for role in BOTH {
        let (mut peer, socket) = open(role).await;
        let Opened { readable, mut writable, .. } = halves(&socket).await;
        drop(readable);
        let unread = peer.frame(BINARY, vec![1; MEBIBYTE]);
        for turn in 0..20 {
            peer.sends(&unread).await;
            soon(writable.write(format!("{turn}"))).await.expect("it is open");
            peer.receives(TEXT, format!("{turn}")).await;
        }
        peer.sends_frame(PING, "still there?").await;
        peer.receives(PONG, "still there?").await;
    }
}

#[tokio::test]
async fn dropping_everything_sends_all_that_was_written_then_an_empty_close_then_the_end() {
    for role in BOTH {
        let (mut peer, socket) = open(role).await;
        let Opened { readable, mut writable, .. } = halves(&socket).await;
        for turn in 0..40_u8 {
            writable.write(vec![turn; 1500]).await.expect("it is open");
        }
        // By reference, and more than the system takes at once.
        writable.write(vec![9; 12 * MEBIBYTE]).await.expect("it is open");
        drop((readable, writable, socket));
        for turn in 0..40 {
            peer.receives(BINARY, [turn; 1500]).await;
        }
        peer.receives(BINARY, vec![9; 12 * MEBIBYTE]).await;
        peer.receives(CLOSE, "").await;
        peer.sends_frame(CLOSE, "").await;
        if role == Role::Client {
            // A client waits for the server to end the stream.
            peer.io.shutdown().await.expect("it is open");
        }
        peer.sees_the_end("all was dropped").await;
    }
}
