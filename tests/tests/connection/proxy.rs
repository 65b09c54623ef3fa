//! A proxy that a test tells how bad the network is.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt, copy, sink};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// Relays TCP connections to a server, each by the rules of its time.
pub(crate) struct Proxy {
    address: SocketAddr,
    control: Arc<Control>,
    accepting: JoinHandle<()>,
}

/// What may happen to a connection. By default nothing does.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Rules {
    /// Ends a connection after at most so many bytes either way.
    pub(crate) cut_within: Option<u64>,
    /// So many of a thousand connections fall silent at some time, and stay open.
    pub(crate) half_open: u64,
    /// So many of a thousand connections get 502 in the place of an answer.
    pub(crate) bad_gateway: u64,
    /// Whatever is asked gets 404 in the place of an answer.
    pub(crate) not_found: bool,
    /// A request to open a WebSocket is never answered.
    pub(crate) swallows_upgrades: bool,
    /// What answers a request to open a WebSocket comes so much later.
    pub(crate) delays_upgrades: Duration,
    /// The answers that do not end are never passed on.
    pub(crate) buffers_streams: bool,
    /// A POST gets this status in the place of an answer.
    pub(crate) refuses_posts: Option<u16>,
    /// A POST with a longer body gets 413.
    pub(crate) longest_post: Option<u64>,
}

struct Control {
    target: Mutex<SocketAddr>,
    rules: Mutex<Rules>,
    /// Every change kills all connections.
    killed: watch::Sender<u64>,
    random: AtomicU64,
    accepted: AtomicU64,
    refused: AtomicU64,
    /// The first line of what was asked first on each connection.
    asked: Mutex<Vec<String>>,
}

/// How long a connection that fell silent is kept.
const SILENCE: Duration = Duration::from_secs(3);

impl Proxy {
    pub(crate) async fn start(target: SocketAddr, seed: u64) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let control = Arc::new(Control {
            target: Mutex::new(target),
            rules: Mutex::default(),
            killed: watch::Sender::new(0),
            random: AtomicU64::new(seed | 1),
            accepted: AtomicU64::new(0),
            refused: AtomicU64::new(0),
            asked: Mutex::default(),
        });
        let accepting = tokio::spawn(accept(listener, control.clone()));
        Self { address, control, accepting }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}/some/path?room=7", self.address)
    }

    /// The rules for connections from now on.
    pub(crate) fn rules(&self, rules: Rules) {
        *self.control.rules.lock().unwrap() = rules;
    }

    /// Where connections lead from now on.
    pub(crate) fn leads_to(&self, target: SocketAddr) {
        *self.control.target.lock().unwrap() = target;
    }

    /// Ends all connections that there are.
    pub(crate) fn kill_all(&self) {
        self.control.killed.send_modify(|kills| *kills += 1);
    }

    /// How many connections there have been.
    pub(crate) fn accepted(&self) -> u64 {
        self.control.accepted.load(Ordering::Relaxed)
    }

    /// How many POSTs have been refused.
    pub(crate) fn refused(&self) -> u64 {
        self.control.refused.load(Ordering::Relaxed)
    }

    /// The first lines of the requests by this method, as far as they began a connection.
    pub(crate) fn asked(&self, method: &str) -> Vec<String> {
        let asked = self.control.asked.lock().unwrap();
        asked.iter().filter(|line| line.starts_with(method)).cloned().collect()
    }

    /// A number below `limit`.
    pub(crate) fn random(&self, limit: u64) -> u64 {
        self.control.below(limit)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.accepting.abort();
        self.kill_all();
    }
}

impl Control {
    fn below(&self, limit: u64) -> u64 {
        // Marsaglia's xorshift; two that race for the same number do no harm.
        let mut x = self.random.load(Ordering::Relaxed);
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        self.random.store(x, Ordering::Relaxed);
        (x >> 11) % limit
    }

    fn hits(&self, of_a_thousand: u64) -> bool {
        self.below(1000) < of_a_thousand
    }
}

