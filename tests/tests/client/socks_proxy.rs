//! Through a SOCKS5 proxy.

use std::time::Duration;

use tidegate::{Cause, Proxy, ProxyFailure, SocksReply};

use crate::http_proxy::{proxy_error, web_server};
use crate::proxies::{Instead, TestProxy, Ways};
use crate::server::{Server, client, echo, try_echo};

#[tokio::test]
async fn ws_and_wss_go_through_both_kinds() {
    for server in [Server::plain().await, Server::secure().await] {
        let port = server.port();
        let far = TestProxy::socks5("socks5h", Ways::default()).await;
        echo(client(server.url("/")).proxy(Proxy::url(far.url()))).await;
        assert_eq!(far.asked(), [format!("localhost:{port}")]);
        let near = TestProxy::socks5("socks5", Ways::default()).await;
        echo(client(server.url("/")).proxy(Proxy::url(near.url()))).await;
        assert_eq!(near.asked(), [format!("127.0.0.1:{port}")]);
    }
}

#[tokio::test]
async fn addresses_go_as_addresses_and_unknown_names_to_the_proxy() {
    let server = Server::plain().await;
    let ways = Ways { leads_to: Some(server.listening.address), ..Ways::default() };
    let proxy = TestProxy::socks5("socks5h", ways.clone()).await;
    for (url, target) in [
        ("ws://feed.invalid/", "feed.invalid:80"),
        ("ws://10.1.2.3:8080/", "10.1.2.3:8080"),
        ("ws://[fd00::1]/", "[fd00::1]:80"),
    ] {
        echo(client(url).proxy(Proxy::url(proxy.url()))).await;
        assert_eq!(proxy.asked().pop().unwrap(), target);
    }
    let near = TestProxy::socks5("socks5", ways).await;
    let error = try_echo(client("ws://feed.invalid/").proxy(Proxy::url(near.url()))).await.unwrap_err();
    assert!(matches!(proxy_error(&error).failure, ProxyFailure::Lookup(_)), "{error:?}");
}

#[tokio::test]
async fn user_name_and_password() {
    let ways = Ways { credentials: Some(("us:er", "pässword")), ..Ways::default() };
    let proxy = TestProxy::socks5("socks5h", ways).await;
    let server = Server::secure().await;
    let with = |url| client(server.url("/")).proxy(Proxy::url(url));
    echo(with(proxy.url_with("us%3Aer:p%C3%A4ssword"))).await;
    // A proxy that does not ask is not told.
    let open = TestProxy::socks5("socks5h", Ways::default()).await;
    echo(with(open.url_with("us%3Aer:p%C3%A4ssword"))).await;

    let error = try_echo(with(proxy.url_with("us%3Aer:wrong"))).await.unwrap_err();
    assert!(matches!(proxy_error(&error).failure, ProxyFailure::CredentialsRefused), "{error:?}");
    let error = try_echo(with(proxy.url())).await.unwrap_err();
    assert!(matches!(proxy_error(&error).failure, ProxyFailure::CredentialsRequired), "{error:?}");
    assert_eq!(proxy_error(&error).proxy, proxy.url());
}

#[tokio::test]
async fn refusals_silence_and_the_end() {
    let with = |proxy: &TestProxy| client("ws://feed.invalid/").proxy(Proxy::url(proxy.url()));
    let start = |instead| TestProxy::socks5("socks5h", Ways { instead: Some(instead), ..Ways::default() });

    let proxy = start(Instead::Refuse(5)).await;
    let error = try_echo(with(&proxy)).await.unwrap_err();
    let refused = SocksReply::ConnectionRefused;
    assert!(matches!(proxy_error(&error).failure, ProxyFailure::RefusedWithReply(reply) if reply == refused));
    assert_eq!(
        error.to_string(),
        format!(
            "cannot connect: proxy {} on the way to feed.invalid:80 refused: connection refused",
            proxy.url()
        )
    );

    let proxy = start(Instead::Close).await;
    let error = try_echo(with(&proxy)).await.unwrap_err();
    assert!(matches!(proxy_error(&error).failure, ProxyFailure::Io(_)), "{error:?}");

    let proxy = start(Instead::Silence).await;
    let builder = with(&proxy).handshake_timeout(Duration::from_millis(200));
    let error = try_echo(builder).await.unwrap_err();
    assert!(matches!(error.cause(), Cause::HandshakeTimedOut(_)), "{error:?}");

    let http = web_server().await;
    let builder = client("ws://feed.invalid/").proxy(Proxy::url(format!("socks5h://{}", http.address)));
    let error = try_echo(builder).await.unwrap_err();
    assert!(matches!(proxy_error(&error).failure, ProxyFailure::NotSocks5), "{error:?}");
}
