//! One publisher and many listeners; every byte that a listener gets is compared.

use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::failure::{Failure, fail};
use crate::frames::Script;
use crate::poll::Poll;
use crate::socket::{Socket, Target};
use crate::watch::{Budget, Process, Rate, Stopwatch};

/// How much is published.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fanout {
    pub(crate) size: usize,
    pub(crate) listeners: usize,
    /// Messages that not all listeners have yet.
    pub(crate) depth: usize,
}

const PATIENCE: Duration = Duration::from_secs(10);

/// Between the last handshake and the first message: a server may say that a connection is open before it counts it
/// among the listeners.
pub(crate) const SETTLING: Duration = Duration::from_millis(300);

struct Listener {
    socket: Socket,
    received: u64,
}

/// Runs the load; what is done are deliveries.
pub(crate) fn run(target: &Target, process: Process, load: Fanout, budget: Budget) -> Result<Rate, Failure> {
    let script = Script::binary(load.size, load.depth);
    let mut poll = Poll::new()?;
    let mut listeners = Vec::new();
    for number in 0..load.listeners {
        let (socket, _) = Socket::open(target)?;
        poll.add(&socket, number, false)?;
        listeners.push(Listener { socket, received: 0 });
    }
    let (mut publisher, _) = Socket::open(target)?;
    sleep(SETTLING);
    let mut watch = Stopwatch::start(process, budget);
    let (mut sent, mut delivered, mut bytes) = (0, 0, 0);
    let (mut input, mut ready) = (vec![0; 64 * 1024], Vec::new());
    let mut last_news = Instant::now();
    loop {
        let end = script.question.place(delivered / load.listeners as u64 + load.depth as u64);
        if sent < end {
            sent += publisher.give(script.question.from(sent, end - sent))? as u64;
        }
        poll.wait(Duration::from_millis(20), &mut ready)?;
        for &number in &ready {
            let listener = &mut listeners[number];
            let Some(len) = listener.socket.receive(&mut input)? else { continue };
            if !script.answer.is_at(listener.received, &input[..len]) {
                fail!("listener {number} got something else, near byte {}", listener.received);
            }
            let before = listener.received / script.answer.frame();
            listener.received += len as u64;
            delivered += listener.received / script.answer.frame() - before;
            bytes += len as u64;
            last_news = Instant::now();
        }
        if let Some(rate) = watch.look(delivered, bytes)? {
            return Ok(rate);
        }
        if last_news.elapsed() > PATIENCE {
            fail!("deliveries are missing: {delivered} came, then nothing for {} s", PATIENCE.as_secs());
        }
    }
}
