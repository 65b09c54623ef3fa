//! Connections from a listener: with TLS, over HTTP/2, and until the server goes away.

use std::time::Duration;

use http::StatusCode;
use tidegate::{Connection, Http2, Http2Pool, Opened, WebSocketStream};
use tidegate_tests::certificates::Certificates;
use tokio::net::TcpListener;
use tokio::sync::oneshot;

use super::client::{Client, Http, get};
use super::frames::{self, DETACHED, END};
use super::rig::{Server, acceptor, echo};

async fn says_hello(socket: &WebSocketStream) {
    let Opened { mut readable, mut writable, .. } = socket.opened().await.expect("it opens");
    writable.write("hello").await.expect("it is open");
    assert_eq!(readable.read().await.expect("it is open"), Some("hello".into()));
}

#[tokio::test]
async fn plain_websockets_come_over_tls_and_over_http2() {
    let certificates = Certificates::shared();
    let (tell, mut told) = tokio::sync::mpsc::channel(4);
    let acceptor = acceptor().tls(certificates.server()).http2(Http2::default());
    let server = Server::start(acceptor, move |connection: Connection| {
        let tell = tell.clone();
        async move {
            let version = connection.request().map(http::Request::version);
            tell.send((version, connection.is_session())).await.expect("somebody listens");
            echo(connection).await;
        }
    })
    .await;
    let url = format!("wss://localhost:{}/echo", server.address.port());
    let builder = || WebSocketStream::builder(url.clone()).tls(certificates.client());
    says_hello(&builder().connect().expect("a URL")).await;
    assert_eq!(told.recv().await, Some((Some(http::Version::HTTP_11), false)));
    let pool = Http2Pool::new();
    let (one, other) = (builder().http2(&pool).connect(), builder().http2(&pool).connect());
    for socket in [one, other] {
        says_hello(&socket.expect("a URL")).await;
        assert_eq!(told.recv().await, Some((Some(http::Version::HTTP_2), false)));
    }
}

#[tokio::test]
async fn a_signal_ends_it_in_order() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("it is bound");
    let (stop, stopped) = oneshot::channel::<()>();
    let serving = tokio::spawn(async move {
        let signal = async { stopped.await.unwrap_or_default() };
        acceptor().drain_timeout(Duration::from_secs(20)).serve_any_until(listener, echo, signal).await
    });
    let socket = WebSocketStream::connect(format!("ws://{address}/echo")).expect("a URL");
    says_hello(&socket).await;
    // A session whose client posts over a connection that it has.
    let mut http = Http::connect(address).await;
    let attached = http.ask(get("/echo?transport=poll")).await.frames().remove(0);
    let id = std::str::from_utf8(attached.parameter(1).expect("an id")).expect("text").to_owned();
    let mut client = Client { address, id, received: 0, sent: 0 };
    assert_eq!(
        http.ask(client.post_request(0, &frames::hello(1 << 18))).await.status,
        StatusCode::NO_CONTENT
    );
    let mut stream = client.attach().await;
    stop.send(()).expect("the server runs");
    loop {
        let frame = stream.next().await;
        client.received += u64::from(frame.is_of_flow());
        if frame.code == END {
            break;
        }
    }
    let goodbye = frames::end(1001, "going away");
    assert_eq!(http.ask(client.post_request(1, &goodbye)).await.status, StatusCode::NO_CONTENT);
    assert_eq!(stream.next().await.code, DETACHED);
    assert_eq!(socket.closed().await.expect("a Close").close_code.get(), 1001);
    let drained = serving.await.expect("no panic").expect("the listener did not fail");
    assert_eq!((drained.closed, drained.cut_off), (2, 0));
}
