//! Messages read and written in parts, over real sockets.

#![expect(clippy::unwrap_used, reason = "a test that fails may panic")]

use bytes::Bytes;
use tidegate::{Acceptor, ApiMisuse, Cause, Config, Message, MessageKind, Opened, WebSocketStream};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

async fn pair(config: Config) -> (WebSocketStream, WebSocketStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("ws://{}/", listener.local_addr().unwrap());
    let client = WebSocketStream::builder(url).config(config.clone()).connect().unwrap();
    let (io, _) = listener.accept().await.unwrap();
    let server = Acceptor::new().config(config).accept(io).await.unwrap();
    (client, server)
}

fn rss_bytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() * 1024
}

/// One message far over every limit goes through in constant memory, by each of the two ways to write it.
#[tokio::test]
async fn a_large_message_passes_in_constant_memory() {
    const TOTAL: u64 = 256 << 20;
    for len in [Some(TOTAL), None] {
        let (client, server) = pair(Config::default().deflate(None)).await;
        let Opened { mut readable, .. } = client.opened().await.unwrap();
        let Opened { mut writable, .. } = server.opened().await.unwrap();
        let before = rss_bytes();
        let write = async {
            let mut message = writable.begin(MessageKind::Binary, len).await.unwrap();
            let mut sent: u64 = 0;
            while sent < TOTAL {
                let part = sent.to_be_bytes().repeat(8 * 1024);
                sent += part.len() as u64;
                message.write(part).await.unwrap();
            }
            message.finish().unwrap();
            writable.close().await.unwrap();
        };
        let read = async {
            let mut message = readable.read_message().await.unwrap().unwrap();
            assert_eq!(message.kind(), MessageKind::Binary);
            let mut part = vec![0; 64 * 1024];
            let mut read: u64 = 0;
            while read < TOTAL {
                message.read_exact(&mut part).await.unwrap();
                assert!(part.chunks(8).all(|word| word == read.to_be_bytes()), "at {read}");
                read += part.len() as u64;
            }
            assert_eq!(message.read(&mut part).await.unwrap(), 0);
            drop(message);
            assert_eq!(readable.read().await.unwrap(), None);
        };
        tokio::join!(write, read);
        let grown = rss_bytes().saturating_sub(before);
        assert!(grown < 4 << 20, "{grown} bytes grown for a message of {TOTAL} (length told: {len:?})");
    }
}

#[tokio::test]
async fn text_compressed_in_parts_arrives_whole_and_in_whole_characters() {
    let (client, server) = pair(Config::default()).await;
    let Opened { mut readable, .. } = client.opened().await.unwrap();
    let Opened { mut writable, .. } = server.opened().await.unwrap();
    let text = "Grüße aus 東京 🌊 ".repeat(20_000);
    let expected = text.clone();
    let write = async move {
        let mut message = writable.begin(MessageKind::Text, None).await.unwrap();
        // 1,001 bytes do not respect characters.
        for part in text.as_bytes().chunks(1001) {
            message.write(Bytes::copy_from_slice(part)).await.unwrap();
        }
        message.shutdown().await.unwrap();
        drop(message);
        writable.write("after").await.unwrap();
    };
    let read = async {
        let mut message = readable.read_message().await.unwrap().unwrap();
        let mut read = String::new();
        while let Some(chunk) = message.chunk().await.unwrap() {
            read.push_str(std::str::from_utf8(&chunk).unwrap());
        }
        assert_eq!(read, expected);
        assert_eq!(readable.read().await.unwrap(), Some("after".into()));
    };
    tokio::join!(write, read);
}

#[tokio::test]
async fn a_reader_dropped_halfway_skips_to_the_next_message() {
    let (client, server) = pair(Config::default().deflate(None).fragment_bytes(10)).await;
    let Opened { mut readable, .. } = client.opened().await.unwrap();
    let Opened { mut writable, .. } = server.opened().await.unwrap();
    for index in 0..100u8 {
        writable.write(vec![index; 5000]).await.unwrap();
    }
    for index in (0..100u8).step_by(2) {
        let mut message = readable.read_message().await.unwrap().unwrap();
        assert_eq!(message.chunk().await.unwrap().unwrap()[0], index);
        drop(message);
        assert_eq!(readable.read().await.unwrap(), Some(Message::from(vec![index + 1; 5000])));
    }
}

#[tokio::test]
async fn a_writer_dropped_halfway_ends_the_connection_and_says_so() {
    for len in [Some(10), None] {
        let (client, server) = pair(Config::default()).await;
        let Opened { mut readable, .. } = client.opened().await.unwrap();
        let Opened { mut writable, .. } = server.opened().await.unwrap();
        writable.write("whole").await.unwrap();
        let mut message = writable.begin(MessageKind::Binary, len).await.unwrap();
        message.write("12345".as_bytes()).await.unwrap();
        drop(message);
        let error = server.closed().await.unwrap_err();
        assert!(matches!(error.cause(), Cause::ApiMisuse(ApiMisuse::AbandonedMessage)), "{error:?}");
        assert!(writable.write("more").await.is_err());
        assert_eq!(readable.read().await.unwrap(), Some("whole".into()));
        match len {
            // Within a frame the stream just ends; between fragments there is room for a Close that says why.
            Some(_) => assert_eq!(readable.read().await.unwrap_err().close_code().unwrap(), 1006),
            None => assert_eq!(client.closed().await.unwrap().close_code, 1011),
        }
    }
}

#[tokio::test]
async fn a_message_cut_off_by_a_close_is_not_taken_for_a_whole_one() {
    let (client, server) = pair(Config::default().deflate(None)).await;
    let Opened { mut readable, .. } = client.opened().await.unwrap();
    let Opened { mut writable, .. } = server.opened().await.unwrap();
    let mut unfinished = writable.begin(MessageKind::Text, None).await.unwrap();
    unfinished.write("begun".as_bytes()).await.unwrap();
    let mut message = readable.read_message().await.unwrap().unwrap();
    assert_eq!(message.chunk().await.unwrap().unwrap(), "begun");
    drop(unfinished);
    let error = message.chunk().await.unwrap_err();
    assert!(matches!(error.cause(), Cause::CutOff), "{error:?}");
}
