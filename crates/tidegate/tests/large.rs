//! One message far over every limit, through a pipe, in constant memory. Alone in its process, whose memory it reads.
//!
//! 64 MiB by default. `TIDEGATE_BIG=10` sends 10 GiB; with `--release` that takes a minute or two:
//! `TIDEGATE_BIG=10 cargo test --release -p tidegate --test large -- --nocapture`

#![expect(clippy::unwrap_used, reason = "a test that fails may panic")]

use std::time::Instant;

use tidegate::{Acceptor, Config, MessageKind, Opened, Readable, WebSocketStream, Writable};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

const PART_BYTES: usize = 64 * 1024;

/// The buffers of two hops: both ends of each hold less than a read buffer, a high water mark and some parts.
const ALLOWED_GROWTH: u64 = 8 << 20;

async fn pair() -> (WebSocketStream, WebSocketStream) {
    let config = Config::default().deflate(None);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("ws://{}/", listener.local_addr().unwrap());
    let client = WebSocketStream::builder(url).config(config.clone()).connect().unwrap();
    let (io, _) = listener.accept().await.unwrap();
    tidegate::tune(&io).unwrap();
    let server = Acceptor::new().config(config).accept(io).await.unwrap();
    (client, server)
}

/// A line of what the system knows of this process, in bytes: `VmRSS`, or the highest it ever was, `VmHWM`.
fn memory(name: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with(name)).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() * 1024
}

fn total_bytes() -> u64 {
    let gibibytes = std::env::var("TIDEGATE_BIG").ok().map(|text| text.parse::<u64>().unwrap());
    gibibytes.map_or(64 << 20, |gibibytes| gibibytes << 30)
}

/// Writes a message of parts, each of which repeats the place where it begins.
async fn write(mut writable: Writable, len: Option<u64>, total: u64) {
    let mut message = writable.begin(MessageKind::Binary, len).await.unwrap();
    let mut sent = 0;
    while sent < total {
        message.write(sent.to_be_bytes().repeat(PART_BYTES / 8)).await.unwrap();
        sent += PART_BYTES as u64;
    }
    message.finish().unwrap();
    writable.close().await.unwrap();
}

/// A pipe between two connections, as one writes it.
async fn pipe(mut readable: Readable, mut writable: Writable, len: Option<u64>) {
    while let Some(mut message) = readable.read_message().await.unwrap() {
        let mut copy = writable.begin(message.kind(), len).await.unwrap();
        tokio::io::copy(&mut message, &mut copy).await.unwrap();
        copy.shutdown().await.unwrap();
    }
    writable.close().await.unwrap();
}

async fn read(mut readable: Readable, total: u64) {
    let mut message = readable.read_message().await.unwrap().unwrap();
    let mut part = vec![0; PART_BYTES];
    let mut read: u64 = 0;
    while read < total {
        message.read_exact(&mut part).await.unwrap();
        assert!(part == read.to_be_bytes().repeat(PART_BYTES / 8), "at {read}");
        read += PART_BYTES as u64;
    }
    assert_eq!(message.read(&mut part).await.unwrap(), 0);
    drop(message);
    assert_eq!(readable.read().await.unwrap(), None);
}

#[tokio::test]
async fn a_large_message_passes_through_a_pipe_in_constant_memory() {
    let total = total_bytes();
    for len in [Some(total), None] {
        let ((near, source), (sink, far)) = (pair().await, pair().await);
        let Opened { readable: piped_from, .. } = near.opened().await.unwrap();
        let Opened { writable: piped_to, .. } = sink.opened().await.unwrap();
        let Opened { writable, .. } = source.opened().await.unwrap();
        let Opened { readable, .. } = far.opened().await.unwrap();
        let (before, begun) = (memory("VmRSS:"), Instant::now());
        tokio::join!(write(writable, len, total), pipe(piped_from, piped_to, len), read(readable, total));
        let grown = memory("VmHWM:").saturating_sub(before);
        println!(
            "{} MiB, length told: {}: {:.1} s, {:.1} MiB of growth at the peak, from {:.1} MiB",
            total >> 20,
            len.is_some(),
            begun.elapsed().as_secs_f64(),
            grown as f64 / f64::from(1 << 20),
            before as f64 / f64::from(1 << 20),
        );
        assert!(grown < ALLOWED_GROWTH, "{grown} bytes grown for a message of {total} (told: {len:?})");
    }
}
