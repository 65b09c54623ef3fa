//! Messages both ways: of every size and kind, in parts, compressed or not, from one to many.

use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use tidegate::{
    Acceptor, ApiMisuse, Broadcast, Cause, Config, Credits, DeflateConfig, Message, MessageKind, WebSocket,
};
use tidegate_tests::raw::{BOTH, Role, halves, soon};

use crate::peer::{open_pair, pair, plain_config};

fn samples() -> Vec<Message> {
    let sizes = [0, 1, 125, 126, 4095, 4096, 16_383, 16_384, 65_535, 65_536, 65_537, 200_000, 1_000_000];
    let binary = sizes.iter().map(|len| Message::from((0..*len).map(|n| (n * 7) as u8).collect::<Vec<u8>>()));
    let text = sizes.iter().map(|len| Message::from("ü€x".repeat(len / 6)));
    binary.chain(text).collect()
}

/// Both ends of ours, as the tests want them: with compression or without.
async fn echoes(config: Config) {
    echoes_by(config, Credits::default(), Credits::default()).await;
}

async fn echoes_by(config: Config, server: Credits, client: Credits) {
    let (server, client) = pair(Acceptor::new().config(config.clone()).credits(server), |builder| {
        builder.config(config).credits(client)
    })
    .await;
    let (near, far) = (halves(&server).await, halves(&client).await);
    let echo = tokio::spawn(near.readable.pipe_to(near.writable));
    let (mut writable, mut readable) = (far.writable, far.readable);
    let writing = tokio::spawn(async move {
        for message in samples() {
            writable.write(message).await.expect("it is open");
        }
        writable
    });
    for message in samples() {
        assert!(soon(readable.read()).await.expect("it is open").expect("more is to come") == message);
    }
    let writable = writing.await.expect("all was written");
    soon(writable.close()).await.expect("it ends cleanly");
    assert_eq!(soon(readable.read()).await.expect("it ended cleanly"), None);
    soon(echo).await.expect("it did not panic").expect("it ended cleanly");
    assert_eq!(soon(client.closed()).await.expect("it ended cleanly").close_code, 1005);
}

#[tokio::test]
async fn every_size_comes_back_without_compression() {
    echoes(plain_config()).await;
}

#[tokio::test]
async fn every_size_comes_back_with_compression() {
    echoes(Config::default().deflate(Some(DeflateConfig::default()))).await;
}

#[tokio::test]
async fn every_size_comes_back_apart_for_who_wants_it() {
    for from in [1, 16_384, 65_537] {
        let (some, all) = (Credits::default().apart(Some(from)), Credits::default().apart(Some(1)));
        echoes_by(plain_config(), some.clone(), all).await;
        let compressed = Config::default().deflate(Some(DeflateConfig::default()));
        echoes_by(compressed, some, Credits::default()).await;
    }
}

#[tokio::test]
async fn many_small_messages_go_both_ways_at_once() {
    const COUNT: u32 = 20_000;
    let ((_server, near), (_client, far)) = open_pair().await;
    let talk = |mut opened: tidegate::Opened| async move {
        let writing = async {
            for number in 0..COUNT {
                opened.writable.write(number.to_string()).await.expect("it is open");
            }
            opened.writable.flush().await.expect("it is open");
        };
        let reading = async {
            for number in 0..COUNT {
                let message = opened.readable.read().await.expect("it is open");
                assert_eq!(message, Some(number.to_string().into()));
            }
        };
        tokio::join!(writing, reading);
        opened
    };
    let (near, far) = tokio::join!(tokio::spawn(talk(near)), tokio::spawn(talk(far)));
    drop((near.expect("no panic"), far.expect("no panic")));
}

#[tokio::test]
async fn a_message_is_written_and_read_in_parts() {
    let ((_server, mut near), (_client, mut far)) = open_pair().await;
    for len in [None, Some(300_000)] {
        let writing = async {
            let mut message = soon(near.writable.begin(MessageKind::Binary, len)).await.expect("it is open");
            for part in 0..3u8 {
                soon(message.write(vec![part; 100_000])).await.expect("it is open");
            }
            message.finish().expect("nothing is missing");
        };
        let reading = async {
            let mut message =
                soon(far.readable.read_message()).await.expect("it is open").expect("one comes");
            let mut whole = Vec::new();
            while let Some(chunk) = soon(message.chunk()).await.expect("it is open") {
                whole.extend_from_slice(&chunk);
            }
            whole
        };
        let ((), whole) = tokio::join!(writing, reading);
        assert!(whole == [vec![0; 100_000], vec![1; 100_000], vec![2; 100_000]].concat());
    }
}

