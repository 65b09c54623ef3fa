//! The other end of a connection, whoever made it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use serde_json::{Value, json};
use tidegate_tests::certificates::Certificates;
use tidegate_tests::program::Program;
use tidegate_tests::tools;

use crate::flow::Flow;

/// Whose WebSocket it is.
#[derive(Clone, Copy)]
pub(crate) enum Maker<'a> {
    PythonWebsockets,
    NodeWs,
    Chromium(&'a Chromium),
}

/// One end of one connection, in a program of its own or in a tab of the browser.
///
/// Every method gives its command at once; the future it returns is the answer.
pub(crate) struct Peer {
    program: Arc<Program>,
    tab: Option<u64>,
}

/// What the peer is to agree to.
pub(crate) struct Wishes<'a> {
    pub(crate) tls: Option<&'a Certificates>,
    pub(crate) deflate: bool,
    pub(crate) protocols: &'a [&'a str],
}

/// What the peer says that was agreed on.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Agreed {
    pub(crate) protocol: String,
    pub(crate) deflate: bool,
}

/// How the connection ended, as the peer saw it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) code: u64,
    pub(crate) reason: String,
}

impl Seen {
    pub(crate) fn new(code: u64, reason: &str) -> Self {
        Self { code, reason: reason.to_owned() }
    }
}

/// A running browser, which leaves when this is dropped.
pub(crate) struct Chromium {
    program: Arc<Program>,
    tabs: AtomicU64,
    /// The origin of the page that its tabs show.
    pub(crate) origin: String,
}

impl Chromium {
    pub(crate) async fn launch() -> Self {
        let program = Program::start(&tools::node(), "chromium.mjs");
        let launched = program.ask("launch", json!({ "ca": Certificates::shared().ca })).await;
        let launched = launched.expect("Chromium starts; `cargo xtask setup` installs it");
        let origin = launched["origin"].as_str().expect("the page has an origin").to_owned();
        println!("{}", launched["version"]);
        Self { program: Arc::new(program), tabs: AtomicU64::new(0), origin }
    }

    async fn open_tab(&self) -> Peer {
        let tab = self.tabs.fetch_add(1, Ordering::Relaxed);
        let opened = self.program.ask("open", json!({ "tab": tab })).await;
        opened.expect("a tab opens");
        Peer { program: self.program.clone(), tab: Some(tab) }
    }
}

impl Peer {
    pub(crate) async fn start(maker: Maker<'_>) -> Self {
        let program = match maker {
            Maker::Chromium(chromium) => return chromium.open_tab().await,
            Maker::PythonWebsockets => Program::start(&tools::python(), "websockets_peer.py"),
            Maker::NodeWs => Program::start(&tools::node(), "ws_peer.mjs"),
        };
        Self { program: Arc::new(program), tab: None }
    }

    fn try_ask(&self, action: &str, arguments: Value) -> impl Future<Output = Result<Value, String>> + use<> {
        match self.tab {
            None => self.program.ask(action, arguments),
            Some(tab) => {
                self.program.ask("call", json!({ "tab": tab, "action": action, "named": arguments }))
            }
        }
    }

    fn ask(&self, action: &'static str, arguments: Value) -> impl Future<Output = Value> + use<> {
        let reply = self.try_ask(action, arguments);
        async move { reply.await.unwrap_or_else(|error| panic!("the peer failed to {action}: {error}")) }
    }

    /// Waits for a client on a free port, and returns the port.
    pub(crate) async fn listen(&self, wishes: &Wishes<'_>) -> u64 {
        let Wishes { tls, deflate, protocols } = wishes;
        let certificate = tls.map(|tls| json!({ "chain": tls.chain, "key": tls.key }));
        let arguments = json!({ "certificate": certificate, "deflate": deflate, "protocols": protocols });
        self.ask("listen", arguments).await["port"].as_u64().expect("a port")
    }

    /// Waits until the client of [`listen`](Self::listen) is there.
    pub(crate) fn accepted(&self) -> impl Future<Output = Agreed> + use<> {
        let reply = self.ask("accepted", json!({}));
        async move { agreed(&reply.await) }
    }

    /// Connects to us.
    pub(crate) fn connect(&self, url: &str, wishes: &Wishes<'_>) -> impl Future<Output = Agreed> + use<> {
        let reply = self.try_connect(url, wishes);
        async move { reply.await.unwrap_or_else(|error| panic!("the peer failed to connect: {error}")) }
    }

