//! A connection as a stream of bytes, over real sockets.

#![expect(clippy::unwrap_used, reason = "a test that fails may panic")]

use std::io::ErrorKind;
use std::time::Duration;

use futures_util::FutureExt;
use tidegate::{Acceptor, Cause, Config, Opened, WebSocketError, WebSocketStream};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

async fn pair() -> (WebSocketStream, WebSocketStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("ws://{}/", listener.local_addr().unwrap());
    let config = Config::default().deflate(None);
    let client = WebSocketStream::builder(url).config(config.clone()).connect().unwrap();
    let (io, _) = listener.accept().await.unwrap();
    let server = Acceptor::new().config(config).accept(io).await.unwrap();
    (client, server)
}

fn noise(len: usize) -> Vec<u8> {
    let mut state = 1_u32;
    let next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    };
    std::iter::repeat_with(next).take(len).collect()
}

/// `tokio::io::copy` either way at the same time, of more than all buffers hold, and a clean end on both sides.
#[tokio::test]
async fn copy_passes_bytes_both_ways_and_ends_cleanly() {
    let (client, server) = pair().await;
    let Opened { readable, writable, .. } = server.opened().await.unwrap();
    let echoing = tokio::spawn(async move {
        let (mut reader, mut writer) = (readable.into_async_read(), writable.into_async_write());
        let copied = tokio::io::copy(&mut reader, &mut writer).await.unwrap();
        // The client has closed already; this is what a proxy would do.
        let _ = writer.shutdown().await;
        copied
    });
    let Opened { readable, writable, .. } = client.opened().await.unwrap();
    let (mut reader, mut writer) = (readable.into_async_read(), writable.into_async_write());
    let sent = noise(20_000_000);
    let source = sent.clone();
    let sending = tokio::spawn(async move {
        assert_eq!(tokio::io::copy(&mut &source[..], &mut writer).await.unwrap(), 20_000_000);
        writer.flush().await.unwrap();
        writer
    });
    let mut received = vec![0; sent.len()];
    reader.read_exact(&mut received).await.unwrap();
    assert!(received == sent, "the bytes are others");
    let mut writer = sending.await.unwrap();
    writer.shutdown().await.unwrap();
    assert_eq!(echoing.await.unwrap(), 20_000_000);
    assert_eq!(reader.read(&mut [0; 1]).await.unwrap(), 0);
    // Again and again.
    assert_eq!(reader.read(&mut [0; 1]).await.unwrap(), 0);
    client.closed().await.unwrap();
    server.closed().await.unwrap();
}

#[tokio::test]
async fn messages_of_every_kind_and_size_are_joined() {
    let (client, server) = pair().await;
    let Opened { readable, .. } = client.opened().await.unwrap();
    let Opened { mut writable, .. } = server.opened().await.unwrap();
    writable.write("grüße, ").await.unwrap();
    writable.write("").await.unwrap();
    writable.write(vec![b'a', b'\n']).await.unwrap();
    writable.write("second line\nthird").await.unwrap();
    writable.close().now_or_never();
    let mut reader = readable.into_async_read();
    let mut line = String::new();
    assert_eq!(reader.read_line(&mut line).await.unwrap(), line.len());
    assert_eq!(line, "grüße, a\n");
    // Between two messages, and within one.
    let (mut readable, rest) = reader.into_inner();
    assert!(rest.is_empty());
    assert_eq!(readable.read().await.unwrap(), Some("second line\nthird".into()));
    assert_eq!(readable.read().await.unwrap(), None);
}

#[tokio::test]
async fn each_write_is_one_message_of_at_most_64_kib() {
    let (client, server) = pair().await;
    let Opened { mut readable, .. } = client.opened().await.unwrap();
    let Opened { writable, .. } = server.opened().await.unwrap();
    let mut writer = writable.into_async_write();
    assert_eq!(writer.write(b"").await.unwrap(), 0);
    assert_eq!(writer.write(b"one").await.unwrap(), 3);
    let large = noise(100_000);
    writer.write_all(&large).await.unwrap();
    assert_eq!(readable.read().await.unwrap(), Some(b"one".to_vec().into()));
    assert_eq!(readable.read().await.unwrap(), Some(large[..64 * 1024].to_vec().into()));
    assert_eq!(readable.read().await.unwrap(), Some(large[64 * 1024..].to_vec().into()));
    let mut writable = writer.into_inner();
    writable.write("as ever").await.unwrap();
    assert_eq!(readable.read().await.unwrap(), Some("as ever".into()));
}

