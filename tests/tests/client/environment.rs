//! The proxies that environment variables name.

use std::net::SocketAddr;

use tidegate::{Cause, ConnectError, InvalidProxy, Proxy};

use crate::proxies::{TestProxy, Ways};
use crate::server::{Server, client, echo};

/// A proxy through which every name leads to `address`.
async fn leading_to(address: SocketAddr) -> TestProxy {
    TestProxy::http(Ways { leads_to: Some(address), ..Ways::default() }).await
}

#[tokio::test]
async fn each_scheme_takes_its_own() {
    let (plain, secure) = (Server::plain().await, Server::secure().await);
    let https = TestProxy::http(Ways::default()).await;
    let http = TestProxy::http(Ways::default()).await;
    let all = TestProxy::socks5("socks5h", Ways::default()).await;
    let variables = |names: &[&'static str]| {
        let known = [("http_proxy", http.url()), ("HTTPS_PROXY", https.url()), ("all_proxy", all.url())];
        Proxy::from_vars(known.into_iter().filter(|(name, _)| names.contains(name)).collect::<Vec<_>>())
    };
    let counts = || [http.asked().len(), https.asked().len(), all.asked().len()];
    for (server, names, expected) in [
        (&secure, &["http_proxy", "HTTPS_PROXY", "all_proxy"][..], [0, 1, 0]),
        (&secure, &["http_proxy", "all_proxy"], [0, 1, 1]),
        (&secure, &["http_proxy"], [0, 1, 1]),
        (&plain, &["http_proxy", "HTTPS_PROXY", "all_proxy"], [0, 2, 1]),
        (&plain, &["http_proxy", "all_proxy"], [1, 2, 1]),
        (&plain, &["all_proxy"], [1, 2, 2]),
        (&plain, &[], [1, 2, 2]),
    ] {
        echo(client(server.url("/")).proxy(variables(names))).await;
        assert_eq!(counts(), expected, "{} {names:?}", server.url("/"));
    }
}

#[tokio::test]
async fn no_proxy_is_honoured() {
    let server = Server::plain().await;
    let proxy = leading_to(server.listening.address).await;
    let variables =
        |list: &str| Proxy::from_vars([("all_proxy", proxy.url()), ("no_proxy", list.to_owned())]);
    echo(client(server.url("/")).proxy(variables("localhost"))).await;
    assert!(proxy.asked().is_empty());
    echo(client("ws://feed.invalid/").proxy(variables("localhost"))).await;
    assert_eq!(proxy.asked().len(), 1);
    echo(client(server.url("/")).proxy(variables("").bypass("localhost"))).await;
    assert_eq!(proxy.asked().len(), 1);
}

#[tokio::test]
async fn a_variable_that_cannot_be_understood_is_named() {
    let proxy = Proxy::from_vars([("WSS_PROXY", "socks4://p")]);
    let error = client("wss://feed.invalid/").proxy(proxy.clone()).connect().unwrap_err();
    let Cause::Connect(ConnectError::InvalidProxy(InvalidProxy::Variable { name, .. })) = error.cause()
    else {
        panic!("{error:?}")
    };
    assert_eq!(*name, "WSS_PROXY");
    // Where it is not used it does no harm.
    let server = Server::plain().await;
    echo(client(server.url("/")).proxy(proxy)).await;
}

/// A process with these variables and no others, which connects with every default.
async fn in_a_process(url: &str, variables: &[(&str, String)]) -> bool {
    let mut command = tokio::process::Command::new(env!("CARGO_BIN_EXE_echo-once"));
    let output =
        command.arg(url).env_clear().envs(variables.iter().cloned()).kill_on_drop(true).output().await;
    let output = output.unwrap();
    let echoed = String::from_utf8_lossy(&output.stdout).contains("hello");
    assert_eq!(echoed, output.status.success(), "{output:?}");
    echoed
}

#[tokio::test]
async fn the_variables_of_the_process_are_the_default() {
    let server = Server::plain().await;
    let proxy = leading_to(server.listening.address).await;
    for name in ["http_proxy", "HTTP_PROXY", "https_proxy", "ALL_PROXY", "ws_proxy"] {
        let before = proxy.asked().len();
        assert!(in_a_process("ws://feed.invalid/", &[(name, proxy.url())]).await);
        assert_eq!(proxy.asked().len(), before + 1, "{name}");
    }
    let before = proxy.asked().len();
    assert!(in_a_process(&server.url("/"), &[]).await);
    let list = ("NO_PROXY", "localhost".to_owned());
    assert!(in_a_process(&server.url("/"), &[("http_proxy", proxy.url()), list]).await);
    assert_eq!(proxy.asked().len(), before);
}

#[tokio::test]
async fn a_header_of_a_cgi_request_names_no_proxy() {
    let server = Server::plain().await;
    let proxy = leading_to(server.listening.address).await;
    let cgi = [("HTTP_PROXY", proxy.url()), ("REQUEST_METHOD", "GET".to_owned())];
    assert!(in_a_process(&server.url("/"), &cgi).await);
    assert!(!in_a_process("ws://feed.invalid/", &cgi).await);
    assert!(proxy.asked().is_empty());
}
