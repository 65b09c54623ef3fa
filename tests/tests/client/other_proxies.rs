//! Proxies that are not ours: tinyproxy for CONNECT and microsocks for SOCKS5, from Debian.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use tidegate::{Proxy, ProxyFailure, SocksReply};
use tokio::net::TcpStream;
use tokio::process::{Child, Command};

use crate::http_proxy::proxy_error;
use crate::server::{Server, client, echo, try_echo};

struct Running {
    port: u16,
    _child: Child,
}

impl Running {
    /// Starts a program that is told its port, and waits until it listens there.
    async fn start(program: &str, arguments: impl Fn(u16) -> Vec<String>) -> Self {
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let mut command = Command::new(program);
        command.args(arguments(port)).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let child = command.kill_on_drop(true).spawn();
        let child = child
            .unwrap_or_else(|error| panic!("no {program}: {error}; run `cargo xtask setup`, it installs it"));
        for _ in 0..500 {
            if TcpStream::connect(("127.0.0.1", port)).await.is_ok() {
                return Self { port, _child: child };
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("{program} does not listen on port {port}");
    }
}

async fn tinyproxy(name: &str, more: &str) -> Running {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("tinyproxy-{name}.conf"));
    Running::start("tinyproxy", |port| {
        let settings = format!("Port {port}\nListen 127.0.0.1\nTimeout 60\nMaxClients 20\n{more}");
        std::fs::write(&path, settings).unwrap();
        vec!["-d".to_owned(), "-c".to_owned(), path.to_string_lossy().into_owned()]
    })
    .await
}

async fn microsocks(more: &[&str]) -> Running {
    Running::start("microsocks", |port| {
        let own = ["-i", "127.0.0.1", "-p", &port.to_string()].map(str::to_owned);
        own.into_iter().chain(more.iter().map(|argument| (*argument).to_owned())).collect()
    })
    .await
}

/// A port of this machine on which nobody listens.
fn nobody() -> String {
    format!("ws://{}/", std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap())
}

#[tokio::test]
async fn tinyproxy_leads_to_ws_and_wss() {
    let proxy = tinyproxy("open", "").await;
    let url = format!("http://127.0.0.1:{}", proxy.port);
    for server in [Server::plain().await, Server::secure().await] {
        echo(client(server.url("/")).proxy(Proxy::url(&url))).await;
        assert_eq!(server.seen().len(), 1);
    }
    let error = try_echo(client(nobody()).proxy(Proxy::url(&url))).await.unwrap_err();
    let ProxyFailure::RefusedWithStatus(status) = proxy_error(&error).failure else { panic!("{error:?}") };
    assert!(status.is_server_error(), "{status}");
}

#[tokio::test]
async fn tinyproxy_asks_for_credentials() {
    let proxy = tinyproxy("closed", "BasicAuth user pass\n").await;
    let url = |user_info: &str| Proxy::url(format!("http://{user_info}127.0.0.1:{}", proxy.port));
    let server = Server::secure().await;
    echo(client(server.url("/")).proxy(url("user:pass@"))).await;
    for user_info in ["", "user:wrong@"] {
        let error = try_echo(client(server.url("/")).proxy(url(user_info))).await.unwrap_err();
        let ProxyFailure::RefusedWithStatus(status) = proxy_error(&error).failure else {
            panic!("{error:?}")
        };
        assert!([401, 407].contains(&status.as_u16()), "{status}");
    }
}

#[tokio::test]
async fn tinyproxy_forbids_a_port() {
    let proxy = tinyproxy("narrow", "ConnectPort 1\n").await;
    let server = Server::plain().await;
    let builder = client(server.url("/")).proxy(Proxy::url(format!("http://127.0.0.1:{}", proxy.port)));
    let error = try_echo(builder).await.unwrap_err();
    let ProxyFailure::RefusedWithStatus(status) = proxy_error(&error).failure else { panic!("{error:?}") };
    assert_eq!(status, 403);
    assert!(server.seen().is_empty());
}

#[tokio::test]
async fn microsocks_leads_to_ws_and_wss() {
    let proxy = microsocks(&[]).await;
    for scheme in ["socks5", "socks5h"] {
        let url = format!("{scheme}://127.0.0.1:{}", proxy.port);
        for server in [Server::plain().await, Server::secure().await] {
            echo(client(server.url("/")).proxy(Proxy::url(&url))).await;
        }
        let error = try_echo(client(nobody()).proxy(Proxy::url(&url))).await.unwrap_err();
        let ProxyFailure::RefusedWithReply(reply) = proxy_error(&error).failure else { panic!("{error:?}") };
        assert_eq!(reply, SocksReply::ConnectionRefused);
    }
}

#[tokio::test]
async fn microsocks_asks_for_credentials() {
    let proxy = microsocks(&["-u", "user", "-P", "pass"]).await;
    let url = |user_info: &str| Proxy::url(format!("socks5h://{user_info}127.0.0.1:{}", proxy.port));
    let server = Server::secure().await;
    echo(client(server.url("/")).proxy(url("user:pass@"))).await;
    let error = try_echo(client(server.url("/")).proxy(url("user:wrong@"))).await.unwrap_err();
    assert!(matches!(proxy_error(&error).failure, ProxyFailure::CredentialsRefused), "{error:?}");
    let error = try_echo(client(server.url("/")).proxy(url(""))).await.unwrap_err();
    assert!(matches!(proxy_error(&error).failure, ProxyFailure::CredentialsRequired), "{error:?}");
}
