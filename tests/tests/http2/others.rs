//! Our client against servers that are not ours: Node's http2 with the framing of the package ws, and Hypercorn.

use futures_util::future::join_all;
use serde_json::{Value, json};
use tidegate::{Cause, ClientBuilder, CloseInfo, Config, Http2Pool, Message, Opened, WebSocketStream};
use tidegate_tests::certificates::Certificates;
use tidegate_tests::program::Program;
use tidegate_tests::tools;

use crate::rig::{BOTH, Layer, client_tls, open, pool, soon, text, uncompressed};

/// From a letter, across frames and windows.
const SIZES: [usize; 6] = [0, 1, 126, 16_400, 70_000, 1_000_000];

const SOCKETS: usize = 50;

/// A server in a program of `tests/peers`.
struct Peer {
    program: Program,
    origin: String,
}

impl Peer {
    async fn node(layer: Layer) -> Self {
        Self::start(Program::start(&tools::node(), "http2_server.mjs"), layer).await
    }

    async fn hypercorn(layer: Layer) -> Self {
        Self::start(Program::start(&tools::python(), "hypercorn_app.py"), layer).await
    }

    async fn start(program: Program, layer: Layer) -> Self {
        let tls = Certificates::shared();
        let certificate = (layer == Layer::Tls).then(|| json!({ "chain": tls.chain, "key": tls.key }));
        let reply = soon(program.ask("listen", json!({ "certificate": certificate }))).await.unwrap();
        let scheme = if layer == Layer::Tls { "wss" } else { "ws" };
        Self { program, origin: format!("{scheme}://127.0.0.1:{}", reply["port"]) }
    }

    async fn ask(&self, action: &str, arguments: Value) -> Value {
        let reply = soon(self.program.ask(action, arguments)).await;
        reply.unwrap_or_else(|error| panic!("the peer failed to {action}: {error}"))
    }

    fn client(&self, path: &str, pool: &Http2Pool) -> ClientBuilder {
        WebSocketStream::builder(format!("{}{path}", self.origin)).tls(client_tls()).http2(pool)
    }
}

/// Texts and binaries of all sizes come back.
async fn echoes(opened: &mut Opened) {
    for size in SIZES {
        for message in [Message::from("é".repeat(size / 2)), Message::from(vec![b'x'; size])] {
            let write = opened.writable.write(message.clone());
            let (written, read) = tokio::join!(write, soon(opened.readable.read()));
            written.unwrap();
            assert!(read.unwrap() == Some(message), "{size} bytes");
        }
    }
}

/// Many sockets at a time, each of which echoes.
async fn share(sockets: impl Iterator<Item = ClientBuilder>, greets: bool) {
    let conversations = sockets.map(async |builder| {
        let (socket, mut opened) = open(builder).await;
        if greets {
            text(&mut opened).await;
        }
        for round in 0..20 {
            let message = format!("message {round}");
            opened.writable.write(message.as_str()).await.unwrap();
            assert_eq!(text(&mut opened).await, message);
        }
        (socket, opened)
    });
    drop(soon(join_all(conversations)).await);
}

#[tokio::test]
async fn our_client_talks_to_node() {
    for layer in BOTH {
        let node = Peer::node(layer).await;
        let pool = pool();
        for config in [Config::default(), uncompressed()] {
            let compresses = config.deflate_config().is_some();
            let path = format!("/{compresses}?a=b");
            let (socket, mut opened) = open(node.client(&path, &pool).config(config)).await;
            assert_eq!(opened.extensions.contains("permessage-deflate"), compresses);
            echoes(&mut opened).await;
            socket.close((3001, "done")).unwrap();
            let closed = json!({ "code": 3001, "reason": "done" });
            assert_eq!(node.ask("closed", json!({ "path": path })).await, closed);
            let info = CloseInfo { close_code: 3001.into(), reason: "done".into() };
            assert_eq!(soon(socket.closed()).await.unwrap(), info);
            let asked = node.ask("asked", json!({})).await;
            assert_eq!((&asked["path"], &asked["key"]), (&json!(path), &Value::Null));
        }
        share((0..SOCKETS).map(|number| node.client(&format!("/{number}"), &pool)), false).await;
        assert_eq!(pool.connections(), 1);
        let asked = node.ask("asked", json!({})).await;
        assert_eq!(asked["sockets"], SOCKETS + 2);
    }
}

#[tokio::test]
async fn node_closes_our_client() {
    for layer in BOTH {
        let node = Peer::node(layer).await;
        let (socket, mut opened) = open(node.client("/theirs", &pool())).await;
        opened.writable.write("before").await.unwrap();
        assert_eq!(text(&mut opened).await, "before");
        node.ask("close", json!({ "path": "/theirs", "code": 4000, "reason": "enough" })).await;
        assert_eq!(soon(opened.readable.read()).await.unwrap(), None);
        let info = CloseInfo { close_code: 4000.into(), reason: "enough".into() };
        assert_eq!(soon(socket.closed()).await.unwrap(), info);
        let closed = json!({ "code": 4000, "reason": "enough" });
        assert_eq!(node.ask("closed", json!({ "path": "/theirs" })).await, closed);
    }
}

#[tokio::test]
async fn our_client_talks_to_hypercorn() {
    for layer in BOTH {
        let hypercorn = Peer::hypercorn(layer).await;
        let pool = pool();
        for config in [Config::default(), uncompressed()] {
            let builder = hypercorn.client("/path", &pool).config(config).protocols(["first", "second"]);
            let (socket, mut opened) = open(builder).await;
            assert_eq!(text(&mut opened).await, "HTTP/2 /path");
            assert_eq!(opened.protocol, "first");
            echoes(&mut opened).await;
            opened.writable.write("close").await.unwrap();
            assert_eq!(soon(opened.readable.read()).await.unwrap(), None);
            assert_eq!(u16::from(soon(socket.closed()).await.unwrap().close_code), 4001);
        }
        let (socket, _opened) = open(hypercorn.client("/ours", &pool)).await;
        socket.close((1000, "bye")).unwrap();
        assert_eq!(u16::from(soon(socket.closed()).await.unwrap().close_code), 1000);
        share((0..SOCKETS).map(|number| hypercorn.client(&format!("/{number}"), &pool)), true).await;
        assert_eq!(pool.connections(), 1);
        // A refusal is one stream's affair.
        let error =
            soon(hypercorn.client("/refused", &pool).connect().unwrap().opened()).await.err().unwrap();
        assert!(matches!(error.cause(), Cause::Handshake(_)), "{error}");
        assert!(format!("{:?}", error.cause()).contains("403"), "{error:?}");
        assert_eq!(pool.connections(), 1);
    }
}
