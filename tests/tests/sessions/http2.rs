//! Sessions over HTTP/2: an attachment and the POSTs beside it share one connection.

use bytes::Bytes;
use http::{Method, Request, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::http2::{self, SendRequest};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tidegate::{Connection, Http2, Opened};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::time::timeout;

use super::client::LONG;
use super::frames::{self, ATTACHED, BINARY, Frame, TEXT, WELCOME};
use super::rig::{Server, acceptor, echo};

struct Client {
    http: SendRequest<Full<Bytes>>,
    id: String,
    received: u64,
    sent: u64,
}

struct Stream {
    body: Incoming,
    bytes: Vec<u8>,
    frames: Vec<Frame>,
}

impl Client {
    async fn connect(server: &Server) -> Self {
        let stream = TcpStream::connect(server.address).await.expect("the server listens");
        let (http, connection) =
            http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.expect("HTTP/2");
        tokio::spawn(connection);
        Self { http, id: String::new(), received: 0, sent: 0 }
    }

    async fn ask(&mut self, method: Method, target: &str, body: Vec<u8>) -> http::Response<Incoming> {
        let request = Request::builder()
            .method(method)
            .uri(format!("http://server.example{target}"))
            .header("content-type", "application/vnd.tidegate.v1")
            .body(Full::new(body.into()))
            .expect("a request");
        timeout(LONG, self.http.send_request(request)).await.expect("an answer in time").expect("an answer")
    }

    async fn attach(&mut self, path: &str) -> Stream {
        let target = match self.id.as_str() {
            "" => format!("{path}?transport=stream"),
            id => format!("{path}?transport=stream&session={id}&after={}", self.received),
        };
        let response = self.ask(Method::GET, &target, Vec::new()).await;
        assert_eq!((response.status(), response.version()), (StatusCode::OK, http::Version::HTTP_2));
        let mut stream = Stream { body: response.into_body(), bytes: Vec::new(), frames: Vec::new() };
        let attached = stream.next().await;
        assert_eq!(attached.code, ATTACHED);
        self.id = String::from_utf8(attached.parameter(1).expect("an id").to_vec()).expect("text");
        stream
    }

    async fn post(&mut self, frames: Vec<u8>) {
        let target = format!("/?session={}&from={}&received={}", self.id, self.sent, self.received);
        let answer = self.ask(Method::POST, &target, frames).await;
        assert_eq!(answer.status(), StatusCode::NO_CONTENT);
        self.sent = answer.headers()["tidegate-position"].to_str().expect("text").parse().expect("a number");
    }
}

impl Stream {
    async fn next(&mut self) -> Frame {
        while self.frames.is_empty() {
            let piece = timeout(LONG, self.body.frame()).await.expect("in time").expect("no end");
            self.bytes.extend_from_slice(&piece.expect("no break").into_data().expect("data"));
            self.frames = frames::take(&mut self.bytes);
        }
        self.frames.remove(0)
    }

    async fn next_of(&mut self, code: u8) -> Frame {
        loop {
            let frame = self.next().await;
            if frame.code == code {
                return frame;
            }
        }
    }
}

#[tokio::test]
async fn a_stream_and_its_posts_share_a_connection() {
    let server = Server::start(acceptor().http2(Http2::default()), echo).await;
    let mut client = Client::connect(&server).await;
    let mut stream = client.attach("/echo").await;
    assert_eq!(stream.next().await.code, WELCOME);
    client.post(frames::hello(1 << 18)).await;
    for number in 0..50 {
        client.post(frames::text(&number.to_string())).await;
        assert_eq!(stream.next_of(TEXT).await.text(), number.to_string());
    }
    // Over HTTP/1.1 it goes on, on the same port.
    let other = super::client::Client {
        address: server.address,
        id: client.id.clone(),
        received: 1,
        sent: client.sent,
    };
    let mut moved = other.attach().await;
    assert_eq!(moved.next().await.parameter_number(2), Some(51));
    assert_eq!(moved.next_message().await.text(), "0");
}

#[tokio::test]
async fn a_stream_that_the_client_resets_is_detached() {
    let (tell, mut told) = mpsc::channel(1);
    let server = Server::start(acceptor().http2(Http2::default()), move |connection: Connection| {
        let tell = tell.clone();
        async move {
            while connection.transport().is_some() {
                tokio::time::sleep(std::time::Duration::from_millis(5)).await;
            }
            tell.send(()).await.expect("somebody listens");
            let _ = connection.closed().await;
        }
    })
    .await;
    let mut client = Client::connect(&server).await;
    drop(client.attach("/").await);
    timeout(LONG, told.recv()).await.expect("it is detached while the connection is there");
    let mut stream = client.attach("/").await;
    assert_eq!(stream.next().await.code, WELCOME);
}

#[tokio::test]
async fn a_stream_that_is_not_read_holds_up_no_other() {
    let server = Server::start(acceptor().http2(Http2::default()), |connection: Connection| async move {
        let Ok(Opened { readable, mut writable, .. }) = connection.opened().await else { return };
        if connection.url().starts_with("/echo") {
            let _ = readable.pipe_to(writable).await;
        } else {
            while writable.write(vec![7; 16 * 1024]).await.is_ok() {}
        }
    })
    .await;
    let mut idle = Client::connect(&server).await;
    let mut unread = idle.attach("/push").await;
    idle.post(frames::hello(1 << 40)).await;
    assert_eq!(unread.next_of(BINARY).await.payload.len(), 16 * 1024);
    // The same connection.
    let mut busy = Client { http: idle.http.clone(), id: String::new(), received: 0, sent: 0 };
    let mut stream = busy.attach("/echo").await;
    busy.post(frames::hello(1 << 18)).await;
    for number in 0..50 {
        busy.post(frames::text(&number.to_string())).await;
        assert_eq!(stream.next_of(TEXT).await.text(), number.to_string());
    }
}
