//! What the contract tests of the browser package talk to: a server of this library that does what its paths say.
//!
//! Prints the URL that it listens on, and in the next line the one where the same paths may be carried by anything
//! (docs/sessions.md). Ends when its standard input does. Numbers in the paths are bounded, so that nothing runs for
//! long.

use std::collections::HashMap;
use std::io;
use std::net::{Shutdown, TcpStream as StdStream};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock, Mutex, PoisonError};
use std::time::Duration;

use tidegate::{Acceptor, Admission, Config, Connection, Message, Opened, OriginPolicy, Readable};
use tidegate::{Sessions, WebSocketError, Writable};
use tokio::io::AsyncReadExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{sleep, timeout};

#[tokio::main(worker_threads = 2)]
async fn main() -> io::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let anyhow = TcpListener::bind("127.0.0.1:0").await?;
    println!("ws://{}\nws://{}", listener.local_addr()?, anyhow.local_addr()?);
    tokio::select! {
        served = serve(listener) => served,
        served = serve_anyhow(anyhow) => served,
        () = end_of_input() => Ok(()),
    }
}

/// Whoever started this has gone when its end of the pipe has.
async fn end_of_input() {
    let mut input = tokio::io::stdin();
    let mut byte = [0];
    while matches!(input.read(&mut byte).await, Ok(1)) {}
}

async fn serve(listener: TcpListener) -> io::Result<()> {
    let acceptor = acceptor();
    loop {
        let (stream, _) = listener.accept().await?;
        let acceptor = acceptor.clone();
        tokio::spawn(async move {
            // Who does not get in was told; who breaks off needs no answer.
            let _ = accept(stream, acceptor).await;
        });
    }
}

async fn serve_anyhow(listener: TcpListener) -> io::Result<()> {
    let acceptor = acceptor().sessions(Sessions::default());
    acceptor
        .serve_any(listener, |connection| async {
            let _ = attend(connection, None).await;
        })
        .await
}

/// Any page may come in. Without compression, so that what is counted is what flows.
fn acceptor() -> Acceptor {
    Acceptor::new()
        .config(Config::default().deflate(None))
        .origins(OriginPolicy::Any)
        .select_protocol(|request, offer| {
            let wants_none = request.uri().path() == "/no-protocol";
            offer.protocols().first().filter(|_| !wants_none).cloned()
        })
        .authorize_async(|request, _| {
            let order = Order::of(request.uri());
            Box::pin(async move {
                if order.path == "/404" {
                    return Err(tidegate::Refusal::new(http::StatusCode::NOT_FOUND, "nothing here"));
                }
                if order.path == "/sleep" {
                    sleep(order.duration("ms")).await;
                }
                Ok(Admission::new())
            })
        })
}

/// What a client asks for: a path, and its parameters.
struct Order {
    path: String,
    parameters: HashMap<String, String>,
}

impl Order {
    fn of(uri: &http::Uri) -> Self {
        let pairs = uri.query().unwrap_or_default().split('&').filter_map(|pair| pair.split_once('='));
        let parameters = pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        Self { path: uri.path().to_owned(), parameters }
    }

    fn number(&self, name: &str, otherwise: u64, most: u64) -> u64 {
        let given = self.parameters.get(name).and_then(|value| value.parse().ok());
        given.unwrap_or(otherwise).min(most)
    }

    fn duration(&self, name: &str) -> Duration {
        Duration::from_millis(self.number(name, 1000, 20_000))
    }

    fn meter(&self) -> Arc<AtomicU64> {
        let id = self.parameters.get("id").cloned().unwrap_or_default();
        METERS.lock().unwrap_or_else(PoisonError::into_inner).entry(id).or_default().clone()
    }

    /// The code and reason of the Close; an empty one without a code.
    fn close(&self, socket: &Connection) {
        let reason = self.parameters.get("reason").cloned().unwrap_or_default();
        // A test that asks for a code that may not be sent sees that nothing is sent.
        let _ = match self.parameters.get("code").and_then(|code| code.parse::<u16>().ok()) {
            Some(code) => socket.close((code, reason.as_str())),
            None => socket.close(()),
        };
    }
}

/// How much each connection has pushed or received, for those who know its id.
static METERS: LazyLock<Mutex<HashMap<String, Arc<AtomicU64>>>> = LazyLock::new(Mutex::default);

async fn accept(stream: TcpStream, acceptor: Acceptor) -> Result<(), WebSocketError> {
    let Ok((stream, twin)) = twins(stream) else { return Ok(()) };
    let Ok(socket) = acceptor.accept(stream).await else { return Ok(()) };
    attend(socket.into(), Some(&twin)).await
}

/// `twin` ends it behind the library's back. What has none is just left.
async fn attend(socket: Connection, twin: Option<&StdStream>) -> Result<(), WebSocketError> {
    let Some(order) = socket.request().map(|request| Order::of(request.uri())) else { return Ok(()) };
    let opened = socket.opened().await?;
    match order.path.as_str() {
        "/push" => push(opened, &socket, &order).await?,
        "/drop" => return drop_after(opened, &order, twin).await,
        "/drop-on-message" => return drop_on_message(opened, twin).await,
        "/flood" => flood(opened, &order).await?,
        "/meter" => tell(opened, &order).await?,
        "/late" => read_late(opened, &order).await?,
        "/close" => order.close(&socket),
        "/close-on-message" => close_on_message(opened, &socket, &order).await?,
        "/ping" => ping(opened, &socket, &order).await?,
        "/protocol" => say_protocol(opened).await?,
        _ => echo(opened).await?,
    }
    // A page that stays away must not keep the connection.
    let _ = timeout(Duration::from_secs(60), socket.closed()).await;
    Ok(())
}

