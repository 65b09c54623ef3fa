//! Behind nghttpx, which takes WebSockets over HTTP/2 (RFC 8441) from our client and hands them to our server, over
//! HTTP/1.1 or over HTTP/2.

use std::net::TcpListener as Ports;
use std::path::PathBuf;
use std::process::Stdio;

use futures_util::future::join_all;
use tidegate::{Acceptor, CloseInfo, Http2, Message, WebSocketStream};
use tidegate_tests::certificates::Certificates;
use tokio::net::TcpStream;
use tokio::process::{Child, Command};

use crate::rig::{BOTH, Layer, Server, client_tls, open, pool, soon, text};

/// A running proxy, which ends with this.
struct Proxy {
    ports: [u16; 2],
    _process: Child,
    folder: PathBuf,
}

impl Proxy {
    /// Speaks to the server at `backend` in this protocol, as nghttpx calls it.
    async fn start(backend: u16, protocol: &str) -> Self {
        let listen = || Ports::bind("127.0.0.1:0").unwrap();
        let (plain, tls) = (listen(), listen());
        let ports = [&plain, &tls].map(|listener| listener.local_addr().unwrap().port());
        drop((plain, tls));
        let folder =
            std::env::temp_dir().join(format!("tidegate-nghttpx-{}-{}", std::process::id(), ports[0]));
        std::fs::create_dir_all(&folder).unwrap();
        let certificates = Certificates::shared();
        let file = |name: &str, text: &str| {
            let path = folder.join(name);
            std::fs::write(&path, text).unwrap();
            path
        };
        let chain = file("chain.pem", &certificates.chain);
        let key = file("key.pem", &certificates.key);
        // Nothing of the machine's own.
        let config = file("nghttpx.conf", "");
        let mut command = Command::new(program());
        command.arg("--conf").arg(config).arg("--workers=1").arg("--log-level=ERROR");
        command.arg(format!("--frontend=127.0.0.1,{};no-tls", ports[0]));
        command.arg(format!("--frontend=127.0.0.1,{}", ports[1]));
        command.arg(format!("--backend=127.0.0.1,{backend};;proto={protocol}"));
        command.arg("--accesslog-file=/dev/null").arg("--errorlog-file=/dev/null").arg(key).arg(chain);
        let process = command.stdin(Stdio::null()).kill_on_drop(true).spawn().unwrap();
        soon(async {
            for port in ports {
                while TcpStream::connect(("127.0.0.1", port)).await.is_err() {
                    tokio::time::sleep(std::time::Duration::from_millis(10)).await;
                }
            }
        })
        .await;
        Self { ports, _process: process, folder }
    }

    fn url(&self, layer: Layer, path: &str) -> String {
        match layer {
            Layer::Plain => format!("ws://127.0.0.1:{}{path}", self.ports[0]),
            Layer::Tls => format!("wss://127.0.0.1:{}{path}", self.ports[1]),
        }
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// Debian keeps daemons where a user's path does not lead.
fn program() -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain(["/usr/sbin", "/sbin"].map(PathBuf::from));
    let mut files = folders.map(|folder| folder.join("nghttpx"));
    files.find(|file| file.is_file()).expect("no nghttpx: cargo xtask setup")
}

/// Tells the version of HTTP by which it was asked, then echoes; a text "close" makes it close.
async fn tell_and_echo(socket: WebSocketStream) {
    let version = format!("{:?}", socket.request().unwrap().version());
    let mut opened = socket.opened().await.unwrap();
    opened.writable.write(version).await.unwrap();
    while let Ok(Some(message)) = opened.readable.read().await {
        if message == Message::from("close") {
            let _ = socket.close((4000, "as you said"));
        } else if opened.writable.write(message).await.is_err() {
            return;
        }
    }
}

async fn behind(protocol: &str, version: &str) {
    let acceptor = Acceptor::new().http2(Http2::default());
    let server = Server::start_as_is(Layer::Plain, acceptor, tell_and_echo).await;
    let proxy = Proxy::start(server.port, protocol).await;
    for layer in BOTH {
        let pool = pool();
        let sockets = (0..20).map(async |number: usize| {
            let builder = WebSocketStream::builder(proxy.url(layer, "/")).tls(client_tls()).http2(&pool);
            let (socket, mut opened) = open(builder).await;
            assert_eq!(text(&mut opened).await, version);
            for size in [0, 1, 126, 70_000, 300_000] {
                let message = Message::from(vec![number as u8; size]);
                let write = opened.writable.write(message.clone());
                let (written, read) = tokio::join!(write, soon(opened.readable.read()));
                written.unwrap();
                assert!(read.unwrap() == Some(message), "{size} bytes");
            }
            opened.writable.write("close").await.unwrap();
            assert_eq!(soon(opened.readable.read()).await.unwrap(), None);
            let info = CloseInfo { close_code: 4000.into(), reason: "as you said".into() };
            assert_eq!(soon(socket.closed()).await.unwrap(), info);
        });
        soon(join_all(sockets)).await;
        assert_eq!(pool.connections(), 1, "all on one connection to the proxy");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn behind_nghttpx_that_upgrades_over_http1() {
    behind("http/1.1", "HTTP/1.1").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn behind_nghttpx_over_http2_all_the_way() {
    behind("h2", "HTTP/2.0").await;
}
