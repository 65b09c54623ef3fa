//! Who does not read stops the peer, whatever lies between, and gets everything in the end.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tidegate::{Budget, Connection, Opened, Readable, Transport, Writable};
use tidegate_tests::raw::soon;
use tokio::sync::{Notify, oneshot};

use crate::over_each_transport;
use crate::proxy::{Proxy, Rules};
use crate::server::Server;

/// The window to begin with, and what a message costs.
const WINDOW: usize = 256 * 1024;
const HIGH_WATER_MARK: usize = 64 * 1024;
const LEN: usize = 1000;

/// How long something must not move to be called stalled. A machine so slow that this is wrong makes the tests
/// weaker, not red.
const STILL: Duration = Duration::from_millis(700);

/// What was accepted, without a reader: the window, an overdraft of one message, what waits below the high water mark,
/// and one message more.
const MOST: usize = WINDOW + HIGH_WATER_MARK + 2 * (LEN + 32);

async fn push(mut writable: Writable, accepted: Arc<AtomicU64>, more: Arc<Notify>) {
    let mut limit = u64::MAX;
    let mut number = 0;
    while number < limit {
        let mut message = vec![0; LEN];
        message[..8].copy_from_slice(&number.to_be_bytes());
        if limit == u64::MAX {
            tokio::select! {
                biased;
                written = writable.write(message) => written.expect("it is open"),
                () = more.notified() => {
                    limit = number + 1000;
                    continue;
                }
            }
        } else {
            writable.write(message).await.expect("it is open");
        }
        number += 1;
        accepted.store(number, Ordering::Relaxed);
    }
    more.notified().await;
}

async fn stalls(accepted: &AtomicU64) -> usize {
    let mut last = 0;
    loop {
        tokio::time::sleep(STILL).await;
        let now = accepted.load(Ordering::Relaxed);
        if now == last && now > 0 {
            return now as usize;
        }
        last = now;
    }
}

async fn reads(readable: &mut Readable, count: u64) {
    for number in 0..count {
        let message = soon(readable.read()).await.expect("it is open").expect("more is to come");
        assert!(message.as_bytes().starts_with(&number.to_be_bytes()), "message {number}");
    }
}

async fn a_client_that_does_not_read_stops_the_server(transport: Transport) {
    let (accepted, more) = (Arc::new(AtomicU64::new(0)), Arc::new(Notify::new()));
    let (counted, asked) = (accepted.clone(), more.clone());
    let server = Server::start(move |connection| {
        let (counted, asked) = (counted.clone(), asked.clone());
        async move {
            let Opened { writable, readable: _readable, .. } = connection.opened().await.unwrap();
            push(writable, counted, asked).await;
        }
    });
    let connection = Connection::builder(server.url()).transports([transport]).connect().unwrap();
    let Opened { mut readable, writable: _writable, .. } = soon(connection.opened()).await.unwrap();
    let count = soon(stalls(&accepted)).await;
    assert!(count * (LEN + 32) <= MOST, "{count} messages were accepted");
    assert!(connection.stats().ahead_bytes <= WINDOW + LEN + 32, "{:?}", connection.stats());
    more.notify_one();
    reads(&mut readable, count as u64 + 1000).await;
}

async fn a_server_that_does_not_read_stops_the_client(transport: Transport) {
    let (tell, told) = oneshot::channel::<Opened>();
    let tell = Arc::new(std::sync::Mutex::new(Some(tell)));
    let server = Server::start(move |connection| {
        let tell = tell.lock().unwrap().take().expect("there is one connection");
        async move {
            let opened = connection.opened().await.unwrap();
            assert!(tell.send(opened).is_ok());
            let _ = connection.closed().await;
        }
    });
    let connection = Connection::builder(server.url()).transports([transport]).connect().unwrap();
    let Opened { writable, readable: _readable, .. } = soon(connection.opened()).await.unwrap();
    let (accepted, more) = (Arc::new(AtomicU64::new(0)), Arc::new(Notify::new()));
    let pushing = tokio::spawn(push(writable, accepted.clone(), more.clone()));
    let Opened { mut readable, writable: _held, .. } = soon(told).await.unwrap();
    let count = soon(stalls(&accepted)).await;
    assert!(count * (LEN + 32) <= MOST, "{count} messages were accepted");
    more.notify_one();
    reads(&mut readable, count as u64 + 1000).await;
    pushing.abort();
}

over_each_transport!(
    a_client_that_does_not_read_stops_the_server,
    a_server_that_does_not_read_stops_the_client,
);

async fn what_a_client_keeps_counts_in_its_budget(transport: Transport) {
    let budget = Budget::new(16 << 20);
    let server = Server::echo();
    let proxy = Proxy::start(server.address(), 3).await;
    let connection = Connection::builder(proxy.url())
        .transports([transport])
        .client(|client| client.budget(&budget))
        .connect()
        .unwrap();
    let Opened { mut readable, mut writable, .. } = soon(connection.opened()).await.unwrap();
    soon(writable.write("first")).await.unwrap();
    assert_eq!(soon(readable.read()).await.unwrap(), Some("first".into()));
    proxy.rules(Rules { bad_gateway: 1000, ..Default::default() });
    proxy.kill_all();
    // The session takes all of it at once, and nothing carries it.
    const COUNT: usize = 12;
    for _ in 0..COUNT {
        soon(writable.write(vec![7; 16 << 10])).await.unwrap();
    }
    soon(async {
        while budget.used() < (COUNT - 2) * (16 << 10) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
    proxy.rules(Rules::default());
    for _ in 0..COUNT {
        assert_eq!(soon(readable.read()).await.unwrap().unwrap().into_bytes().len(), 16 << 10);
    }
    soon(async {
        while budget.used() > 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
}

over_each_transport!(what_a_client_keeps_counts_in_its_budget);
