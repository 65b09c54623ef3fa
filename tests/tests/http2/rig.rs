//! A server that counts its TCP connections, and clients of it.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tidegate::{Acceptor, ClientBuilder, Config, Http2, Http2Pool, Message, Opened, WebSocketStream, tune};
use tidegate_tests::certificates::Certificates;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// Whether the server speaks TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Layer {
    Plain,
    Tls,
}

pub(crate) const BOTH: [Layer; 2] = [Layer::Plain, Layer::Tls];

/// A running server.
pub(crate) struct Server {
    pub(crate) port: u16,
    layer: Layer,
    connections: Arc<AtomicUsize>,
    task: JoinHandle<()>,
}

impl Server {
    /// Accepts with HTTP/2 switched on.
    pub(crate) async fn start<H, F>(layer: Layer, acceptor: Acceptor, handler: H) -> Self
    where
        H: Fn(WebSocketStream) -> F + Send + Sync + 'static,
        F: Future<Output = ()> + Send + 'static,
    {
        Self::start_as_is(layer, acceptor.http2(Http2::default()), handler).await
    }

    /// Accepts with what `acceptor` says of HTTP/2.
    pub(crate) async fn start_as_is<H, F>(layer: Layer, acceptor: Acceptor, handler: H) -> Self
    where
        H: Fn(WebSocketStream) -> F + Send + Sync + 'static,
        F: Future<Output = ()> + Send + 'static,
    {
        let acceptor = match layer {
            Layer::Plain => acceptor,
            Layer::Tls => acceptor.tls(Certificates::shared().server()),
        };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let connections = Arc::new(AtomicUsize::new(0));
        let (counter, handler) = (connections.clone(), Arc::new(handler));
        let task = tokio::spawn(async move {
            loop {
                let (stream, peer) = listener.accept().await.unwrap();
                counter.fetch_add(1, Ordering::Relaxed);
                tune(&stream).unwrap();
                let (acceptor, handler) = (acceptor.clone(), handler.clone());
                tokio::spawn(async move {
                    let run = move |socket| {
                        let handler = handler.clone();
                        async move { handler(socket).await }
                    };
                    let _ = acceptor.serve_connection(stream, peer, run).await;
                });
            }
        });
        Self { port, layer, connections, task }
    }

    /// How many TCP connections were accepted.
    pub(crate) fn connections(&self) -> usize {
        self.connections.load(Ordering::Relaxed)
    }

    pub(crate) fn url(&self) -> String {
        let scheme = if self.layer == Layer::Tls { "wss" } else { "ws" };
        format!("{scheme}://127.0.0.1:{}/", self.port)
    }

    /// A client that trusts the server.
    pub(crate) fn client(&self, pool: &Http2Pool) -> ClientBuilder {
        WebSocketStream::builder(self.url()).tls(client_tls()).http2(pool)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// One value, whose clones share a connection.
pub(crate) fn client_tls() -> tidegate::ClientTls {
    static SHARED: std::sync::OnceLock<tidegate::ClientTls> = std::sync::OnceLock::new();
    SHARED.get_or_init(|| Certificates::shared().client()).clone()
}

/// A pool that speaks HTTP/2 on both layers.
pub(crate) fn pool() -> Http2Pool {
    Http2Pool::new().prior_knowledge()
}

/// Limits as ever, without compression.
pub(crate) fn uncompressed() -> Config {
    Config::default().deflate(None)
}

/// Sends back what comes.
pub(crate) async fn echo(socket: WebSocketStream) {
    let Opened { readable, writable, .. } = socket.opened().await.unwrap();
    let _ = readable.pipe_to(writable).await;
}

/// Tells over which version of HTTP the socket came, and what comes.
pub(crate) async fn tell_version(socket: WebSocketStream) {
    let version = format!("{:?}", socket.request().unwrap().version());
    let Opened { mut writable, mut readable, .. } = socket.opened().await.unwrap();
    writable.write(version).await.unwrap();
    while let Ok(Some(_)) = readable.read().await {}
}

pub(crate) async fn open(builder: ClientBuilder) -> (WebSocketStream, Opened) {
    let socket = builder.connect().unwrap();
    let opened = soon(socket.opened()).await.unwrap();
    (socket, opened)
}

/// The text of the next message.
pub(crate) async fn text(opened: &mut Opened) -> String {
    match soon(opened.readable.read()).await.unwrap() {
        Some(Message::Text(text)) => text,
        other => panic!("{other:?}"),
    }
}

/// Nothing here takes longer.
pub(crate) async fn soon<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(60), future).await.expect("this is done within a minute")
}
