//! One stream of messages to many connections, over real sockets.

#![expect(clippy::unwrap_used, reason = "a test that fails may panic")]

use std::time::Duration;

use tidegate::{Broadcast, Connection, Message, Opened, Readable, Subscription, WebSocketStream, Writable};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::time::timeout;

/// Connections whose server ends are handed out as they come.
struct Server {
    url: String,
    opened: mpsc::Receiver<(Connection, Readable, Writable)>,
}

impl Server {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("ws://{}", listener.local_addr().unwrap());
        let (sender, opened) = mpsc::channel(16);
        tokio::spawn(tidegate::serve(listener, move |socket| {
            let sender = sender.clone();
            async move {
                let Opened { readable, writable, .. } = socket.opened().await.unwrap();
                sender.send((socket, readable, writable)).await.unwrap();
            }
        }));
        Self { url, opened }
    }

    /// A client that receives the broadcast.
    async fn subscribe(&mut self, broadcast: &Broadcast) -> Member {
        let client = WebSocketStream::connect(&self.url).unwrap();
        let Opened { readable, writable, .. } = client.opened().await.unwrap();
        let (socket, _, far) = self.opened.recv().await.unwrap();
        let subscription = broadcast.subscribe(&far);
        Member { client, readable, _writable: writable, _far: (socket, far), subscription }
    }
}

struct Member {
    client: WebSocketStream,
    readable: Readable,
    _writable: Writable,
    _far: (Connection, Writable),
    subscription: Subscription,
}

impl Member {
    async fn next(&mut self) -> Message {
        timeout(Duration::from_secs(30), self.readable.read()).await.unwrap().unwrap().unwrap()
    }

    async fn number(&mut self) -> u64 {
        u64::from_be_bytes(self.next().await.as_bytes()[..8].try_into().unwrap())
    }
}

fn numbered(number: u64, len: usize) -> Message {
    let mut payload = number.to_be_bytes().to_vec();
    payload.resize(len.max(8), 7);
    payload.into()
}

#[tokio::test]
async fn everybody_gets_everything_in_order_but_the_sender() {
    let mut server = Server::start().await;
    let broadcast = Broadcast::new(1 << 20);
    assert_eq!(broadcast.send("nobody hears this").await, 0);
    let (mut one, mut two) = (server.subscribe(&broadcast).await, server.subscribe(&broadcast).await);
    for number in 1..500 {
        let len = if number % 50 == 0 { 40_000 } else { 20 };
        assert_eq!(broadcast.send_to_others(numbered(number, len), &one.subscription).await, number);
    }
    broadcast.send("to all").await;
    for number in 1..500 {
        assert_eq!(two.number().await, number);
    }
    assert_eq!((one.next().await, two.next().await), ("to all".into(), "to all".into()));
}

#[tokio::test]
async fn who_leaves_gets_nothing_more_and_who_is_gone_holds_up_nobody() {
    let mut server = Server::start().await;
    let broadcast = Broadcast::with_grace(100_000, Duration::from_secs(3600));
    let (mut stays, mut leaves) = (server.subscribe(&broadcast).await, server.subscribe(&broadcast).await);
    let vanishes = server.subscribe(&broadcast).await;
    broadcast.send("hello").await;
    assert_eq!(leaves.next().await, "hello".into());
    assert_eq!(stays.next().await, "hello".into());
    drop(leaves.subscription);
    vanishes.client.close((1000, "")).unwrap();
    drop((vanishes.readable, vanishes.client));
    for number in 0..2000 {
        let (_, got) = tokio::join!(broadcast.send(numbered(number, 10_000)), stays.number());
        assert_eq!(got, number);
    }
    assert!(timeout(Duration::from_millis(50), leaves.readable.read()).await.is_err());
}

#[tokio::test]
async fn a_stuck_connection_loses_messages_knows_which_and_holds_up_nobody_for_long() {
    let mut server = Server::start().await;
    let limit = 1 << 20;
    // Longer than a busy machine keeps a reader from its turn, or that one would lose some too.
    let broadcast = Broadcast::with_grace(limit, Duration::from_secs(5));
    let mut stuck = server.subscribe(&broadcast).await;
    let mut readers = Vec::new();
    for _ in 0..3 {
        let mut healthy = server.subscribe(&broadcast).await;
        readers.push(tokio::spawn(async move {
            for number in 0..4000 {
                assert_eq!(healthy.number().await, number);
            }
        }));
    }
    // 64 MiB, far more than a ring, a socket and the high water mark hold.
    for number in 0..4000 {
        broadcast.send(numbered(number, 16 * 1024)).await;
    }
    for reader in readers {
        reader.await.expect("whoever reads gets everything");
    }
    let queued = stuck._far.0.stats().queued_bytes;
    assert!(queued < 64 * 1024 + 17 * 1024, "{queued} bytes are queued for the one that does not read");
    // It reads again: what was on the way, then the oldest that is kept, and it is told what lies between.
    let mut got = vec![stuck.number().await];
    while *got.last().unwrap() < 3999 {
        got.push(stuck.number().await);
    }
    let missed = timeout(Duration::from_secs(10), stuck.subscription.missed()).await.unwrap();
    let expected: Vec<u64> = (0..4000).filter(|number| !missed.contains(number)).collect();
    assert_eq!(got, expected, "all but what it was told to have missed: {missed:?}");
    assert!(missed.start > 0 && missed.end < 4000 && missed.end > 4000 - (limit / (16 * 1024)) as u64 - 2);
}

#[tokio::test]
async fn sending_waits_for_a_slow_connection_that_makes_progress() {
    let mut server = Server::start().await;
    let broadcast = Broadcast::with_grace(256 * 1024, Duration::from_secs(60));
    let mut slow = server.subscribe(&broadcast).await;
    let sender = broadcast.clone();
    let sending = tokio::spawn(async move {
        for number in 0..1000 {
            sender.send(numbered(number, 16 * 1024)).await;
        }
    });
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert!(!sending.is_finished(), "16 MiB do not fit the ring and the sockets");
    for number in 0..1000 {
        assert_eq!(slow.number().await, number);
    }
    sending.await.unwrap();
    assert!(timeout(Duration::from_millis(50), slow.subscription.missed()).await.is_err());
}
