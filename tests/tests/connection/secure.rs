//! Over TLS, and over HTTP/2 where that is agreed on in it.

use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use tidegate::{Acceptor, ClientTls, Connection, Transport};
use tidegate_tests::certificates::Certificates;
use tidegate_tests::raw::soon;
use tokio::net::TcpStream;
use tokio::process::{Child, Command};

use crate::conversation::{Talk, converse};
use crate::over_each_transport;
use crate::server::Server;

const COUNT: u64 = 500;

fn client_tls() -> ClientTls {
    Certificates::shared().client()
}

async fn a_conversation_over_tls(transport: Transport) {
    let acceptor = Acceptor::new().tls(Certificates::shared().server());
    let server = Server::with(acceptor, |connection| async move {
        let _ = converse(&connection, Talk::of(COUNT)).await;
    });
    let url = server.url().replace("http://", "https://");
    let connection = Connection::builder(url)
        .transports([transport])
        .client(|client| client.tls(client_tls()))
        .connect()
        .unwrap();
    assert_eq!(soon(converse(&connection, Talk::of(COUNT))).await.unwrap().close_code.get(), 1000);
}

over_each_transport!(a_conversation_over_tls);

/// nghttpx, which speaks HTTP/2 to the client and HTTP/1.1 to the server.
struct Proxy {
    port: u16,
    _process: Child,
    folder: PathBuf,
}

impl Proxy {
    async fn start(backend: u16) -> Self {
        let port = {
            let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
            listener.local_addr().unwrap().port()
        };
        let folder = std::env::temp_dir().join(format!("tidegate-sessions-{}-{port}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let file = |name: &str, text: &str| {
            let path = folder.join(name);
            std::fs::write(&path, text).unwrap();
            path
        };
        let certificates = Certificates::shared();
        let (chain, key) = (file("chain.pem", &certificates.chain), file("key.pem", &certificates.key));
        // Nothing of the machine's own.
        let config = file("nghttpx.conf", "");
        let mut command = Command::new(program());
        command.arg("--conf").arg(config).arg("--workers=1").arg("--log-level=ERROR");
        command.arg(format!("--frontend=127.0.0.1,{port}"));
        command.arg(format!("--backend=127.0.0.1,{backend};;proto=http/1.1"));
        command.arg("--accesslog-file=/dev/null").arg("--errorlog-file=/dev/null").arg(key).arg(chain);
        let process = command.stdin(Stdio::null()).kill_on_drop(true).spawn().unwrap();
        soon(async {
            while TcpStream::connect(("127.0.0.1", port)).await.is_err() {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        })
        .await;
        Self { port, _process: process, folder }
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

#[tokio::test]
async fn a_conversation_over_http2_behind_nghttpx() {
    let (tell, mut told) = tokio::sync::mpsc::channel(8);
    let server = Server::start(move |connection| {
        let via = connection.request().unwrap().headers()["via"].to_str().unwrap().to_owned();
        tell.try_send(via).unwrap();
        async move {
            let _ = converse(&connection, Talk::of(COUNT)).await;
        }
    });
    let proxy = Proxy::start(server.address().port()).await;
    for transport in [Transport::Stream, Transport::EventStream, Transport::LongPoll, Transport::Poll] {
        let connection = Connection::builder(format!("https://127.0.0.1:{}/x?y", proxy.port))
            .transports([transport])
            .client(|client| client.tls(client_tls()))
            .connect()
            .unwrap();
        assert_eq!(
            soon(converse(&connection, Talk::of(COUNT))).await.unwrap().close_code.get(),
            1000,
            "{transport}"
        );
        let via = soon(told.recv()).await.unwrap();
        assert!(via.starts_with("2 ") || via.starts_with("2.0 "), "{transport} went by HTTP/{via}");
    }
}