/// Nobody reads: a copy stalls, and what waits is bounded. A write that is dropped meanwhile has sent nothing.
#[tokio::test]
async fn a_copy_waits_for_a_reader_and_a_dropped_write_sends_nothing() {
    let (client, server) = pair().await;
    let Opened { readable, .. } = client.opened().await.unwrap();
    let Opened { writable, .. } = server.opened().await.unwrap();
    let mut writer = writable.into_async_write();
    let mut written: u64 = 0;
    // Until nothing moves for a while; each write that times out is dropped.
    while let Ok(count) = tokio::time::timeout(Duration::from_millis(200), writer.write(&[7; 10_000])).await {
        written += count.unwrap() as u64;
        assert!(written < 64 << 20, "nobody reads, and still it was taken");
    }
    assert!(server.stats().queued_bytes < 128 * 1024);
    let mut reader = readable.into_async_read();
    let reading = tokio::spawn(async move { tokio::io::copy(&mut reader, &mut tokio::io::sink()).await });
    writer.shutdown().await.unwrap();
    assert_eq!(reading.await.unwrap().unwrap(), written);
}

#[tokio::test]
async fn a_read_that_is_dropped_loses_nothing() {
    let (client, server) = pair().await;
    let Opened { readable, .. } = client.opened().await.unwrap();
    let Opened { mut writable, .. } = server.opened().await.unwrap();
    let mut reader = readable.into_async_read();
    let mut received = Vec::new();
    for index in 0..100_u8 {
        assert!(reader.read(&mut [0; 10]).now_or_never().is_none(), "nothing has come");
        writable.write(vec![index; 3]).await.unwrap();
        let mut three = [0; 3];
        reader.read_exact(&mut three).await.unwrap();
        received.extend_from_slice(&three);
    }
    assert!(received.chunks(3).enumerate().all(|(index, three)| three == [index as u8; 3]));
}

#[tokio::test]
async fn an_unclean_end_is_an_error_that_says_why() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("ws://{}/", listener.local_addr().unwrap());
    let client = WebSocketStream::connect(url).unwrap();
    let (io, _) = listener.accept().await.unwrap();
    let (mut ours, theirs) = tokio::io::duplex(1024);
    // Between the two ends, so that it can be cut.
    let cutting = tokio::spawn(async move {
        let (mut io, mut limit) = (io, 400);
        let (mut request, mut buffer) = ([0; 100], [0; 100]);
        while limit > 0 {
            tokio::select! {
                read = io.read(&mut request) => ours.write_all(&request[..read.unwrap()]).await.unwrap(),
                read = ours.read(&mut buffer) => {
                    let read = read.unwrap();
                    io.write_all(&buffer[..read]).await.unwrap();
                    limit -= read.min(limit);
                }
            }
        }
    });
    let server = Acceptor::new().accept(theirs).await.unwrap();
    let Opened { readable, writable, .. } = client.opened().await.unwrap();
    let mut sender = server.opened().await.unwrap().writable.into_async_write();
    let _ = sender.write_all(&noise(1000)).await;
    cutting.await.unwrap();
    let mut reader = readable.into_async_read();
    let error = reader.read_to_end(&mut Vec::new()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Other);
    let error: WebSocketError = error.downcast().unwrap();
    assert!(matches!(error.cause(), Cause::Lost(_)), "{error:?}");
    let mut writer = writable.into_async_write();
    let error = writer.write_all(b"more").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::BrokenPipe);
    assert!(error.get_ref().unwrap().is::<WebSocketError>());
}
