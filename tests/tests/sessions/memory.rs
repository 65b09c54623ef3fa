//! What clients that take nothing can make a server hold, in a process of its own.

use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tidegate::{Opened, WebSocketStream};
use tidegate_tests::raw::{BINARY, Raw};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep};

use super::client::{Http, LONG, request};
use super::frames::{self, ATTACHED};

/// Clients of each kind.
const CLIENTS: usize = 16;

/// What one of them may make the server write: what a session holds of messages of this size.
const MOST_WRITTEN: u64 = 256 * 1024;

/// What one of them may make it hold: that, once more what is being sent, and what a connection has anyway.
const MOST_HELD: u64 = MOST_WRITTEN + 160 * 1024;

struct Server {
    process: Child,
    address: SocketAddr,
}

impl Server {
    fn start() -> Self {
        let mut process = Command::new(env!("CARGO_BIN_EXE_session-server"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the server starts");
        let mut line = String::new();
        let stdout = process.stdout.take().expect("stdout is piped");
        BufReader::new(stdout).read_line(&mut line).expect("it says where it listens");
        let address = line.trim().strip_prefix("http://").expect("a URL").parse().expect("an address");
        Self { process, address }
    }

    /// Resident bytes.
    fn memory(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.process.id())).expect("it runs");
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("a size");
        let kilobytes: u64 = line.trim().trim_end_matches(" kB").parse().expect("a number");
        kilobytes * 1024
    }

    /// How much the pushes of this name have written, once they write no more.
    async fn settled(&self, meter: &str) -> u64 {
        let url = format!("ws://{}/meter?meter={meter}", self.address);
        let socket = WebSocketStream::connect(url).expect("a URL");
        let Opened { mut readable, mut writable, .. } = socket.opened().await.expect("it opens");
        let (end, mut last, mut same) = (Instant::now() + LONG, 0, 0);
        while same < 5 {
            assert!(Instant::now() < end, "{meter}: it writes on and on: {last}");
            sleep(Duration::from_millis(200)).await;
            writable.write("?").await.expect("it is open");
            let told = readable.read().await.expect("it is open").expect("an answer");
            let now = told.as_text().expect("text").parse().expect("a number");
            same = if now == last && now > 0 { same + 1 } else { 0 };
            last = now;
        }
        last
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Opens a session whose server pushes, grants all credit there is, and takes nothing more.
async fn stall(address: SocketAddr, transport: &str) -> TcpStream {
    let mut stream = TcpStream::connect(address).await.expect("the server listens");
    let target = format!("/push?count=1000000&size=16384&meter={transport}&transport={transport}");
    if transport == "websocket" {
        let mut raw = Raw::client(stream);
        raw.sends(format!(
            "GET {target} HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: websocket\r\n\
             sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
             sec-websocket-protocol: tidegate.v1\r\n\r\n"
        ))
        .await;
        raw.receives_head().await;
        raw.sends_frame(BINARY, frames::hello(1 << 40)).await;
        return raw.io;
    }
    let mut http = Http::connect(address).await;
    let opened = http
        .ask(super::client::get(&target.replace(&format!("&transport={transport}"), "&transport=poll")))
        .await;
    let attached = opened.frames().remove(0);
    assert_eq!(attached.code, ATTACHED);
    let id = std::str::from_utf8(attached.parameter(1).expect("an id")).expect("text").to_owned();
    let head = format!("GET /push?transport={transport}&session={id}&after=0 HTTP/1.1\r\nhost: a\r\n\r\n");
    let post = format!("/push?session={id}&from=0");
    let kind = [("content-type", "application/vnd.tidegate.v1")];
    http.ask(request(http::Method::POST, &post, frames::hello(1 << 40), &kind)).await;
    stream.write_all(head.as_bytes()).await.expect("the server reads");
    // The beginning of the answer, and no more.
    stream.read_u8().await.expect("an answer");
    stream
}

#[tokio::test]
async fn clients_that_take_nothing_hold_what_is_kept_for_them_and_no_more() {
    for transport in ["websocket", "stream", "sse", "long-poll", "poll"] {
        let server = Server::start();
        // Whatever is made once is made.
        drop(stall(server.address, transport).await);
        server.settled(transport).await;
        let (before, written_before) = (server.memory(), server.settled(transport).await);
        let mut stalled = Vec::new();
        for _ in 0..CLIENTS {
            stalled.push(stall(server.address, transport).await);
        }
        let written = (server.settled(transport).await - written_before) / CLIENTS as u64;
        let held = server.memory().saturating_sub(before) / CLIENTS as u64;
        println!("{transport}: {} KiB written, {} KiB held for each of {CLIENTS}", written >> 10, held >> 10);
        assert!(
            written <= MOST_WRITTEN,
            "{transport}: {written} bytes written for a client that takes nothing"
        );
        assert!(held <= MOST_HELD, "{transport}: {held} bytes held for a client that takes nothing");
        drop(stalled);
    }
}
