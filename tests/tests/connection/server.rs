//! A server that a test can start, and kill as a machine that loses its power.

use std::future::Future;
use std::net::SocketAddr;

use tidegate::{Acceptor, Connection, WebSocketStream};
use tokio::net::TcpListener;
use tokio::runtime::{Builder, Runtime};

/// A server with a runtime of its own. Dropping it kills everything in it at once.
pub(crate) struct Server {
    address: SocketAddr,
    runtime: Option<Runtime>,
}

impl Server {
    pub(crate) fn start<H, F>(handler: H) -> Self
    where
        H: Fn(Connection) -> F + Clone + Send + Sync + 'static,
        F: Future<Output = ()> + Send + 'static,
    {
        Self::with(Acceptor::new(), handler)
    }

    pub(crate) fn with<H, F>(acceptor: Acceptor, handler: H) -> Self
    where
        H: Fn(Connection) -> F + Clone + Send + Sync + 'static,
        F: Future<Output = ()> + Send + 'static,
    {
        let (runtime, listener) = listen();
        let address = listener.local_addr().unwrap();
        runtime.spawn(async move { acceptor.serve_any(listener, handler).await });
        Self { address, runtime: Some(runtime) }
    }

    /// One that takes WebSockets and keeps no sessions.
    pub(crate) fn without_sessions() -> Self {
        let (runtime, listener) = listen();
        let address = listener.local_addr().unwrap();
        let echo = |socket: WebSocketStream| async move {
            let opened = socket.opened().await.unwrap();
            let _ = opened.readable.pipe_to(opened.writable).await;
        };
        runtime.spawn(async move { Acceptor::new().serve(listener, echo).await });
        Self { address, runtime: Some(runtime) }
    }

    /// Sends back what comes.
    pub(crate) fn echo() -> Self {
        Self::start(|connection| async move {
            let opened = connection.opened().await.unwrap();
            let _ = opened.readable.pipe_to(opened.writable).await;
        })
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}/some/path?room=7", self.address)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

fn listen() -> (Runtime, TcpListener) {
    let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let listener = {
        let _guard = runtime.enter();
        TcpListener::from_std(listener).unwrap()
    };
    (runtime, listener)
}
