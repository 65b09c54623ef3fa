//! Through an HTTP proxy, by CONNECT.

use std::time::{Duration, Instant};

use http::StatusCode;
use tidegate::{
    Cause, ConnectError, HeadError, Proxy, ProxyError, ProxyFailure, TcpError, TlsError, WebSocketError,
};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::listening::{Listening, header};
use crate::proxies::{Instead, TestProxy, Ways, basic};
use crate::server::{Server, client, echo, try_echo};

/// What a connection failed with, where that is the proxy.
#[track_caller]
pub(crate) fn proxy_error(error: &WebSocketError) -> &ProxyError {
    match error.cause() {
        Cause::Connect(ConnectError::Proxy(error)) => error,
        other => panic!("not an error of the proxy: {other:?}"),
    }
}

async fn failure(proxy: &TestProxy, url: impl Into<String>) -> WebSocketError {
    try_echo(client(url).proxy(Proxy::url(proxy.url()))).await.unwrap_err()
}

#[tokio::test]
async fn ws_and_wss_go_through_a_tunnel() {
    let proxy = TestProxy::http(Ways::default()).await;
    for server in [Server::plain().await, Server::secure().await] {
        let socket = echo(client(server.url("/a?b")).proxy(Proxy::url(proxy.url()))).await;
        assert_eq!(socket.url(), server.url("/a?b"));
        // The server sees a request as from anybody, and nothing that was meant for the proxy.
        let head = server.only_head();
        assert!(head.starts_with("GET /a?b HTTP/1.1\r\n"), "{head}");
        assert_eq!(header(&head, "host"), Some(format!("localhost:{}", server.port()).as_str()));
        let asked = proxy.asked().pop().unwrap();
        assert!(asked.starts_with(&format!("CONNECT localhost:{} HTTP/1.1\r\n", server.port())), "{asked}");
        assert_eq!(header(&asked, "proxy-authorization"), None);
    }
    assert_eq!(proxy.asked().len(), 2);
}

#[tokio::test]
async fn the_proxy_looks_the_name_up_and_default_ports_are_named() {
    let server = Server::plain().await;
    let leads_to = Some(server.listening.address);
    let proxy = TestProxy::http(Ways { leads_to, ..Ways::default() }).await;
    for (url, target) in [
        ("ws://feed.invalid/", "feed.invalid:80"),
        ("ws://[::1]/", "[::1]:80"),
        ("ws://bücher.invalid:8080/", "xn--bcher-kva.invalid:8080"),
    ] {
        echo(client(url).proxy(Proxy::url(proxy.url()))).await;
        let asked = proxy.asked().pop().unwrap();
        assert!(asked.starts_with(&format!("CONNECT {target} ")), "{asked}");
    }
}

#[tokio::test]
async fn credentials_are_shown_to_the_proxy_alone() {
    let ways = Ways { credentials: Some(("us er", "p:ä@ss")), ..Ways::default() };
    let proxy = TestProxy::http(ways).await;
    let server = Server::plain().await;
    let with = |user_info| client(server.url("/")).proxy(Proxy::url(proxy.url_with(user_info)));
    echo(with("us%20er:p%3A%C3%A4%40ss")).await;
    assert_eq!(header(&proxy.asked()[0], "proxy-authorization"), Some(basic("us er", "p:ä@ss").as_str()));
    assert!(!server.only_head().to_lowercase().contains("authorization"), "{}", server.only_head());

    for builder in [with("us%20er:wrong"), client(server.url("/")).proxy(Proxy::url(proxy.url()))] {
        let error = try_echo(builder).await.unwrap_err();
        let failed = proxy_error(&error);
        assert_eq!(failed.proxy, proxy.url());
        assert_eq!(failed.server, format!("localhost:{}", server.port()));
        let refused = StatusCode::PROXY_AUTHENTICATION_REQUIRED;
        assert!(matches!(failed.failure, ProxyFailure::RefusedWithStatus(status) if status == refused));
        assert!(!format!("{error} {error:?}").contains("wrong"), "{error:?}");
    }
    assert_eq!(server.seen().len(), 1);
}