/// The stream, and a second handle to end it with behind the library's back.
fn twins(stream: TcpStream) -> io::Result<(TcpStream, StdStream)> {
    stream.set_nodelay(true)?;
    let stream = stream.into_std()?;
    let twin = stream.try_clone()?;
    Ok((TcpStream::from_std(stream)?, twin))
}

async fn echo(Opened { mut readable, mut writable, .. }: Opened) -> Result<(), WebSocketError> {
    while let Some(message) = readable.read().await? {
        writable.write(message).await?;
    }
    Ok(())
}

async fn say_protocol(Opened { mut writable, protocol, .. }: Opened) -> Result<(), WebSocketError> {
    writable.write(protocol).await?;
    writable.close().await
}

/// `count` numbered messages: text, or binary of `size` bytes.
async fn write_numbered(writable: &mut Writable, order: &Order) -> Result<(), WebSocketError> {
    let size = order.number("size", 0, 1 << 20);
    for number in 0..order.number("count", 0, 100_000) {
        writable.write(numbered(number, size as usize)).await?;
    }
    Ok(())
}

fn numbered(number: u64, size: usize) -> Message {
    if size == 0 {
        return Message::from(number.to_string());
    }
    let mut bytes = vec![0; size.max(8)];
    bytes[..8].copy_from_slice(&number.to_be_bytes());
    Message::from(bytes)
}

async fn push(opened: Opened, socket: &Connection, order: &Order) -> Result<(), WebSocketError> {
    let Opened { mut readable, mut writable, .. } = opened;
    write_numbered(&mut writable, order).await?;
    order.close(socket);
    discard(&mut readable).await
}

async fn drop_after(opened: Opened, order: &Order, twin: Option<&StdStream>) -> Result<(), WebSocketError> {
    let Opened { mut readable, mut writable, .. } = opened;
    // Else the end may come before the page knows that it was open.
    readable.read().await?;
    write_numbered(&mut writable, order).await?;
    writable.flush().await?;
    // The end of the stream goes behind what is on its way.
    if let Some(twin) = twin {
        let _ = twin.shutdown(Shutdown::Both);
    }
    Ok(())
}

async fn drop_on_message(opened: Opened, twin: Option<&StdStream>) -> Result<(), WebSocketError> {
    let Opened { mut readable, .. } = opened;
    readable.read().await?;
    if let Some(twin) = twin {
        let _ = twin.shutdown(Shutdown::Both);
    }
    Ok(())
}

/// As fast as the page takes it, until it goes, up to 64 MiB or so many as it says.
async fn flood(opened: Opened, order: &Order) -> Result<(), WebSocketError> {
    let Opened { mut readable, mut writable, .. } = opened;
    let meter = order.meter();
    let size = order.number("size", 16 * 1024, 1 << 20);
    let pour = async {
        for number in 0..(order.number("mib", 64, 4096) << 20) / size {
            writable.write(numbered(number, size as usize)).await?;
            meter.fetch_add(size, Ordering::Relaxed);
        }
        writable.close().await
    };
    tokio::select! {
        poured = pour => poured,
        discarded = discard(&mut readable) => discarded,
    }
}

/// Answers each message with what the meter shows.
async fn tell(opened: Opened, order: &Order) -> Result<(), WebSocketError> {
    let Opened { mut readable, mut writable, .. } = opened;
    let meter = order.meter();
    while readable.read().await?.is_some() {
        writable.write(meter.load(Ordering::Relaxed).to_string()).await?;
    }
    Ok(())
}

/// Does not read for a while; then counts the bytes of all that comes.
async fn read_late(opened: Opened, order: &Order) -> Result<(), WebSocketError> {
    let Opened { mut readable, .. } = opened;
    sleep(order.duration("ms")).await;
    let meter = order.meter();
    while let Some(message) = readable.read().await? {
        meter.fetch_add(message.len() as u64, Ordering::Relaxed);
    }
    Ok(())
}

async fn close_on_message(opened: Opened, socket: &Connection, order: &Order) -> Result<(), WebSocketError> {
    let Opened { mut readable, .. } = opened;
    readable.read().await?;
    // What the page writes meanwhile fills every buffer on the way.
    sleep(Duration::from_millis(order.number("unread", 0, 5000))).await;
    order.close(socket);
    discard(&mut readable).await
}

/// Pings behind some messages that the page does not read; the meter shows 1 once the pong has come.
async fn ping(opened: Opened, socket: &Connection, order: &Order) -> Result<(), WebSocketError> {
    let Opened { readable, mut writable, .. } = opened;
    write_numbered(&mut writable, order).await?;
    let before = socket.stats().bytes_read;
    writable.ping(b"there?")?;
    writable.flush().await?;
    while socket.stats().bytes_read == before {
        sleep(Duration::from_millis(5)).await;
    }
    order.meter().store(1, Ordering::Relaxed);
    echo(Opened { readable, writable, protocol: String::new(), extensions: String::new() }).await
}

async fn discard(readable: &mut Readable) -> Result<(), WebSocketError> {
    while readable.read().await?.is_some() {}
    Ok(())
}
