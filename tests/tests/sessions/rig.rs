//! A server in this process.

use std::future::Future;
use std::net::SocketAddr;

use tidegate::{Acceptor, Config, Connection, Opened};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    serving: JoinHandle<std::io::Result<()>>,
}

impl Server {
    /// One that sends back what comes.
    pub(crate) async fn echo() -> Self {
        Self::start(acceptor(), echo).await
    }

    pub(crate) async fn start<H, F>(acceptor: Acceptor, handler: H) -> Self
    where
        H: Fn(Connection) -> F + Clone + Send + Sync + 'static,
        F: Future<Output = ()> + Send + 'static,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("a bound socket");
        let serving = tokio::spawn(async move { acceptor.serve_any(listener, handler).await });
        Self { address, serving }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

/// Without compression, so that bytes can be counted.
pub(crate) fn acceptor() -> Acceptor {
    Acceptor::new().config(Config::default().deflate(None))
}

pub(crate) async fn echo(connection: Connection) {
    let Ok(Opened { readable, writable, .. }) = connection.opened().await else { return };
    // How it ends is looked at from the other end.
    let _ = readable.pipe_to(writable).await;
    let _ = connection.closed().await;
}
