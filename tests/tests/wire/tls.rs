//! The same through TLS: records in between change nothing of the laws.

use tidegate::{Acceptor, Config, Opened, WebSocketStream};
use tidegate_tests::certificates::Certificates;
use tokio::net::TcpListener;
use tokio::sync::oneshot;

use crate::process::MEBIBYTE;
use tidegate_tests::raw::{halves, soon};

struct Pair {
    server: WebSocketStream,
    client: WebSocketStream,
}

/// Both ends are ours, since a scripted peer would have to speak TLS.
async fn open() -> Pair {
    let certificates = Certificates::shared();
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback has ports");
    let url = format!("wss://{}/", listener.local_addr().expect("it is bound"));
    let client = WebSocketStream::builder(url)
        .tls(certificates.client())
        .config(Config::default().deflate(None))
        .connect()
        .expect("the URL is right");
    let (stream, _) = soon(listener.accept()).await.expect("it connects");
    let server =
        soon(Acceptor::new().tls(certificates.server()).accept(stream)).await.expect("the request is right");
    Pair { server, client }
}

#[tokio::test]
async fn messages_small_and_large_come_back_and_the_close_is_clean() {
    let Pair { server, client } = open().await;
    let echo = tokio::spawn(async move {
        let Opened { readable, writable, .. } = halves(&server).await;
        readable.pipe_to(writable).await
    });
    let Opened { mut readable, mut writable, .. } = halves(&client).await;
    for len in [0, 1, 125, 126, 70_000, 16 * MEBIBYTE] {
        let sent: Vec<u8> = (0..len).map(|index| (index % 251) as u8).collect();
        soon(writable.write(sent.clone())).await.expect("it is open");
        let echoed = soon(readable.read()).await.expect("it comes").expect("before the end");
        assert!(echoed.as_bytes() == sent, "{len} bytes");
    }
    client.close((1000, "done")).expect("it may be sent");
    soon(echo).await.expect("it does not panic").expect("a clean end");
    let closed = soon(client.closed()).await.expect("clean");
    assert_eq!((closed.close_code.get(), closed.reason.as_str()), (1000, "done"));
}

#[tokio::test]
async fn what_was_written_leaves_when_the_task_yields() {
    let Pair { server, client } = open().await;
    let Opened { mut readable, writable: _kept, .. } = halves(&client).await;
    let Opened { readable: _unread, mut writable, .. } = halves(&server).await;
    let (arrived, arrival) = oneshot::channel();
    tokio::spawn(async move {
        for index in 0..5_u8 {
            let message = soon(readable.read()).await.expect("it comes");
            assert_eq!(message, Some(vec![index].into()));
        }
        arrived.send(()).expect("somebody waits");
    });
    for index in 0..5_u8 {
        soon(writable.write(vec![index])).await.expect("it is open");
    }
    soon(arrival).await.expect("the messages left");
}

#[tokio::test]
async fn dropping_everything_sends_all_that_was_written_first() {
    let Pair { server, client } = open().await;
    let Opened { readable, mut writable, .. } = halves(&server).await;
    for index in 0..40_u8 {
        soon(writable.write(vec![index; 1500])).await.expect("it is open");
    }
    drop((readable, writable, server));
    let Opened { mut readable, .. } = halves(&client).await;
    for index in 0..40_u8 {
        assert_eq!(soon(readable.read()).await.expect("it comes"), Some(vec![index; 1500].into()));
    }
    assert_eq!(soon(readable.read()).await.expect("a clean end"), None);
    assert_eq!(soon(client.closed()).await.expect("clean").close_code, 1005);
}

#[tokio::test]
async fn a_writer_to_a_peer_that_does_not_read_waits_and_loses_nothing() {
    let Pair { server, client } = open().await;
    let Opened { readable: _unread, mut writable, .. } = halves(&server).await;
    let Opened { mut readable, .. } = halves(&client).await;
    let still = std::time::Duration::from_millis(300);
    let mut accepted = 0_u32;
    while tokio::time::timeout(still, writable.write(vec![accepted as u8; 50_000])).await.is_ok() {
        accepted += 1;
        assert!(accepted < 2000, "100 MB were accepted by nobody");
    }
    for index in 0..accepted {
        let message = soon(readable.read()).await.expect("it comes").expect("before the end");
        assert!(message.as_bytes() == vec![index as u8; 50_000], "message {index} of {accepted}");
    }
}
