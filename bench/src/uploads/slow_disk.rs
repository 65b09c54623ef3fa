//! An upload to a slow disk, and an echo by WebSocket on the same server: what the sender gets, and what the echo waits.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, sleep};
use std::time::{Duration, Instant};

use super::Sample;
use super::contender::{Contender, Places, Running};
use super::content::Content;
use super::fair::percentile;
use super::http::Connection;
use super::patch::cpu_seconds;
use crate::failure::{Failure, fail};
use crate::frames::{BINARY, masked_frame, noise};

pub(crate) const COLUMNS: &[&str] = &[
    "sender, MB/s",
    "idle p50, ms",
    "idle p99, ms",
    "meanwhile p50, ms",
    "meanwhile p99, ms",
    "p99 / idle",
    "server busy, %",
];

/// Bytes a second.
const RATE: u64 = 5_000_000;

/// How long a sender may be faster, as buffers fill.
const FILLING: Duration = Duration::from_secs(2);

/// The pause between an answer and the next question.
const PAUSE: Duration = Duration::from_millis(1);

/// What each message of the echo has.
const PAYLOAD: usize = 125;

pub(crate) fn run(places: &Places, content: &Arc<Content>, quick: bool) -> Result<Sample, Failure> {
    let running = Running::start("slow-disk", places, |folder| {
        let words = [&places.slow_disk, folder].map(|path| path.to_string_lossy().into_owned());
        Ok(words.into_iter().chain([RATE.to_string()]).collect())
    })?;
    let address = running.server.address;
    let span = Duration::from_secs(if quick { 2 } else { 5 });
    let mut echo = Echo::open(address)?;
    echo.times(Duration::from_millis(300))?;
    let mut idle = echo.times(span)?;
    let sent = Arc::new(AtomicU64::new(0));
    let stop = Arc::new(AtomicBool::new(false));
    let sender = {
        let (content, sent, stop) = (Arc::clone(content), Arc::clone(&sent), Arc::clone(&stop));
        thread::spawn(move || upload(address, &content, &sent, &stop))
    };
    sleep(FILLING);
    let cpu = cpu_seconds(running.process())?;
    let (began, before) = (Instant::now(), sent.load(Ordering::Relaxed));
    let meanwhile = echo.times(span);
    let seconds = began.elapsed().as_secs_f64();
    let rate = (sent.load(Ordering::Relaxed) - before) as f64 / 1e6 / seconds;
    let busy = (cpu_seconds(running.process())? - cpu) / seconds * 100.0;
    stop.store(true, Ordering::Relaxed);
    let Ok(ended) = sender.join() else { fail!("the sender panicked") };
    ended?;
    let mut meanwhile = meanwhile?;
    let mut both = |at: f64| (percentile(&mut idle, at) * 1e3, percentile(&mut meanwhile, at) * 1e3);
    let (p50, p99) = (both(0.5), both(0.99));
    Ok(Sample { figures: vec![rate, p50.0, p99.0, p50.1, p99.1, p99.1 / p99.0, busy] })
}

/// Sends until it shall stop, and counts.
fn upload(
    address: SocketAddr,
    content: &Content,
    sent: &AtomicU64,
    stop: &AtomicBool,
) -> Result<(), Failure> {
    const LENGTH: u64 = 1 << 30;
    /// Small, so that what is counted is never far from what was sent.
    const PIECE: u64 = 16 * 1024;
    let mut connection = Connection::open(address)?;
    let path = connection.create(Contender::Tidegate.path(), LENGTH)?;
    connection.patch(&path, LENGTH)?;
    let mut place = 0;
    while !stop.load(Ordering::Relaxed) && place < LENGTH {
        connection.send(content.from(place, PIECE))?;
        place += PIECE;
        sent.store(place, Ordering::Relaxed);
    }
    Ok(())
}

/// A WebSocket whose messages come back.
struct Echo {
    stream: TcpStream,
    question: Vec<u8>,
    answer: Vec<u8>,
}

impl Echo {
    fn open(address: SocketAddr) -> Result<Self, Failure> {
        let mut stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(Duration::from_secs(20)))?;
        let request = format!(
            "GET /echo HTTP/1.1\r\nHost: {address}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
        );
        stream.write_all(request.as_bytes())?;
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            stream.read_exact(&mut byte)?;
            head.extend_from_slice(&byte);
        }
        if !head.starts_with(b"HTTP/1.1 101 ") {
            fail!("refused: {}", String::from_utf8_lossy(&head).lines().next().unwrap_or_default());
        }
        let payload = noise(PAYLOAD, 3);
        let answer = [&[BINARY, PAYLOAD as u8], &payload[..]].concat();
        Ok(Self { stream, question: masked_frame(BINARY, &payload, 3), answer })
    }

    /// How long each answer took, in seconds.
    fn times(&mut self, span: Duration) -> Result<Vec<f64>, Failure> {
        let until = Instant::now() + span;
        let mut times = Vec::new();
        let mut answer = vec![0; self.answer.len()];
        while Instant::now() < until {
            let began = Instant::now();
            self.stream.write_all(&self.question)?;
            self.stream.read_exact(&mut answer).map_err(Failure::because("an echo"))?;
            times.push(began.elapsed().as_secs_f64());
            if answer != self.answer {
                fail!("an echo differs");
            }
            sleep(PAUSE);
        }
        Ok(times)
    }
}
