//! What the tests of transports talk to: connections of every kind, which do what their paths say.
//!
//! - `/echo`: what comes goes back.
//! - `/push?count=N&size=BYTES&meter=NAME`: N numbered messages as fast as they are taken, then an end. Text, or binary
//!   of so many bytes when a size is given.
//! - `/count?count=N`: a numbered conversation. The server sends 1 to N, and reads what the client sends, which must be
//!   1 to N; then it sends a verdict, `ok` or what was wrong, and ends.
//! - `/meter?meter=NAME`: answers each message with how many bytes the `/push` of that name has written so far.
//! - `/sink?ms=DELAY&meter=NAME`: reads a message each so many milliseconds.
//!
//! `session-server [ADDRESS] [KEEP_MS]` prints the URL that it listens on, and ends when its standard input does.

use std::collections::HashMap;
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock, Mutex, PoisonError};
use std::time::Duration;

use tidegate::{
    Acceptor, Config, Connection, Message, Opened, OriginPolicy, Readable, WebSocketError, Writable,
};
use tokio::io::AsyncReadExt;
use tokio::net::TcpListener;
use tokio::time::{sleep, timeout};

#[tokio::main(worker_threads = 2)]
async fn main() -> io::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let address = arguments.next().unwrap_or_else(|| "127.0.0.1:0".into());
    let keep = arguments.next().and_then(|keep| keep.parse().ok()).unwrap_or(60_000);
    let listener = TcpListener::bind(address).await?;
    println!("http://{}", listener.local_addr()?);
    let acceptor = Acceptor::new()
        .config(Config::default().deflate(None))
        .sessions(tidegate::Sessions::default().keep(Duration::from_millis(keep)))
        .select_protocol(|_, offer| offer.protocols().first().cloned())
        .origins(OriginPolicy::Any);
    tokio::select! {
        served = acceptor.serve_any(listener, attend) => served,
        () = end_of_input() => Ok(()),
    }
}

/// Whoever started this has gone when its end of the pipe has.
async fn end_of_input() {
    let mut input = tokio::io::stdin();
    let mut byte = [0];
    while matches!(input.read(&mut byte).await, Ok(1)) {}
}

async fn attend(connection: Connection) {
    let order = Order::of(connection.url());
    let Ok(opened) = connection.opened().await else { return };
    // How it ends is seen at the other end.
    let _ = match order.path.as_str() {
        "/push" => push(opened, &order).await,
        "/count" => count(opened, &order).await,
        "/meter" => tell(opened, &order).await,
        "/sink" => sink(opened, &order).await,
        _ => echo(opened).await,
    };
    // A client that stays away must not keep the connection for ever.
    let _ = timeout(Duration::from_secs(90), connection.closed()).await;
}

/// What a client asks for: a path, and its parameters.
struct Order {
    path: String,
    parameters: HashMap<String, String>,
}

impl Order {
    fn of(url: &str) -> Self {
        let (path, query) = url.split_once('?').unwrap_or((url, ""));
        let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
        let parameters = pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        Self { path: path.to_owned(), parameters }
    }

    fn number(&self, name: &str, otherwise: u64, most: u64) -> u64 {
        let given = self.parameters.get(name).and_then(|value| value.parse().ok());
        given.unwrap_or(otherwise).min(most)
    }

    fn meter(&self) -> Arc<AtomicU64> {
        let name = self.parameters.get("meter").cloned().unwrap_or_default();
        METERS.lock().unwrap_or_else(PoisonError::into_inner).entry(name).or_default().clone()
    }
}

/// How much each push has written, by the names that clients gave.
static METERS: LazyLock<Mutex<HashMap<String, Arc<AtomicU64>>>> = LazyLock::new(Mutex::default);

async fn echo(Opened { readable, writable, .. }: Opened) -> Result<(), WebSocketError> {
    readable.pipe_to(writable).await
}

async fn push(opened: Opened, order: &Order) -> Result<(), WebSocketError> {
    let Opened { mut readable, mut writable, .. } = opened;
    let (count, size) = (order.number("count", 1000, 1 << 24), order.number("size", 0, 1 << 20) as usize);
    let meter = order.meter();
    let pour = async {
        for number in 0..count {
            let message = numbered(number, size);
            let length = message.len() as u64;
            writable.write(message).await?;
            meter.fetch_add(length, Ordering::Relaxed);
        }
        writable.close().await
    };
    let (poured, _) = tokio::join!(pour, discard(&mut readable));
    poured
}

fn numbered(number: u64, size: usize) -> Message {
    if size == 0 {
        return Message::from(number.to_string());
    }
    let mut bytes = vec![0; size.max(8)];
    bytes[..8].copy_from_slice(&number.to_be_bytes());
    Message::from(bytes)
}

async fn count(opened: Opened, order: &Order) -> Result<(), WebSocketError> {
    let Opened { mut readable, mut writable, .. } = opened;
    let count = order.number("count", 1000, 1 << 24);
    let (sent, checked) =
        tokio::join!(send_numbers(&mut writable, count), check_numbers(&mut readable, count));
    sent?;
    let verdict = match checked? {
        None => "ok".to_owned(),
        Some((expected, got)) => format!("expected {expected}, got {got}"),
    };
    writable.write(verdict).await?;
    writable.close().await?;
    discard(&mut readable).await
}

async fn send_numbers(writable: &mut Writable, count: u64) -> Result<(), WebSocketError> {
    for number in 1..=count {
        writable.write(number.to_string()).await?;
    }
    Ok(())
}

/// What came in place of a number, if anything did.
async fn check_numbers(readable: &mut Readable, count: u64) -> Result<Option<(u64, String)>, WebSocketError> {
    for expected in 1..=count {
        let got = match readable.read().await? {
            Some(Message::Text(text)) => text,
            Some(Message::Binary(_)) => "bytes".to_owned(),
            None => "the end".to_owned(),
        };
        if got != expected.to_string() {
            return Ok(Some((expected, got)));
        }
    }
    Ok(None)
}

async fn tell(opened: Opened, order: &Order) -> Result<(), WebSocketError> {
    let Opened { mut readable, mut writable, .. } = opened;
    let meter = order.meter();
    while readable.read().await?.is_some() {
        writable.write(meter.load(Ordering::Relaxed).to_string()).await?;
    }
    Ok(())
}

async fn sink(opened: Opened, order: &Order) -> Result<(), WebSocketError> {
    let Opened { mut readable, .. } = opened;
    let (pause, meter) = (Duration::from_millis(order.number("ms", 0, 60_000)), order.meter());
    while let Some(message) = readable.read().await? {
        meter.fetch_add(message.len() as u64, Ordering::Relaxed);
        sleep(pause).await;
    }
    Ok(())
}

async fn discard(readable: &mut Readable) -> Result<(), WebSocketError> {
    while readable.read().await?.is_some() {}
    Ok(())
}
