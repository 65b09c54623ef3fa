//! Flow control: what nobody reads stops its own sender, and nobody else.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use tidegate::{Acceptor, Message, Opened, WebSocketStream};
use tokio::time::sleep;

use crate::frames::Raw;
use crate::rig::{BOTH, Layer, Server, echo, open, pool, soon, uncompressed};

const SOCKETS: usize = 200;
const MESSAGES: usize = 100;

/// Floods whoever asks for `/flood`, and echoes for the others.
async fn flood_or_echo(socket: WebSocketStream, flooded: Arc<AtomicU64>) {
    if socket.url() != "/flood" {
        return echo(socket).await;
    }
    let Opened { mut writable, .. } = socket.opened().await.unwrap();
    let message = Message::from(vec![7; 10_000]);
    while writable.write(message.clone()).await.is_ok() {
        flooded.fetch_add(10_000, Ordering::Relaxed);
    }
}

async fn settled(counter: &AtomicU64) -> u64 {
    let mut last = 0;
    loop {
        sleep(Duration::from_millis(300)).await;
        match counter.load(Ordering::Relaxed) {
            now if now == last && now > 0 => return now,
            now => last = now,
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_hundred_sockets_on_one_connection_one_of_them_unread() {
    for layer in BOTH {
        let flooded = Arc::new(AtomicU64::new(0));
        let counter = flooded.clone();
        let acceptor = Acceptor::new().config(uncompressed());
        let server =
            Server::start(layer, acceptor, move |socket| flood_or_echo(socket, counter.clone())).await;
        let pool = pool();
        let no_deflate = uncompressed();
        let url = server.url() + "flood";
        let flood = WebSocketStream::builder(url).tls(crate::rig::client_tls()).http2(&pool);
        let (_unread, mut never_read) = open(flood.config(no_deflate.clone())).await;
        let stopped_at = soon(settled(&flooded)).await;
        let begin = Instant::now();
        let echoes = (1..SOCKETS).map(|number| {
            let builder = server.client(&pool).config(no_deflate.clone());
            tokio::spawn(async move {
                let (socket, Opened { mut readable, mut writable, .. }) = open(builder).await;
                for round in 0..MESSAGES {
                    let message = format!("socket {number} message {round} {}", "x".repeat(round * 10));
                    writable.write(message.as_str()).await.unwrap();
                    assert_eq!(soon(readable.read()).await.unwrap(), Some(Message::from(message)));
                }
                (socket, readable, writable)
            })
        });
        let open_sockets = soon(join_all(echoes)).await;
        let took = begin.elapsed();
        assert_eq!(open_sockets.iter().filter(|socket| socket.is_ok()).count(), SOCKETS - 1);
        assert_eq!(server.connections(), 1);
        // The window of the stream, h2's buffer, the high water mark, and what the reader's side looks ahead.
        assert!(stopped_at < 400_000, "{stopped_at} bytes to a peer that does not read");
        assert!(flooded.load(Ordering::Relaxed) < 400_000);
        println!(
            "{layer:?}: {} echoes on {} sockets in {took:?}; the unread one took {stopped_at} bytes",
            MESSAGES * (SOCKETS - 1),
            SOCKETS - 1,
        );
        // It goes on when it is read.
        for _ in 0..1000 {
            assert_eq!(soon(never_read.readable.read()).await.unwrap().unwrap().len(), 10_000);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn all_but_one_unread_by_the_server_do_not_hold_up_the_last() {
    let acceptor = Acceptor::new().config(uncompressed());
    let server = Server::start(Layer::Plain, acceptor, |socket| async move {
        if socket.url() == "/" {
            return echo(socket).await;
        }
        // Held, and not read.
        let _opened = socket.opened().await.unwrap();
        std::future::pending::<()>().await;
    })
    .await;
    let pool = pool();
    let written = Arc::new(AtomicU64::new(0));
    for _ in 0..100 {
        let url = server.url() + "unread";
        let builder = WebSocketStream::builder(url).http2(&pool).config(uncompressed());
        let (socket, mut opened) = open(builder).await;
        let written = written.clone();
        tokio::spawn(async move {
            while opened.writable.write(vec![1; 10_000]).await.is_ok() {
                written.fetch_add(10_000, Ordering::Relaxed);
            }
            drop(socket);
        });
    }
    let stopped_at = soon(settled(&written)).await;
    assert!(stopped_at < 100 * 400_000, "{stopped_at}");
    let (_socket, mut opened) = open(server.client(&pool)).await;
    for round in 0..1000 {
        opened.writable.write(format!("{round}")).await.unwrap();
        assert_eq!(crate::rig::text(&mut opened).await, format!("{round}"));
    }
    assert_eq!(server.connections(), 1);
}

/// h2 ends a connection on which too many small frames wait; here they do not wait in h2.
#[tokio::test(flavor = "multi_thread")]
async fn small_frames_to_absent_readers_do_not_end_the_connection() {
    let server = Server::start(Layer::Plain, Acceptor::new(), |socket| async move {
        let opened = socket.opened().await.unwrap();
        if socket.url() == "/path?query" && socket.request().unwrap().headers().contains_key("x-read") {
            let _ = opened.readable.pipe_to(opened.writable).await;
        } else {
            std::future::pending::<()>().await;
        }
    })
    .await;
    let mut raw = Raw::connect(&server).await;
    let mut streams = Vec::new();
    // A message of one byte, masked with zeros, in a frame of its own.
    let frame = bytes::Bytes::from_static(&[0x82, 0x81, 0, 0, 0, 0, b'x']);
    for _ in 0..30 {
        let (_, mut stream) = raw.websocket(&[]).await;
        // Up to the window of the stream: 64 KiB.
        for _ in 0..9_300 {
            stream.send.send_data(frame.clone(), false).unwrap();
        }
        streams.push(stream);
    }
    let (_, mut reader) = raw.websocket(&[("x-read", "1")]).await;
    reader.send.send_data(frame.clone(), false).unwrap();
    let echoed = soon(reader.receive.data()).await.unwrap().unwrap();
    assert_eq!(&echoed[..], b"\x82\x01x");
    // All windows are exhausted, and none of it has gone wrong.
    for stream in &mut streams {
        let reset = std::future::poll_fn(|cx| std::task::Poll::Ready(stream.send.poll_reset(cx))).await;
        assert!(reset.is_pending(), "{reset:?}");
    }
}
