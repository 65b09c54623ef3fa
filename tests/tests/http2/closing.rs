//! Ends: clean ones from both sides, and broken ones.

use std::time::Duration;

use tidegate::{Acceptor, Cause, CloseCode, CloseInfo, Http2Error, Message, Opened, WebSocketError};
use tokio::sync::mpsc;

use crate::rig::{BOTH, Layer, Server, open, pool, soon};

fn info(code: u16, reason: &str) -> CloseInfo {
    CloseInfo { close_code: CloseCode::from(code), reason: reason.to_owned() }
}

type Ends = mpsc::Receiver<Result<CloseInfo, WebSocketError>>;

/// A server that tells how its sockets ended.
async fn telling(layer: Layer) -> (Server, Ends) {
    let (sender, ends) = mpsc::channel(16);
    let server = Server::start(layer, Acceptor::new(), move |socket| {
        let sender = sender.clone();
        async move {
            let Opened { mut readable, .. } = socket.opened().await.unwrap();
            while let Ok(Some(_)) = readable.read().await {}
            sender.send(socket.closed().await).await.unwrap();
        }
    })
    .await;
    (server, ends)
}

#[tokio::test]
async fn a_client_closes() {
    for layer in BOTH {
        let (server, mut ends) = telling(layer).await;
        let pool = pool();
        for (code, reason) in [(1000, ""), (1001, "away"), (3000, "three"), (4999, "Bye!")] {
            let (socket, _opened) = open(server.client(&pool)).await;
            socket.close((code, reason)).unwrap();
            assert_eq!(soon(socket.closed()).await.unwrap(), info(code, reason));
            assert_eq!(soon(ends.recv()).await.unwrap().unwrap(), info(code, reason));
        }
        assert_eq!((server.connections(), pool.connections()), (1, 1));
    }
}

#[tokio::test]
async fn a_server_closes_behind_its_messages() {
    for layer in BOTH {
        let server = Server::start(layer, Acceptor::new(), |socket| async move {
            let Opened { mut writable, .. } = socket.opened().await.unwrap();
            for number in 0..1000 {
                writable.write(format!("message {number}")).await.unwrap();
            }
            socket.close((4321, "that was it")).unwrap();
            let end = socket.closed().await.unwrap();
            assert_eq!(end, info(4321, "that was it"));
        })
        .await;
        let (socket, Opened { mut readable, .. }) = open(server.client(&pool())).await;
        for number in 0..1000 {
            let message = soon(readable.read()).await.unwrap();
            assert_eq!(message, Some(Message::from(format!("message {number}"))));
        }
        assert_eq!(soon(readable.read()).await.unwrap(), None);
        assert_eq!(soon(socket.closed()).await.unwrap(), info(4321, "that was it"));
    }
}

#[tokio::test]
async fn dropping_everything_closes_in_order() {
    let (server, mut ends) = telling(Layer::Tls).await;
    let (socket, opened) = open(server.client(&pool())).await;
    drop((socket, opened));
    assert_eq!(soon(ends.recv()).await.unwrap().unwrap(), info(1005, ""));
}

/// Whether the failure is this one of HTTP/2.
pub(crate) fn http2_cause(error: &WebSocketError) -> &Http2Error {
    let Cause::Lost(Some(error)) = error.cause() else { panic!("{error:?}") };
    error.get_ref().and_then(|error| error.downcast_ref()).unwrap_or_else(|| panic!("{error:?}"))
}

#[tokio::test]
async fn a_stream_that_is_reset_fails_with_its_code_and_no_other_does() {
    let (server, mut ends) = telling(Layer::Plain).await;
    let mut raw = crate::frames::Raw::connect(&server).await;
    let (_, mut doomed) = raw.websocket(&[]).await;
    let (_, mut other) = raw.websocket(&[]).await;
    doomed.send.send_reset(::h2::Reason::INTERNAL_ERROR);
    let error = soon(ends.recv()).await.unwrap().unwrap_err();
    assert_eq!(error.close_code(), Some(CloseCode::ABNORMAL));
    assert!(matches!(http2_cause(&error), Http2Error::Reset { code: 2 }), "{error:?}");
    // A Close of 1000, masked with zeros.
    other.send.send_data(vec![0x88, 0x82, 0, 0, 0, 0, 0x03, 0xe8].into(), true).unwrap();
    assert_eq!(soon(ends.recv()).await.unwrap().unwrap(), info(1000, ""));
}

#[tokio::test]
async fn the_end_of_the_tcp_connection_fails_all_its_sockets() {
    let (server, mut ends) = telling(Layer::Plain).await;
    let mut raw = crate::frames::Raw::connect(&server).await;
    let streams = [raw.websocket(&[]).await, raw.websocket(&[]).await];
    raw.break_off();
    for _ in &streams {
        let error = soon(ends.recv()).await.unwrap().unwrap_err();
        assert_eq!(error.close_code(), Some(CloseCode::ABNORMAL));
    }
}

#[tokio::test]
async fn a_client_sees_that_the_server_went_away() {
    let (stop, stopped) = tokio::sync::watch::channel(false);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("ws://{}/", listener.local_addr().unwrap());
    let mut stopped_too = stopped.clone();
    tokio::spawn(async move {
        let acceptor = Acceptor::new().http2(tidegate::Http2::default());
        let (stream, _) = listener.accept().await.unwrap();
        let serve =
            acceptor.serve_connection(stream, None, |socket| async move { drop(socket.closed().await) });
        tokio::select! {
            _ = serve => {}
            _ = stopped_too.changed() => {}
        }
        // Breaks it off, and listens no longer.
    });
    let pool = pool();
    let (socket, mut opened) = open(tidegate::WebSocketStream::builder(url).http2(&pool)).await;
    assert_eq!(pool.connections(), 1);
    stop.send(true).unwrap();
    let error = soon(opened.readable.read()).await.unwrap_err();
    assert_eq!(error.close_code(), Some(CloseCode::ABNORMAL));
    assert!(soon(socket.closed()).await.is_err());
    soon(async {
        while pool.connections() > 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
}

#[tokio::test]
async fn a_server_that_goes_away_closes_all_its_sockets() {
    for layer in BOTH {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let connections = tidegate::Connections::new();
        let acceptor = Acceptor::new().http2(tidegate::Http2::default()).connections(connections.clone());
        let acceptor = match layer {
            Layer::Plain => acceptor,
            Layer::Tls => acceptor.tls(tidegate_tests::certificates::Certificates::shared().server()),
        };
        let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
        let server = tokio::spawn(async move {
            acceptor.serve_until(listener, crate::rig::echo, async { drop(stopped.await) }).await
        });
        let pool = pool();
        let scheme = if layer == Layer::Tls { "wss" } else { "ws" };
        let builder = tidegate::WebSocketStream::builder(format!("{scheme}://127.0.0.1:{port}/"));
        let builder = builder.tls(crate::rig::client_tls()).http2(&pool);
        let mut sockets = Vec::new();
        for _ in 0..10 {
            sockets.push(open(builder.clone()).await);
        }
        assert_eq!(connections.count(), 11);
        stop.send(()).unwrap();
        for (socket, mut opened) in sockets {
            assert_eq!(soon(opened.readable.read()).await.unwrap(), None);
            assert_eq!(soon(socket.closed()).await.unwrap().close_code.get(), 1001);
        }
        let drained = soon(server).await.unwrap().unwrap();
        assert_eq!((drained.closed, drained.cut_off), (10, 0));
    }
}