    /// Connects to us, or tells why not.
    pub(crate) fn try_connect(
        &self,
        url: &str,
        wishes: &Wishes<'_>,
    ) -> impl Future<Output = Result<Agreed, String>> + use<> {
        let Wishes { tls, deflate, protocols } = wishes;
        let ca = tls.map(|tls| tls.ca.as_str());
        let arguments = json!({ "url": url, "ca": ca, "deflate": deflate, "protocols": protocols });
        let reply = self.try_ask("connect", arguments);
        async move { reply.await.map(|reply| agreed(&reply)) }
    }

    /// Sends one message in these fragments.
    pub(crate) fn send(&self, is_text: bool, fragments: &[&[u8]]) -> impl Future<Output = ()> + use<> {
        let fragments: Vec<String> = fragments.iter().map(|fragment| hex(fragment)).collect();
        let reply = self.ask("send", json!({ "text": is_text, "fragments": fragments }));
        async move { drop(reply.await) }
    }

    /// Sends back the next messages.
    pub(crate) fn echo(&self, messages: usize) -> impl Future<Output = ()> + use<> {
        let reply = self.ask("echo", json!({ "messages": messages }));
        async move { drop(reply.await) }
    }

    /// Sends [`numbered`](crate::flow::numbered) messages.
    pub(crate) fn count(&self, messages: u64) -> impl Future<Output = ()> + use<> {
        let reply = self.ask("count", json!({ "messages": messages }));
        async move { drop(reply.await) }
    }

    /// Sends messages of noise, each when there is room for it.
    pub(crate) fn push(&self, messages: u64, size: usize) -> impl Future<Output = Flow> + use<> {
        let reply = self.ask("push", json!({ "messages": messages, "size": size }));
        async move { Flow::reported(&reply.await) }
    }

    /// How many bytes [`push`](Self::push) has found room for.
    pub(crate) async fn pushed(&self) -> u64 {
        self.ask("pushed", json!({})).await.as_u64().expect("a number of bytes")
    }

    /// Stops reading until [`receive`](Self::receive).
    pub(crate) async fn pause(&self) {
        self.ask("pause", json!({})).await;
    }

    /// Receives this many messages, or fewer if the connection ends.
    pub(crate) fn receive(&self, messages: u64) -> impl Future<Output = Flow> + use<> {
        let reply = self.ask("receive", json!({ "messages": messages }));
        async move { Flow::reported(&reply.await) }
    }

    /// Receives messages until the connection ends.
    pub(crate) fn receive_all(&self) -> impl Future<Output = Flow> + use<> {
        let reply = self.ask("receive", json!({ "messages": null }));
        async move { Flow::reported(&reply.await) }
    }

    /// Receives this many messages, and tells what JavaScript calls them.
    pub(crate) async fn types(&self, messages: u64) -> Vec<String> {
        let report = self.ask("receive", json!({ "messages": messages })).await;
        let types = report["types"].as_array().expect("names of types");
        types.iter().map(|name| name.as_str().expect("a name").to_owned()).collect()
    }

    /// Receives one message, and tells how long each of its fragments was.
    pub(crate) async fn fragments(&self) -> Vec<u64> {
        let lengths = self.ask("receive_fragments", json!({})).await;
        let lengths = lengths.as_array().expect("lengths").iter();
        lengths.map(|length| length.as_u64().expect("a length")).collect()
    }

    /// Sends a ping, and waits for the pong with the same payload.
    pub(crate) async fn ping(&self, payload: &str) {
        self.ask("ping", json!({ "payload": payload })).await;
    }

    /// Closes the connection, and waits for its end.
    pub(crate) fn close(&self, code: u64, reason: &str) -> impl Future<Output = Seen> + use<> {
        let reply = self.ask("close", json!({ "code": code, "reason": reason }));
        async move { seen(&reply.await) }
    }

    /// Waits for the end of the connection.
    pub(crate) fn closed(&self) -> impl Future<Output = Seen> + use<> {
        let reply = self.ask("closed", json!({}));
        async move { seen(&reply.await) }
    }

    /// Breaks off the TCP connection, without a Close.
    pub(crate) async fn drop_connection(&self) {
        self.ask("drop", json!({})).await;
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        if let Some(tab) = self.tab {
            // The tab need not be gone when the next one opens.
            drop(self.program.ask("shut", json!({ "tab": tab })));
        }
    }
}

fn agreed(reply: &Value) -> Agreed {
    Agreed {
        protocol: reply["protocol"].as_str().expect("a protocol").to_owned(),
        deflate: reply["deflate"].as_bool().expect("whether messages are compressed"),
    }
}

fn seen(reply: &Value) -> Seen {
    Seen::new(reply["code"].as_u64().expect("a code"), reply["reason"].as_str().expect("a reason"))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
