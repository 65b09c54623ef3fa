//! An echo that writes down what it was asked, and may answer something else.

use std::io::Cursor;
use std::sync::{Arc, Mutex};

use tidegate::{ClientBuilder, Opened, Proxy, WebSocketError, WebSocketStream};
use tidegate_tests::certificates::Certificates;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

use crate::listening::{Listening, read_head};

pub(crate) struct Server {
    pub(crate) listening: Listening,
    scheme: &'static str,
    seen: Arc<Mutex<Vec<Seen>>>,
}

/// A request as it came.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) head: String,
    pub(crate) client_certificate: bool,
}

/// What to answer to the target of a request in the place of opening a WebSocket.
type Answer = dyn Fn(&str) -> Option<String> + Send + Sync;

impl Server {
    /// `ws`.
    pub(crate) async fn plain() -> Self {
        Self::start(None, |_| None).await
    }

    /// `wss`.
    pub(crate) async fn secure() -> Self {
        Self::start(Some(crate::tls::acceptor()), |_| None).await
    }

    pub(crate) async fn start(
        tls: Option<TlsAcceptor>,
        answer: impl Fn(&str) -> Option<String> + Send + Sync + 'static,
    ) -> Self {
        Self::on(TcpListener::bind("127.0.0.1:0").await.unwrap(), tls, answer)
    }

    pub(crate) fn on(
        listener: TcpListener,
        tls: Option<TlsAcceptor>,
        answer: impl Fn(&str) -> Option<String> + Send + Sync + 'static,
    ) -> Self {
        let seen = Arc::new(Mutex::new(Vec::new()));
        let scheme = if tls.is_some() { "wss" } else { "ws" };
        let (answer, log): (Arc<Answer>, _) = (Arc::new(answer), seen.clone());
        let listening =
            Listening::on(listener, move |stream| serve(stream, tls.clone(), answer.clone(), log.clone()));
        Self { listening, scheme, seen }
    }

    pub(crate) fn port(&self) -> u16 {
        self.listening.address.port()
    }

    /// The URL of a path here, by the name of this machine.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}://localhost:{}{path}", self.scheme, self.port())
    }

    /// All requests until now.
    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    /// The only request until now.
    pub(crate) fn only_head(&self) -> String {
        match &self.seen()[..] {
            [seen] => seen.head.clone(),
            seen => panic!("not one request: {seen:?}"),
        }
    }
}

async fn serve(
    stream: TcpStream,
    tls: Option<TlsAcceptor>,
    answer: Arc<Answer>,
    seen: Arc<Mutex<Vec<Seen>>>,
) {
    match tls {
        None => serve_stream(stream, false, answer, seen).await,
        Some(tls) => {
            let Ok(stream) = tls.accept(stream).await else { return };
            let shown = stream.get_ref().1.peer_certificates().is_some();
            serve_stream(stream, shown, answer, seen).await;
        }
    }
}

async fn serve_stream<S: AsyncRead + AsyncWrite + Send + Unpin + 'static>(
    mut stream: S,
    client_certificate: bool,
    answer: Arc<Answer>,
    seen: Arc<Mutex<Vec<Seen>>>,
) {
    let head = read_head(&mut stream).await;
    seen.lock().unwrap().push(Seen { head: head.clone(), client_certificate });
    if let Some(answer) = head.split(' ').nth(1).and_then(|target| answer(target)) {
        stream.write_all(answer.as_bytes()).await.unwrap();
        stream.shutdown().await.unwrap();
        return;
    }
    let (reader, writer) = tokio::io::split(stream);
    let stream = tokio::io::join(Cursor::new(head.into_bytes()).chain(reader), writer);
    let Ok(socket) = tidegate::accept(stream).await else { return };
    let Ok(Opened { readable, writable, .. }) = socket.opened().await else { return };
    let _ = readable.pipe_to(writable).await;
}

/// A client of `url` that goes directly and trusts the certificate that all tests share.
pub(crate) fn client(url: impl Into<String>) -> ClientBuilder {
    WebSocketStream::builder(url).proxy(Proxy::none()).tls(Certificates::shared().client())
}

/// Sends messages of several sizes and gets them back.
pub(crate) async fn try_echo(builder: ClientBuilder) -> Result<WebSocketStream, WebSocketError> {
    let socket = builder.connect()?;
    let Opened { mut readable, mut writable, .. } = socket.opened().await?;
    for length in [0, 5, 100_000] {
        let sent = "x".repeat(length);
        writable.write(sent.clone()).await?;
        assert_eq!(readable.read().await?.unwrap(), sent.into());
    }
    Ok(socket)
}

pub(crate) async fn echo(builder: ClientBuilder) -> WebSocketStream {
    try_echo(builder).await.unwrap()
}