#[tokio::test]
async fn a_refusal_names_the_proxy_and_the_status() {
    for status in [403, 407, 502, 503] {
        let instead = Some(Instead::Refuse(status));
        let proxy = TestProxy::http(Ways { instead, ..Ways::default() }).await;
        let error = failure(&proxy, "wss://feed.invalid/").await;
        let status = StatusCode::from_u16(status).unwrap();
        assert_eq!(
            error.to_string(),
            format!(
                "cannot connect: proxy {} on the way to feed.invalid:443 refused with status {status}",
                proxy.url()
            )
        );
    }
}

#[tokio::test]
async fn a_proxy_that_never_answers_meets_the_handshake_timeout() {
    let proxy = TestProxy::http(Ways { instead: Some(Instead::Silence), ..Ways::default() }).await;
    let began = Instant::now();
    let limit = Duration::from_millis(200);
    let builder = client("ws://feed.invalid/").proxy(Proxy::url(proxy.url())).handshake_timeout(limit);
    let error = try_echo(builder).await.unwrap_err();
    assert!(matches!(error.cause(), Cause::HandshakeTimedOut(after) if *after == limit), "{error:?}");
    assert!(began.elapsed() >= limit, "given up too early");
}

#[tokio::test]
async fn a_proxy_that_closes_or_is_not_there_is_told() {
    let proxy = TestProxy::http(Ways { instead: Some(Instead::Close), ..Ways::default() }).await;
    let error = failure(&proxy, "ws://feed.invalid/").await;
    let failed = &proxy_error(&error).failure;
    assert!(matches!(failed, ProxyFailure::Head(HeadError::Closed)), "{failed:?}");

    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let builder = client("ws://feed.invalid/").proxy(Proxy::url(format!("http://{nobody}")));
    let error = try_echo(builder).await.unwrap_err();
    let failed = &proxy_error(&error).failure;
    assert!(matches!(failed, ProxyFailure::Tcp(TcpError::Refused { .. })), "{failed:?}");
}

#[tokio::test]
async fn a_proxy_within_tls_and_a_tunnel_with_tls_inside() {
    let ways = Ways { tls: Some(crate::tls::acceptor()), credentials: Some(("u", "p")), ..Ways::default() };
    let proxy = TestProxy::http(ways).await;
    for server in [Server::plain().await, Server::secure().await] {
        echo(client(server.url("/")).proxy(Proxy::url(proxy.url_with("u:p")))).await;
    }
    assert_eq!(proxy.asked().len(), 2);
    // A proxy without TLS where TLS is spoken.
    let plain = web_server().await;
    let builder = client("ws://feed.invalid/").proxy(Proxy::url(format!("https://{}", plain.address)));
    let error = try_echo(builder).await.unwrap_err();
    let failed = &proxy_error(&error).failure;
    assert!(matches!(failed, ProxyFailure::Tls(TlsError::NotTls)), "{failed:?}");
}

/// Understands nothing, and says so in HTTP.
pub(crate) async fn web_server() -> Listening {
    Listening::start(|mut stream| async move {
        stream.readable().await.unwrap();
        stream.write_all(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n").await.unwrap();
        let _ = stream.read_to_end(&mut Vec::new()).await;
    })
    .await
}

#[tokio::test]
async fn hosts_on_the_list_are_reached_directly() {
    let proxy = TestProxy::http(Ways::default()).await;
    let server = Server::plain().await;
    for list in ["localhost", "*", "example, .localhost"] {
        echo(client(server.url("/")).proxy(Proxy::url(proxy.url()).bypass(list))).await;
    }
    assert!(proxy.asked().is_empty());
    echo(client(server.url("/")).proxy(Proxy::url(proxy.url()).bypass("127.0.0.1"))).await;
    assert_eq!(proxy.asked().len(), 1);
}

#[tokio::test]
async fn a_proxy_that_cannot_be_understood_is_told_at_once() {
    for url in ["gopher://p", "http://", "http://a%3Ab:c@p"] {
        let error = client("ws://feed.invalid/").proxy(Proxy::url(url)).connect().unwrap_err();
        assert!(matches!(error.cause(), Cause::Connect(ConnectError::InvalidProxy(_))), "{error:?}");
    }
}
