//! Messages both ways, compressed and not.

use tidegate::{Acceptor, Message, Opened};

use crate::rig::{BOTH, Server, echo, open, pool, soon, uncompressed};

fn noise(length: usize) -> Vec<u8> {
    let mut state = length as u64 | 1;
    let next = move |_| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 56) as u8
    };
    (0..length).map(next).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_of_every_size_come_back() {
    // About each length of a frame header, of a DATA frame, of the stream's window and of the read buffer.
    const SIZES: [usize; 14] =
        [0, 1, 125, 126, 16_383, 16_384, 16_385, 65_535, 65_536, 65_537, 131_072, 1 << 20, 3 << 20, 5];
    for layer in BOTH {
        let server = Server::start(layer, Acceptor::new().config(uncompressed()), echo).await;
        let client = server.client(&pool()).config(uncompressed());
        let (_socket, Opened { mut readable, mut writable, .. }) = open(client).await;
        let send = async {
            for size in SIZES {
                writable.write(noise(size)).await.unwrap();
            }
        };
        let receive = async {
            for size in SIZES {
                let message = readable.read().await.unwrap();
                assert!(message == Some(Message::Binary(noise(size).into())), "{layer:?} {size}");
            }
        };
        soon(async { tokio::join!(send, receive) }).await;
        assert_eq!(server.connections(), 1);
    }
}

#[tokio::test]
async fn deflate_is_agreed_on_and_compresses() {
    for layer in BOTH {
        let server = Server::start(layer, Acceptor::new(), echo).await;
        let (socket, mut opened) = open(server.client(&pool())).await;
        assert_eq!(opened.extensions, "permessage-deflate");
        let long = "tide ".repeat(50_000);
        opened.writable.write(long.as_str()).await.unwrap();
        let back = soon(opened.readable.read()).await.unwrap();
        assert!(back == Some(Message::from(long.as_str())));
        let stats = socket.stats();
        assert!(stats.bytes_written < 5_000 && stats.bytes_read < 5_000, "{stats:?}");
    }
}

#[tokio::test]
async fn a_protocol_is_agreed_on() {
    for layer in BOTH {
        let server = Server::start(layer, Acceptor::new().protocols(["b", "c"]), echo).await;
        let (_socket, opened) = open(server.client(&pool()).protocols(["a", "b", "c"])).await;
        assert_eq!(opened.protocol, "b");
    }
}