#[tokio::test]
async fn a_length_that_was_announced_is_kept() {
    let ((_server, mut near), _client) = open_pair().await;
    let mut message = soon(near.writable.begin(MessageKind::Binary, 10)).await.expect("it is open");
    let error = soon(message.write(vec![0; 11])).await.expect_err("it is too long");
    assert!(matches!(error.cause(), Cause::ApiMisuse(ApiMisuse::LongMessage(1))), "{error:?}");
    let error = message.finish().expect_err("ten bytes are missing");
    assert!(matches!(error.cause(), Cause::ApiMisuse(ApiMisuse::ShortMessage(10))), "{error:?}");
}

#[tokio::test]
async fn a_message_that_the_peer_does_not_take_is_refused_at_the_writer() {
    let small = Config::default().max_message_bytes(1000);
    let (server, client) =
        pair(Acceptor::new(), |builder| builder.config(small).credits(Credits::default())).await;
    let (mut near, mut far) = (halves(&server).await, halves(&client).await);
    soon(far.writable.write("so that the server knows")).await.expect("it is open");
    assert!(soon(near.readable.read()).await.expect("it is open").is_some());
    let error = soon(near.writable.write(vec![0; 1001])).await.expect_err("it is too long");
    let refusal = ApiMisuse::OverPeerLimit { len: 1001, limit: 1000 };
    assert!(matches!(error.cause(), Cause::ApiMisuse(misuse) if *misuse == refusal), "{error:?}");
    soon(near.writable.write(vec![0; 1000])).await.expect("it goes on");
    assert_eq!(soon(far.readable.read()).await.expect("it is open"), Some(vec![0; 1000].into()));
}

#[tokio::test]
async fn the_halves_are_a_sink_and_a_stream() {
    let ((_server, mut near), (_client, mut far)) = open_pair().await;
    for number in 0..100u32 {
        near.writable.feed(number.to_string().into()).await.expect("it is open");
    }
    SinkExt::close(&mut near.writable).await.expect("it leaves");
    let mut read = Vec::new();
    while let Some(message) = soon(far.readable.next()).await {
        read.push(message.expect("it ends cleanly"));
    }
    assert_eq!(read.len(), 100);
}

#[tokio::test]
async fn a_broadcast_reaches_those_with_credits_and_those_without() {
    let broadcast = Broadcast::new(1 << 20);
    let mut listeners = Vec::new();
    let mut kept = Vec::new();
    for role in BOTH {
        let (server, client) = pair(Acceptor::new(), |builder| match role {
            Role::Server => builder.credits(Credits::default()),
            Role::Client => builder,
        })
        .await;
        let (near, far) = (halves(&server).await, halves(&client).await);
        kept.push((broadcast.subscribe(&near.writable), near, server));
        listeners.push((far, client));
    }
    let sending = tokio::spawn(async move {
        for number in 0..2000u32 {
            broadcast.send(Message::from(format!("{number:0500}"))).await;
        }
        broadcast
    });
    for (far, _) in &mut listeners {
        for number in 0..2000u32 {
            let message = soon(far.readable.read()).await.expect("it is open");
            assert_eq!(message, Some(format!("{number:0500}").into()));
        }
    }
    drop(soon(sending).await.expect("all was sent"));
}

#[tokio::test]
async fn the_classic_face_sees_nothing_buffered_once_all_is_sent() {
    let (server, client) = pair(Acceptor::new(), |builder| builder.credits(Credits::default())).await;
    let mut far = halves(&client).await;
    let (socket, mut events) = WebSocket::with_events(server);
    let opened = soon(events.next()).await;
    assert!(opened.is_some());
    for _ in 0..100 {
        socket.send(Bytes::from(vec![1; 1000])).expect("it is open");
    }
    let reading = async {
        for _ in 0..100 {
            assert!(soon(far.readable.read()).await.expect("it is open").is_some());
        }
    };
    soon(reading).await;
    assert_eq!(socket.buffered_amount(), 0);
}