impl Rules {
    /// The status that a POST gets, if it gets none from the server.
    fn look_at_post(&self, head: &mut Vec<u8>, text: &str) -> Option<u16> {
        let looks = self.refuses_posts.is_some() || self.longest_post.is_some();
        if !looks || !text.starts_with("post ") {
            return None;
        }
        let status = self.status_of_post(text);
        if status.is_none() {
            // So that each is looked at.
            let line_end = head.iter().position(|byte| *byte == b'\n').unwrap_or_default() + 1;
            head.splice(line_end..line_end, *b"Connection: close\r\n");
        }
        status
    }

    fn status_of_post(&self, head: &str) -> Option<u16> {
        let length =
            head.lines().find_map(|line| line.strip_prefix("content-length:")?.trim().parse::<u64>().ok());
        let is_long = length > self.longest_post && self.longest_post.is_some();
        self.refuses_posts.or(is_long.then_some(413))
    }
}

async fn accept(listener: TcpListener, control: Arc<Control>) {
    loop {
        let Ok((client, _)) = listener.accept().await else { return };
        control.accepted.fetch_add(1, Ordering::Relaxed);
        let control = control.clone();
        tokio::spawn(async move {
            let mut killed = control.killed.subscribe();
            tokio::select! {
                _ = relay(client, &control) => {}
                _ = killed.changed() => {}
            }
        });
    }
}

async fn refuse(mut client: TcpStream, control: &Control, status: u16) -> std::io::Result<()> {
    control.refused.fetch_add(1, Ordering::Relaxed);
    let head = format!("HTTP/1.1 {status} Refused\r\nContent-Length: 3\r\nConnection: close\r\n\r\nno\n");
    client.write_all(head.as_bytes()).await?;
    // What is sent ahead of an answer must not destroy it.
    copy(&mut client, &mut sink()).await.map(drop)
}

async fn relay(mut client: TcpStream, control: &Control) -> std::io::Result<()> {
    let rules = *control.rules.lock().unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") && !head.windows(4).any(|four| four == b"\r\n\r\n") {
        if client.read_buf(&mut head).await? == 0 {
            return Ok(());
        }
    }
    let text = String::from_utf8_lossy(&head).to_ascii_lowercase();
    let first_line = String::from_utf8_lossy(&head).lines().next().unwrap_or_default().to_owned();
    control.asked.lock().unwrap().push(first_line);
    if let Some(status) = rules.look_at_post(&mut head, &text) {
        return refuse(client, control, status).await;
    }
    if control.hits(rules.bad_gateway) {
        return client.write_all(b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n").await;
    }
    if rules.not_found {
        return client.write_all(b"HTTP/1.1 404 Not Found\r\nContent-Length: 5\r\n\r\nwhat?").await;
    }
    if rules.swallows_upgrades && text.contains("\r\nupgrade: websocket") {
        return copy(&mut client, &mut sink()).await.map(drop);
    }
    let target = *control.target.lock().unwrap();
    let mut server = TcpStream::connect(target).await?;
    server.write_all(&head).await?;
    if text.contains("\r\nupgrade: websocket") {
        tokio::time::sleep(rules.delays_upgrades).await;
    }
    let (mut from_client, mut to_client) = client.into_split();
    let (mut from_server, mut to_server) = server.into_split();
    if rules.buffers_streams && (text.contains("transport=stream") || text.contains("transport=sse")) {
        // It would pass on the answer when that is whole.
        let mut nowhere = sink();
        let both =
            tokio::try_join!(copy(&mut from_client, &mut to_server), copy(&mut from_server, &mut nowhere));
        return both.map(drop);
    }
    let within = rules.cut_within.unwrap_or(u64::MAX);
    let (up, down) = (control.below(within), control.below(within));
    let is_half_open = control.hits(rules.half_open);
    if is_half_open {
        let within = within.min(100_000);
        let (mut up, mut down) = (from_client.take(up % within), from_server.take(down % within));
        tokio::select! {
            _ = copy(&mut up, &mut to_server) => {}
            _ = copy(&mut down, &mut to_client) => {}
        }
        tokio::time::sleep(SILENCE).await;
        return Ok(());
    }
    let (mut up, mut down) = (from_client.take(up), from_server.take(down));
    // Whichever ends first ends both, in the middle of whatever there is.
    tokio::select! {
        up = copy(&mut up, &mut to_server) => up.map(drop),
        down = copy(&mut down, &mut to_client) => down.map(drop),
    }
}
