//! A gateway of its own for each test.

use tidegate::WebSocketStream;
use tidegate_gateway::Settings;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use crate::browser::{Answer, Browser, Stream};

/// A running server, which stops accepting when this is dropped.
pub(crate) struct Server {
    pub(crate) address: String,
    task: JoinHandle<std::io::Result<()>>,
}

impl Server {
    pub(crate) async fn start() -> Self {
        Self::with(Settings::new()).await
    }

    pub(crate) async fn with(settings: Settings) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        Self { address, task: tokio::spawn(tidegate_gateway::serve(listener, settings)) }
    }

    pub(crate) async fn demo() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        Self { address, task: tokio::spawn(tidegate_gateway::demo(listener)) }
    }

    /// A client with cookies and one connection of its own.
    pub(crate) fn browser(&self) -> Browser {
        Browser::new(&self.address)
    }

    pub(crate) async fn tcp(&self) -> TcpStream {
        TcpStream::connect(&self.address).await.unwrap()
    }

    pub(crate) async fn get(&self, path: &str, lines: &str) -> Answer {
        self.browser().ask("GET", path, lines, "").await
    }

    /// Publishes, and gives the position.
    pub(crate) async fn publish(&self, path: &str, body: &str) -> String {
        let answer = self.browser().ask("POST", path, "", body).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.body.trim_end().to_owned()
    }

    /// Begins to read without an end.
    pub(crate) async fn stream(&self, path: &str, accept: &str, lines: &str) -> Stream {
        Stream::open(&self.address, path, &format!("accept: {accept}\r\n{lines}")).await
    }

    pub(crate) fn socket(&self, path: &str) -> WebSocketStream {
        WebSocketStream::connect(format!("ws://{}{path}", self.address)).unwrap()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}
