//! A client of HTTP/2 that is not ours, for requests and streams that ours would not make.

use ::h2::client::SendRequest;
use ::h2::ext::Protocol;
use ::h2::{RecvStream, SendStream};
use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;

use crate::rig::{Server, soon};

/// A connection over TCP.
pub(crate) struct Raw {
    send: SendRequest<Bytes>,
    task: JoinHandle<()>,
    port: u16,
}

/// A stream that was answered.
pub(crate) struct Stream {
    pub(crate) send: SendStream<Bytes>,
    pub(crate) receive: RecvStream,
}

impl Raw {
    pub(crate) async fn connect(server: &Server) -> Self {
        Self::connect_with(server, &::h2::client::Builder::new()).await
    }

    pub(crate) async fn connect_with(server: &Server, builder: &::h2::client::Builder) -> Self {
        let stream = TcpStream::connect(("127.0.0.1", server.port)).await.unwrap();
        let (send, connection) = builder.handshake(stream).await.unwrap();
        let task = tokio::spawn(async move { drop(connection.await) });
        let raw = Self { send, task, port: server.port };
        soon(async {
            while !raw.send.is_extended_connect_protocol_enabled() {
                tokio::task::yield_now().await;
            }
        })
        .await;
        raw
    }

    /// An extended CONNECT for a WebSocket, with more headers.
    pub(crate) fn handshake(&self, headers: &[(&'static str, &str)]) -> Request<()> {
        let mut request = self.request(Method::CONNECT, headers);
        request.extensions_mut().insert(Protocol::from_static("websocket"));
        request
    }

    pub(crate) fn request(&self, method: Method, headers: &[(&'static str, &str)]) -> Request<()> {
        let uri = format!("http://127.0.0.1:{}/path?query", self.port);
        let mut request = Request::new(());
        *request.method_mut() = method;
        *request.uri_mut() = uri.parse().unwrap();
        *request.version_mut() = http::Version::HTTP_2;
        let map: &mut HeaderMap = request.headers_mut();
        map.insert("sec-websocket-version", "13".parse().unwrap());
        for (name, value) in headers {
            map.insert(*name, value.parse().unwrap());
        }
        request
    }

    /// Asks, and does not wait for the answer.
    pub(crate) async fn begin(&mut self, request: Request<()>) -> Result<SendStream<Bytes>, ::h2::Error> {
        let mut sender = self.send.clone().ready().await?;
        Ok(sender.send_request(request, false)?.1)
    }

    pub(crate) async fn ask(&mut self, request: Request<()>) -> Result<(Response<()>, Stream), ::h2::Error> {
        let mut sender = self.send.clone().ready().await?;
        let (response, send) = sender.send_request(request, false)?;
        let (head, receive) = soon(response).await?.into_parts();
        Ok((Response::from_parts(head, ()), Stream { send, receive }))
    }

    /// A WebSocket that the server has agreed to.
    pub(crate) async fn websocket(&mut self, headers: &[(&'static str, &str)]) -> (Response<()>, Stream) {
        let (response, stream) = self.ask(self.handshake(headers)).await.unwrap();
        assert_eq!(response.status(), 200);
        (response, stream)
    }

    /// Closes the TCP connection.
    pub(crate) fn break_off(self) {
        self.task.abort();
    }
}

impl Stream {
    /// All that comes, up to the end of the stream.
    pub(crate) async fn body(&mut self) -> Vec<u8> {
        let mut body = Vec::new();
        while let Some(bytes) = soon(self.receive.data()).await {
            let bytes = bytes.unwrap();
            self.receive.flow_control().release_capacity(bytes.len()).unwrap();
            body.extend_from_slice(&bytes);
        }
        body
    }
}
