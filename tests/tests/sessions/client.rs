//! A client of sessions that does what it is told.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Method, Request, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::frames::{self, ATTACHED, Frame};
use super::rig::Server;

/// One HTTP connection.
pub(crate) struct Http(SendRequest<Full<Bytes>>);

/// An answer whose body has come whole.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

/// A session as its client has it.
#[derive(Clone, Debug)]
pub(crate) struct Client {
    pub(crate) address: SocketAddr,
    pub(crate) id: String,
    /// How many frames of the server's flow it has.
    pub(crate) received: u64,
    /// How many frames it has sent.
    pub(crate) sent: u64,
}

/// A body of frames that goes on.
pub(crate) struct Stream {
    body: Incoming,
    bytes: Vec<u8>,
    frames: std::collections::VecDeque<Frame>,
    _http: Http,
}

/// Longer than anything takes here, so that a test ends.
pub(crate) const LONG: Duration = Duration::from_secs(30);

impl Http {
    pub(crate) async fn connect(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).await.expect("the server listens");
        let (send, connection) = http1::handshake(TokioIo::new(stream)).await.expect("a new connection");
        tokio::spawn(connection);
        Self(send)
    }

    pub(crate) async fn send(&mut self, request: Request<Full<Bytes>>) -> http::Response<Incoming> {
        timeout(LONG, self.0.send_request(request)).await.expect("an answer in time").expect("an answer")
    }

    pub(crate) async fn ask(&mut self, request: Request<Full<Bytes>>) -> Answer {
        let (head, body) = self.send(request).await.into_parts();
        let body = timeout(LONG, body.collect()).await.expect("a body that ends").expect("a body");
        Answer { status: head.status, headers: head.headers, body: body.to_bytes().to_vec() }
    }
}

impl Answer {
    pub(crate) fn frames(&self) -> Vec<Frame> {
        let mut rest = self.body.clone();
        let frames = frames::take(&mut rest);
        assert!(rest.is_empty(), "the body ends inside a frame");
        frames
    }

    /// The one line that says why.
    pub(crate) fn reason(&self) -> &str {
        let reason = std::str::from_utf8(&self.body).expect("text");
        let line = reason.strip_suffix('\n').expect("a line");
        assert!(!line.is_empty() && !line.contains('\n'), "{line:?}");
        line
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().expect("a header of text"))
    }

    pub(crate) fn position(&self) -> u64 {
        self.header("tidegate-position").expect("a position").parse().expect("a number")
    }
}

pub(crate) fn get(target: &str) -> Request<Full<Bytes>> {
    request(Method::GET, target, Bytes::new(), &[])
}

pub(crate) fn request(
    method: Method,
    target: &str,
    body: impl Into<Bytes>,
    headers: &[(&str, &str)],
) -> Request<Full<Bytes>> {
    let mut request = Request::builder().method(method).uri(target);
    if headers.iter().all(|(name, _)| *name != "host") {
        request = request.header("host", "server.example");
    }
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(Full::new(body.into())).expect("a request")
}

/// Asks on a connection of its own.
pub(crate) async fn ask(address: SocketAddr, request: Request<Full<Bytes>>) -> Answer {
    Http::connect(address).await.ask(request).await
}

impl Client {
    /// Opens a session by a stream at `path`, and greets with this window.
    pub(crate) async fn open(server: &Server, path: &str, window: u64) -> (Self, Stream) {
        let separator = if path.contains('?') { '&' } else { '?' };
        let mut stream = Stream::open(server.address, &format!("{path}{separator}transport=stream")).await;
        let mut client = Self::attached(server, &stream.next().await);
        assert_eq!(client.post(&frames::hello(window)).await.status, StatusCode::NO_CONTENT);
        assert_eq!(stream.next().await.code, frames::WELCOME);
        client.received = 1;
        (client, stream)
    }

    /// A session that has begun with this frame.
    pub(crate) fn attached(server: &Server, attached: &Frame) -> Self {
        assert_eq!(attached.code, ATTACHED);
        assert_eq!((attached.parameter_number(2), attached.parameter_number(3)), (Some(0), Some(0)));
        let id = String::from_utf8(attached.parameter(1).expect("an id").to_vec()).expect("text");
        assert!(
            id.len() >= 22 && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
        );
        Self { address: server.address, id, received: 0, sent: 0 }
    }

    /// The target of a further attachment.
    pub(crate) fn target(&self, transport: &str) -> String {
        format!("/?transport={transport}&session={}&after={}", self.id, self.received)
    }

    pub(crate) async fn attach(&self) -> Stream {
        Stream::open(self.address, &self.target("stream")).await
    }

    /// Posts these frames as the next ones.
    pub(crate) async fn post(&mut self, frames: &[u8]) -> Answer {
        let answer = self.post_from(self.sent, frames).await;
        self.sent = answer.position();
        answer
    }

    pub(crate) async fn post_from(&self, from: u64, frames: &[u8]) -> Answer {
        ask(self.address, self.post_request(from, frames)).await
    }

    pub(crate) fn post_request(&self, from: u64, frames: &[u8]) -> Request<Full<Bytes>> {
        let target = format!("/?session={}&from={from}&received={}", self.id, self.received);
        let headers = [("content-type", "application/vnd.tidegate.v1")];
        request(Method::POST, &target, frames.to_vec(), &headers)
    }
}

impl Stream {
    pub(crate) async fn open(address: SocketAddr, target: &str) -> Self {
        let mut http = Http::connect(address).await;
        let response = http.send(get(target)).await;
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(response.headers()["content-type"], "application/vnd.tidegate.v1");
        assert_eq!(response.headers()["cache-control"], "no-store");
        assert_eq!(response.headers()["x-accel-buffering"], "no");
        let frames = std::collections::VecDeque::new();
        Self { body: response.into_body(), bytes: Vec::new(), frames, _http: http }
    }

    /// The next frame, or none at the end of the body.
    pub(crate) async fn try_next(&mut self) -> Option<Frame> {
        while self.frames.is_empty() {
            let piece = timeout(LONG, self.body.frame()).await.expect("a frame in time")?;
            let data = piece.expect("a body that does not break").into_data().expect("data");
            self.bytes.extend_from_slice(&data);
            self.frames.extend(frames::take(&mut self.bytes));
        }
        self.frames.pop_front()
    }

    pub(crate) async fn next(&mut self) -> Frame {
        self.try_next().await.expect("a further frame")
    }

    /// The next frame that is none of control.
    pub(crate) async fn next_message(&mut self) -> Frame {
        loop {
            let frame = self.next().await;
            if frame.code >= frames::TEXT {
                return frame;
            }
        }
    }
}
