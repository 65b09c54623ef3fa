//! Python's h2 and wsproto, as client and as server: HTTP/2 and frames that are not ours.

use serde_json::{Value, json};
use tidegate::{Acceptor, CloseCode, CloseInfo, Message, Opened, WebSocketStream};
use tidegate_tests::certificates::Certificates;
use tidegate_tests::program::Program;
use tidegate_tests::tools;

use crate::rig::{BOTH, Layer, Server, client_tls, echo, open, pool, soon, uncompressed};

/// From a letter, across frames and windows.
const SIZES: [usize; 5] = [1, 126, 16_400, 70_000, 300_000];

struct Python(Program);

impl Python {
    fn start() -> Self {
        Self(Program::start(&tools::python(), "http2_peer.py"))
    }

    async fn ask(&self, action: &str, arguments: Value) -> Value {
        let reply = soon(self.0.ask(action, arguments)).await;
        reply.unwrap_or_else(|error| panic!("the peer failed to {action}: {error}"))
    }

    async fn connect(&self, server: &Server, layer: Layer, deflate: bool, key: Option<&str>) -> Value {
        let ca = (layer == Layer::Tls).then(|| Certificates::shared().ca.as_str());
        let named = json!({ "port": server.port, "ca": ca, "deflate": deflate, "key": key });
        self.ask("connect", named).await
    }

    /// Accepts our client, and tells what it asked.
    async fn accept(
        &self,
        layer: Layer,
        change: impl FnOnce(tidegate::ClientBuilder) -> tidegate::ClientBuilder,
    ) -> (Value, WebSocketStream, Opened) {
        let tls = Certificates::shared();
        let certificate = (layer == Layer::Tls).then(|| json!({ "chain": tls.chain, "key": tls.key }));
        let port = &self.ask("listen", json!({ "certificate": certificate })).await["port"];
        let scheme = if layer == Layer::Tls { "wss" } else { "ws" };
        let url = format!("{scheme}://127.0.0.1:{port}/ours");
        let builder = change(WebSocketStream::builder(url).tls(client_tls()).http2(&pool()));
        let (request, (socket, opened)) = tokio::join!(self.ask("accept", json!({})), open(builder));
        (request, socket, opened)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_python_client_gets_its_messages_back() {
    for layer in BOTH {
        for deflate in [false, true] {
            let server = Server::start(layer, Acceptor::new(), echo).await;
            let python = Python::start();
            let response = python.connect(&server, layer, deflate, None).await;
            assert_eq!(response[":status"], "200");
            assert_eq!(response["sec-websocket-extensions"].is_string(), deflate);
            for size in SIZES {
                for text in [true, false] {
                    python.ask("send", json!({ "text": text, "size": size })).await;
                    let kind = if text { "text" } else { "binary" };
                    let expected = json!({ "kind": kind, "size": size, "same": true });
                    assert_eq!(python.ask("receive", json!({})).await, expected);
                }
            }
            // A server ends its stream after the Close.
            let closed = python.ask("close", json!({ "code": 3001, "reason": "done" })).await;
            assert_eq!(closed, json!({ "code": 3001, "reason": "done", "stream": "ended" }));
        }
    }
}

#[tokio::test]
async fn the_server_announces_what_it_should() {
    let server = Server::start(Layer::Plain, Acceptor::new(), echo).await;
    let python = Python::start();
    let key = "dGhlIHNhbXBsZSBub25jZQ==";
    let response = python.connect(&server, Layer::Plain, false, Some(key)).await;
    assert_eq!(response["sec-websocket-accept"], "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    let settings = python.ask("settings", json!({})).await;
    // RFC 9113 §6.5.2: streams, window, frame, header list; RFC 8441 §3: extended CONNECT.
    for (number, value) in [("3", 256), ("4", 65_536), ("5", 16_384), ("6", 16_384), ("8", 1)] {
        assert_eq!(settings[number], value, "setting {number}");
    }
}

#[tokio::test]
async fn our_server_closes_a_python_client() {
    for layer in BOTH {
        let server = Server::start(layer, Acceptor::new(), |socket| async move {
            let Opened { mut writable, .. } = socket.opened().await.unwrap();
            writable.write("x".repeat(200_000)).await.unwrap();
            socket.close((4000, "enough")).unwrap();
            socket.closed().await.unwrap();
        })
        .await;
        let python = Python::start();
        python.connect(&server, layer, false, None).await;
        let received = python.ask("receive", json!({})).await;
        assert_eq!(received["size"], 200_000);
        let closed = python.ask("closed", json!({})).await;
        assert_eq!(closed, json!({ "code": 4000, "reason": "enough", "stream": "ended" }));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn our_client_talks_to_a_python_server() {
    for layer in BOTH {
        for deflate in [false, true] {
            let python = Python::start();
            let (request, socket, mut opened) = python
                .accept(layer, |builder| if deflate { builder } else { builder.config(uncompressed()) })
                .await;
            let scheme = if layer == Layer::Tls { "https" } else { "http" };
            assert_eq!(
                (&request[":method"], &request[":protocol"]),
                (&json!("CONNECT"), &json!("websocket"))
            );
            assert_eq!((&request[":scheme"], &request[":path"]), (&json!(scheme), &json!("/ours")));
            assert_eq!(request["sec-websocket-version"], "13");
            assert_eq!(request["sec-websocket-key"], Value::Null);
            assert_eq!(opened.extensions.contains("permessage-deflate"), deflate);
            for size in SIZES {
                opened.writable.write("x".repeat(size)).await.unwrap();
                let expected = json!({ "kind": "text", "size": size, "same": true });
                assert_eq!(python.ask("receive", json!({})).await, expected);
                let (_, message) = tokio::join!(
                    python.ask("send", json!({ "text": false, "size": size })),
                    soon(opened.readable.read())
                );
                assert_eq!(message.unwrap(), Some(Message::Binary(vec![b'x'; size].into())));
            }
            socket.close((1000, "bye")).unwrap();
            let closed = python.ask("closed", json!({})).await;
            assert_eq!(closed, json!({ "code": 1000, "reason": "bye", "stream": "ended" }));
            let info = CloseInfo { close_code: CloseCode::from(1000), reason: "bye".to_owned() };
            assert_eq!(soon(socket.closed()).await.unwrap(), info);
        }
    }
}

#[tokio::test]
async fn a_python_server_resets_our_client() {
    let python = Python::start();
    let (_, socket, _opened) = python.accept(Layer::Tls, |builder| builder).await;
    python.ask("reset", json!({})).await;
    let error = soon(socket.closed()).await.unwrap_err();
    assert_eq!(error.close_code(), Some(CloseCode::ABNORMAL));
    assert!(error.to_string().contains("reset the stream with code 8"), "{error}");
}
