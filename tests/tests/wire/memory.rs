//! A queue that is never empty: a reader that is always a little slower than the writer.

use bytes::Buf;
use tidegate::{Acceptor, Opened};
use tidegate_proto::websocket::{Config, Connection, Side};

use crate::process::{MEBIBYTE, grown, is_alone, memory};
use tidegate_tests::raw::{BINARY, halves, open_pipe};

#[test]
fn a_queue_that_is_never_empty_does_not_keep_what_it_has_sent() {
    if !is_alone("memory::a_queue_that_is_never_empty_does_not_keep_what_it_has_sent") {
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

#[test]
fn a_writer_that_is_always_a_little_ahead_of_its_peer_keeps_memory_bounded() {
    if !is_alone("memory::a_writer_that_is_always_a_little_ahead_of_its_peer_keeps_memory_bounded") {
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
