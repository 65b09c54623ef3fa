//! One of five listeners never reads while 256 MiB are published; then it does.

use std::thread::sleep;
use std::time::{Duration, Instant};

use super::fanout::SETTLING;
use crate::failure::Failure;
use crate::frames::Script;
use crate::incoming::Incoming;
use crate::modes::Figures;
use crate::poll::Poll;
use crate::socket::{Socket, Target};
use crate::watch::{Peak, Process};

const LISTENERS: usize = 5;
const SIZE: usize = 16 * 1024;
const MESSAGES: u64 = (256 << 20) / SIZE as u64;

/// Messages that not all healthy listeners have yet.
const DEPTH: u64 = 16;

/// How long nothing may happen before that is how it is.
const PATIENCE: Duration = Duration::from_secs(5);

struct Listener {
    socket: Socket,
    incoming: Incoming,
    got: u64,
    /// What it was told beside the messages.
    told: Vec<String>,
    is_over: bool,
}

impl Listener {
    /// Takes what has come; whether anything has.
    fn read(&mut self, input: &mut [u8]) -> bool {
        let len = match self.socket.receive(input) {
            Ok(Some(len)) => len,
            Ok(None) => return false,
            Err(error) => {
                self.is_over = true;
                if self.told.is_empty() {
                    self.told.push(format!("cut off: {error}"));
                }
                return true;
            }
        };
        let (got, told) = (&mut self.got, &mut self.told);
        self.incoming.feed(&input[..len], |frame| {
            if let Some((code, reason)) = frame.close() {
                told.push(format!("closed with {code} {reason}"));
            } else if frame.is_data() && frame.len == SIZE as u64 {
                *got += 1;
            } else if frame.is_data() && told.is_empty() {
                told.push(format!("told {:?}", String::from_utf8_lossy(&frame.payload)));
            }
        });
        true
    }
}

/// The main figure is the growth in MiB; then come the shares that the healthy ones and the stuck one got.
pub(crate) fn run(target: &Target, process: Process) -> Result<Figures, Failure> {
    let mut poll = Poll::new()?;
    let mut listeners = Vec::new();
    for number in 0..LISTENERS {
        let (socket, _) = Socket::open(target)?;
        if number > 0 {
            poll.add(&socket, number, false)?;
        }
        let (incoming, told) = (Incoming::default(), Vec::new());
        listeners.push(Listener { socket, incoming, got: 0, told, is_over: false });
    }
    let (publisher, _) = Socket::open(target)?;
    sleep(SETTLING);
    let mut peak = Peak::from(process)?;
    publish(publisher, &mut poll, &mut listeners, &mut peak)?;
    peak.look()?;
    let healthy = listeners[1..].iter().map(|listener| listener.got).min().unwrap_or(0);
    let stuck = &mut listeners[0];
    let mut input = vec![0; 256 * 1024];
    let mut last_news = Instant::now();
    while !stuck.is_over && stuck.got < MESSAGES && last_news.elapsed() < PATIENCE {
        if stuck.read(&mut input) {
            last_news = Instant::now();
        } else {
            sleep(Duration::from_millis(2));
        }
    }
    let share = |got: u64| got as f64 * 100.0 / MESSAGES as f64;
    let note = match (&*stuck.told, stuck.got) {
        ([], MESSAGES) => "all of it kept for it".to_owned(),
        ([], _) => "the loss is not told".to_owned(),
        (told, _) => told.join("; "),
    };
    Ok(Figures {
        main: peak.growth() as f64 / f64::from(1 << 20),
        others: vec![share(healthy), share(stuck.got)],
        note,
        ..Figures::default()
    })
}

/// Publishes everything at the pace of the slowest healthy listener, or gives up.
fn publish(
    mut publisher: Socket,
    poll: &mut Poll,
    listeners: &mut [Listener],
    peak: &mut Peak,
) -> Result<(), Failure> {
    let script = Script::binary(SIZE, DEPTH as usize);
    let (mut input, mut ready) = (vec![0; 256 * 1024], Vec::new());
    let (mut sent, mut last_news) = (0, Instant::now());
    loop {
        let slowest = listeners[1..].iter().map(|listener| listener.got).min().unwrap_or(0);
        if slowest == MESSAGES || last_news.elapsed() > PATIENCE {
            break;
        }
        let end = script.question.place((slowest + DEPTH).min(MESSAGES));
        if sent < end {
            sent += publisher.give(script.question.from(sent, end - sent))? as u64;
        }
        poll.wait(Duration::from_millis(5), &mut ready)?;
        for &number in &ready {
            let listener = &mut listeners[number];
            if listener.read(&mut input) {
                last_news = Instant::now();
            }
            if listener.is_over {
                poll.remove(&listener.socket)?;
            }
        }
        peak.look()?;
    }
    // The publisher stays until here: a server may end what it has begun with it.
    drop(publisher);
    Ok(())
}
