//! Deadlines of an open connection, under a clock that the tests turn.

#![expect(clippy::unwrap_used, reason = "a test that fails may panic")]

use std::time::Duration;

use tidegate::{Acceptor, Cause, Config, Deadlines, Opened, WebSocketStream};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio::time::Instant;

/// Our server, and the raw stream of its peer behind the opening handshake.
async fn server(deadlines: Deadlines, buffer: usize) -> (WebSocketStream, DuplexStream) {
    let (mut peer, io) = duplex(buffer);
    let acceptor = Acceptor::new().deadlines(deadlines).config(Config::default().deflate(None));
    let request = b"GET / HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
        Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    peer.write_all(request).await.unwrap();
    let socket = acceptor.accept(io).await.unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(peer.read_u8().await.unwrap());
    }
    (socket, peer)
}

const PONG: &[u8] = &[0x8a, 0x80, 0, 0, 0, 0];

#[tokio::test(start_paused = true)]
async fn a_silent_peer_is_pinged_and_one_that_stays_silent_is_given_up() {
    let start = Instant::now();
    let (socket, mut peer) = server(Deadlines::default(), 4096).await;
    let Opened { mut readable, .. } = socket.opened().await.unwrap();
    let peer = tokio::spawn(async move {
        for _ in 0..3 {
            assert_eq!(peer.read_u16().await.unwrap(), 0x8900, "a ping");
            peer.write_all(PONG).await.unwrap();
        }
        assert_eq!(peer.read_u16().await.unwrap(), 0x8900, "a last ping");
        // And now silence.
        let mut rest = Vec::new();
        peer.read_to_end(&mut rest).await.unwrap();
        rest
    });
    let error = readable.read().await.unwrap_err();
    assert!(matches!(error.cause(), Cause::PongTimedOut(_)), "{error:?}");
    assert_eq!(error.close_code().unwrap(), 1006);
    assert!(matches!(socket.closed().await.unwrap_err().cause(), Cause::PongTimedOut(_)));
    assert_eq!(peer.await.unwrap(), b"", "the transport just ends");
    assert!(start.elapsed() >= Duration::from_secs(4 * 30));
}

#[tokio::test(start_paused = true)]
async fn any_byte_is_a_sign_of_life() {
    let (socket, mut peer) = server(Deadlines::default(), 4096).await;
    let Opened { mut readable, .. } = socket.opened().await.unwrap();
    let peer = tokio::spawn(async move {
        for _ in 0..20 {
            tokio::time::sleep(Duration::from_secs(25)).await;
            peer.write_all(&[0x81, 0x80, 0, 0, 0, 0]).await.unwrap();
        }
        peer.write_all(&[0x88, 0x80, 0, 0, 0, 0]).await.unwrap();
        let mut sent = Vec::new();
        peer.read_to_end(&mut sent).await.unwrap();
        sent
    });
    let mut read = 0;
    while readable.read().await.unwrap().is_some() {
        read += 1;
    }
    assert_eq!(read, 20);
    assert_eq!(peer.await.unwrap(), [0x88, 0], "no ping, but the answer to the Close");
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_does_not_read_for_an_hour_is_not_given_up() {
    let (socket, mut peer) = server(Deadlines::default(), 64 * 1024).await;
    let Opened { mut writable, .. } = socket.opened().await.unwrap();
    let writer = tokio::spawn(async move {
        for _ in 0..10 {
            writable.write(vec![1; 100_000]).await.unwrap();
        }
        writable.flush().await.unwrap();
        writable
    });
    tokio::time::sleep(Duration::from_secs(3600)).await;
    assert!(!writer.is_finished());
    let mut read = vec![0; 10 * (100_000 + 10)];
    peer.read_exact(&mut read).await.unwrap();
    writer.await.unwrap();
    assert!(socket.stats().write_waited >= Duration::from_secs(3600));
}

#[tokio::test(start_paused = true)]
async fn a_write_stall_has_a_deadline_where_one_is_set() {
    let deadlines = Deadlines::default().ping_interval(None).write_stall(Duration::from_secs(60));
    let (socket, mut peer) = server(deadlines, 1024).await;
    let Opened { mut writable, .. } = socket.opened().await.unwrap();
    // Slow is not stalled.
    writable.write(vec![1; 100_000]).await.unwrap();
    for _ in 0..20 {
        tokio::time::sleep(Duration::from_secs(50)).await;
        peer.read_exact(&mut [0; 512]).await.unwrap();
    }
    let error = loop {
        if let Err(error) = writable.write(vec![1; 100_000]).await {
            break error;
        }
    };
    assert!(matches!(error.cause(), Cause::WriteStalled(_)), "{error:?}");
    assert!(matches!(socket.closed().await.unwrap_err().cause(), Cause::WriteStalled(_)));
}

#[tokio::test(start_paused = true)]
async fn an_idle_connection_is_closed_where_a_deadline_is_set() {
    let deadlines = Deadlines::default().idle(Duration::from_secs(300));
    let (socket, mut peer) = server(deadlines, 4096).await;
    let Opened { mut readable, mut writable, .. } = socket.opened().await.unwrap();
    let peer = tokio::spawn(async move {
        let mut sent = Vec::new();
        while !sent.ends_with(b"idle") {
            let byte = peer.read_u8().await.unwrap();
            sent.push(byte);
            if sent.ends_with(&[0x89, 0x00]) {
                // Pongs are life, but no messages.
                peer.write_all(PONG).await.unwrap();
            }
        }
        sent
    });
    for _ in 0..5 {
        tokio::time::sleep(Duration::from_secs(200)).await;
        writable.write("x").await.unwrap();
    }
    let error = readable.read().await.unwrap_err();
    assert!(matches!(error.cause(), Cause::IdleTimedOut(_)), "{error:?}");
    let sent = peer.await.unwrap();
    assert!(sent.ends_with(b"\x88\x06\x03\xe9idle"), "{sent:x?}");
}
