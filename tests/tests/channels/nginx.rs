//! Behind nginx as Debian has it, with a location that does nothing but pass on: its buffers, HTTP/1.0 towards us, its
//! own `Host`.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::process::{Child, Command};
use tokio::time::timeout;

use crate::browser::{Browser, GUARD, Stream};
use crate::server::Server;

const PATH: &str = "/channels/tides";

/// A running nginx, which ends with this.
struct Nginx {
    address: String,
    _process: Child,
    folder: PathBuf,
}

impl Nginx {
    /// With `extra` in its one location.
    async fn before(server: &Server, extra: &str) -> Self {
        let port = {
            let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
            free.local_addr().unwrap().port()
        };
        let folder = std::env::temp_dir().join(format!("tidegate-channels-{}-{port}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let path = folder.display();
        let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
            .map(|kind| format!("{kind}_temp_path {path}/{kind};\n"))
            .concat();
        let config = format!(
            "daemon off; master_process off; pid {path}/nginx.pid; error_log stderr;\n\
             events {{ worker_connections 256; }}\n\
             http {{\n access_log off;\n{temporary}\
             server {{\n listen 127.0.0.1:{port};\n\
             location / {{ proxy_pass http://{}; {extra} }}\n}}\n}}\n",
            server.address
        );
        let file = folder.join("nginx.conf");
        std::fs::write(&file, config).unwrap();
        let process = Command::new(find("nginx"))
            .args(["-e", "stderr", "-p"])
            .arg(&folder)
            .arg("-c")
            .arg(file)
            .stdin(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let address = format!("127.0.0.1:{port}");
        let listening = async {
            while TcpStream::connect(&address).await.is_err() {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        timeout(GUARD, listening).await.expect("nginx listens");
        Self { address, _process: process, folder }
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// Debian keeps daemons where a user's path does not lead.
fn find(program: &str) -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain(["/usr/sbin", "/sbin"].map(PathBuf::from));
    let mut files = folders.map(|folder| folder.join(program));
    files.find(|file| Path::is_file(file)).unwrap_or_else(|| panic!("no {program}: cargo xtask setup"))
}

#[tokio::test(flavor = "multi_thread")]
async fn every_door_but_the_socket_works_with_the_defaults() {
    let server = Server::start().await;
    let nginx = Nginx::before(&server, "").await;
    let mut events = Stream::open(&nginx.address, PATH, "accept: text/event-stream\r\n").await;
    let mut records = Stream::open(&nginx.address, PATH, "accept: application/x-ndjson\r\n").await;
    let mut polling = Browser::new(&nginx.address);
    polling.send("GET", PATH, "prefer: wait=30\r\n", "").await;
    // They come through at once, and not when a buffer is full.
    let start = events.block().await.id;
    assert!(start.ends_with("-0"), "{start}");
    let mut posting = Browser::new(&nginx.address);
    for number in 1..=3 {
        let answer = posting.ask("POST", PATH, "", &number.to_string()).await;
        assert_eq!(answer.status, 200);
        assert_eq!(events.event().await.data.unwrap(), number.to_string());
        while records.line().await.find(&format!("\"data\":\"{number}\"")).is_none() {}
    }
    let mut heard = polling.answer("GET").await.body;
    while heard.lines().count() < 3 {
        heard += &polling.ask("GET", PATH, "prefer: wait=30\r\n", "").await.body;
    }
    assert_eq!(heard, "1\n2\n3\n");
}

/// What a page needs: its own host, and the upgrade.
#[tokio::test(flavor = "multi_thread")]
async fn pages_and_sockets_need_three_lines() {
    let server = Server::start().await;
    let extra = "proxy_http_version 1.1; proxy_set_header Host $http_host; \
                 proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection $http_connection;";
    let nginx = Nginx::before(&server, extra).await;
    let own = format!("origin: http://{}\r\n", nginx.address);
    assert_eq!(Browser::new(&nginx.address).ask("POST", PATH, &own, "hi").await.status, 200);
    let socket = tidegate::WebSocketStream::connect(format!("ws://{}{PATH}", nginx.address)).unwrap();
    let mut opened = socket.opened().await.unwrap();
    assert_eq!(opened.readable.read().await.unwrap(), Some("hi".into()));
    opened.writable.write("ho").await.unwrap();
    assert_eq!(opened.readable.read().await.unwrap(), Some("ho".into()));
    let mut events = Stream::open(&nginx.address, PATH, "accept: text/event-stream\r\n").await;
    assert_eq!(events.event().await.data.as_deref(), Some("hi"));
}
