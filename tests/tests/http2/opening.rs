//! The opening handshake: what is accepted, what is refused and how, and what the server sees.

use http::Method;
use tidegate::{Acceptor, Cause, HandshakeError, HeadLimits, Opened, OriginPolicy, Refusal};

use crate::frames::Raw;
use crate::rig::{BOTH, Layer, Server, echo, open, pool, soon, text};

#[tokio::test]
async fn the_server_sees_path_host_and_version() {
    for layer in BOTH {
        let server = Server::start(layer, Acceptor::new(), |socket| async move {
            let request = socket.request().unwrap();
            let host = request.headers()["host"].to_str().unwrap();
            let seen = format!("{} {:?} {} {host}", request.method(), request.version(), socket.url());
            let Opened { mut writable, .. } = socket.opened().await.unwrap();
            writable.write(seen).await.unwrap();
        })
        .await;
        let url = server.url() + "chat?a=b";
        let builder = tidegate::WebSocketStream::builder(&url).tls(crate::rig::client_tls()).http2(&pool());
        let (_socket, mut opened) = open(builder).await;
        let expected = format!("CONNECT HTTP/2.0 /chat?a=b 127.0.0.1:{}", server.port);
        assert_eq!(text(&mut opened).await, expected);
    }
}

#[tokio::test]
async fn a_key_is_answered_and_none_is_needed() {
    let server = Server::start(Layer::Plain, Acceptor::new(), echo).await;
    let mut raw = Raw::connect(&server).await;
    let (response, _) = raw.websocket(&[("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==")]).await;
    assert_eq!(response.headers()["sec-websocket-accept"], "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    let (response, _) = raw.websocket(&[]).await;
    assert!(!response.headers().contains_key("sec-websocket-accept"));
}

#[tokio::test]
async fn what_opens_no_websocket_gets_a_status_and_a_reason() {
    let server = Server::start(Layer::Plain, Acceptor::new(), echo).await;
    let mut raw = Raw::connect(&server).await;
    let mut other_protocol = raw.handshake(&[]);
    other_protocol.extensions_mut().insert(::h2::ext::Protocol::from_static("connect-udp"));
    let mut old_version = raw.handshake(&[]);
    old_version.headers_mut().insert("sec-websocket-version", "8".parse().unwrap());
    for (request, status, reason) in [
        (raw.request(Method::GET, &[]), 405, "extended CONNECT"),
        (raw.request(Method::POST, &[]), 405, "extended CONNECT"),
        (other_protocol, 501, "only websocket"),
        (old_version, 400, "must be 13"),
        (raw.handshake(&[("origin", "https://evil.example")]), 403, "origin"),
        (raw.handshake(&[("sec-websocket-protocol", "a,a")]), 400, "twice"),
    ] {
        let (response, mut stream) = raw.ask(request).await.unwrap();
        assert_eq!(response.status(), status);
        assert_eq!(response.headers()["content-type"], "text/plain; charset=utf-8");
        assert!(String::from_utf8(stream.body().await).unwrap().contains(reason));
    }
    // All of that on one connection, which still opens WebSockets.
    raw.websocket(&[]).await;
    assert_eq!(server.connections(), 1);
}

#[tokio::test]
async fn the_authority_stands_in_for_the_host() {
    let server = Server::start(Layer::Plain, Acceptor::new(), echo).await;
    let mut raw = Raw::connect(&server).await;
    let same = format!("http://127.0.0.1:{}", server.port);
    raw.websocket(&[("origin", &same)]).await;
    // A host that says otherwise does not count.
    let lie = raw.handshake(&[("origin", "https://evil.example"), ("host", "evil.example")]);
    assert_eq!(raw.ask(lie).await.unwrap().0.status(), 403);

    let list = OriginPolicy::List(vec!["https://app.example".into()]);
    let server = Server::start(Layer::Plain, Acceptor::new().origins(list), echo).await;
    let mut raw = Raw::connect(&server).await;
    raw.websocket(&[("origin", "https://app.example")]).await;
}

#[tokio::test]
async fn a_policy_refuses_with_its_own_status() {
    for layer in BOTH {
        let acceptor = Acceptor::new().authorize(|request, _| match request.headers().get("authorization") {
            Some(_) => Ok(()),
            None => Err(Refusal::new(http::StatusCode::UNAUTHORIZED, "who are you?")),
        });
        let server = Server::start(layer, acceptor, echo).await;
        let pool = pool();
        let refused = server.client(&pool).connect().unwrap();
        let error = soon(refused.opened()).await.err().unwrap();
        let Cause::Handshake(HandshakeError::RefusedWithStatus(status)) = error.cause() else {
            panic!("{error:?}")
        };
        assert_eq!(status.as_u16(), 401);
        let name = http::header::AUTHORIZATION;
        open(server.client(&pool).header(name, "Basic YTpi".parse().unwrap())).await;
        assert_eq!(server.connections(), 1);
    }
}

#[tokio::test]
async fn a_head_beyond_its_limits_gets_431() {
    let limits = HeadLimits::default().max_bytes(4096).max_headers(10);
    let server = Server::start(Layer::Plain, Acceptor::new().head_limits(limits), echo).await;
    let mut raw = Raw::connect(&server).await;
    let mut many = raw.handshake(&[]);
    for _ in 0..11 {
        many.headers_mut().append("x-a", "b".parse().unwrap());
    }
    assert_eq!(raw.ask(many).await.unwrap().0.status(), 431);
    let mut long = raw.handshake(&[]);
    long.headers_mut().insert("x-a", "b".repeat(8000).parse().unwrap());
    assert_eq!(raw.ask(long).await.unwrap().0.status(), 431);
    raw.websocket(&[]).await;
}

#[tokio::test]
async fn streams_beyond_the_slots_get_503() {
    // One for the connection, two for its streams.
    let acceptor = Acceptor::new().max_connections(3);
    let server = Server::start(Layer::Plain, acceptor, echo).await;
    let mut raw = Raw::connect(&server).await;
    let _held = [raw.websocket(&[]).await, raw.websocket(&[]).await];
    let (response, mut stream) = raw.ask(raw.handshake(&[])).await.unwrap();
    assert_eq!(response.status(), 503);
    assert!(!stream.body().await.is_empty());
}
