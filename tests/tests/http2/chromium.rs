//! Chromium over TLS: its WebSocketStream takes the HTTP/2 connection that the page has opened (RFC 8441).

use http::Version;
use serde_json::{Value, json};
use tidegate::{Acceptor, CloseCode, Http2Error, Message, Opened, OriginPolicy, WebSocketStream};
use tidegate_tests::certificates::Certificates;
use tidegate_tests::program::Program;
use tidegate_tests::tools;
use tokio::sync::mpsc;

use crate::closing::http2_cause;
use crate::rig::{Layer, Server, soon};

const MESSAGES: usize = 100;

struct Page(Program);

impl Page {
    async fn open() -> Self {
        let page = Self(Program::start(&tools::node(), "chromium.mjs"));
        page.command("launch", json!({ "ca": Certificates::shared().ca })).await;
        page.command("open", json!({ "tab": 0 })).await;
        page
    }

    async fn command(&self, action: &str, arguments: Value) -> Value {
        let reply = soon(self.0.ask(action, arguments)).await;
        reply.unwrap_or_else(|error| panic!("Chromium failed to {action}: {error}"))
    }

    /// Calls the script of the page.
    async fn call(&self, action: &str, arguments: Value) -> Value {
        self.command("call", json!({ "tab": 0, "action": action, "named": arguments })).await
    }
}

/// Sends messages, takes them back, and says so when the page has closed.
async fn question(socket: WebSocketStream, told: mpsc::Sender<(Version, u16)>) {
    let version = socket.request().unwrap().version();
    let Opened { mut readable, mut writable, extensions, .. } = socket.opened().await.unwrap();
    assert!(extensions.contains("permessage-deflate"));
    let send = async {
        for number in 0..MESSAGES {
            writable.write("x".repeat(number * 97)).await.unwrap();
        }
    };
    let receive = async {
        for number in 0..MESSAGES {
            let message = readable.read().await.unwrap();
            assert_eq!(message, Some(Message::from("x".repeat(number * 97))));
        }
    };
    tokio::join!(send, receive);
    assert_eq!(readable.read().await.unwrap(), None);
    let code = socket.closed().await.unwrap().close_code;
    told.send((version, code.get())).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn chromium_opens_its_socket_on_the_connection_of_the_page() {
    let (sender, mut told) = mpsc::channel(1);
    let acceptor = Acceptor::new().origins(OriginPolicy::Any);
    let server = Server::start(Layer::Tls, acceptor, move |socket| question(socket, sender.clone())).await;
    let page = Page::open().await;
    let host = format!("localhost:{}", server.port);
    page.call("visit", json!({ "url": format!("https://{host}/") })).await;
    let before = server.connections();
    let url = format!("wss://{host}/");
    let opened = page.call("connect", json!({ "url": url, "protocols": [] })).await;
    assert_eq!(opened["deflate"], true);
    page.call("echo", json!({ "messages": MESSAGES })).await;
    let closed = page.call("close", json!({ "code": 3210, "reason": "bye" })).await;
    assert_eq!(closed, json!({ "code": 3210, "reason": "bye" }));
    assert_eq!(soon(told.recv()).await.unwrap(), (Version::HTTP_2, CloseCode::from(3210).get()));
    assert_eq!(server.connections(), before);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_that_goes_away_resets_its_socket() {
    let (sender, mut ends) = mpsc::channel(1);
    let acceptor = Acceptor::new().origins(OriginPolicy::Any);
    let server = Server::start(Layer::Tls, acceptor, move |socket| {
        let sender = sender.clone();
        async move {
            let version = socket.request().unwrap().version();
            let _opened = socket.opened().await.unwrap();
            sender.send((version, socket.closed().await)).await.unwrap();
        }
    })
    .await;
    let page = Page::open().await;
    let host = format!("localhost:{}", server.port);
    page.call("visit", json!({ "url": format!("https://{host}/") })).await;
    page.call("connect", json!({ "url": format!("wss://{host}/"), "protocols": [] })).await;
    page.command("shut", json!({ "tab": 0 })).await;
    let (version, end) = soon(ends.recv()).await.unwrap();
    assert_eq!(version, Version::HTTP_2);
    // CANCEL (RFC 8441 §5).
    let error = end.unwrap_err();
    assert!(matches!(http2_cause(&error), Http2Error::Reset { code: 8 }), "{error:?}");
}
