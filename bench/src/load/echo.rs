//! Questions and their echoes: some connections, some messages under way on each, every byte that comes back compared.

use std::time::{Duration, Instant};

use crate::failure::{Failure, fail};
use crate::frames::Script;
use crate::poll::Poll;
use crate::socket::{Socket, Speech, Target};
use crate::watch::{Budget, Process, Rate, Stopwatch};

/// How much is asked.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Echo {
    pub(crate) size: usize,
    pub(crate) connections: usize,
    /// Messages under way on each connection.
    pub(crate) depth: usize,
}

/// How long nothing may come back.
const PATIENCE: Duration = Duration::from_secs(10);

/// What one read takes at most.
const INPUT: usize = 256 * 1024;

/// Runs the load against the server.
pub(crate) fn run(target: &Target, process: Process, load: Echo, budget: Budget) -> Result<Rate, Failure> {
    check(target, load)?;
    let script = match target.speech {
        Speech::Raw => Script::raw(load.size, load.depth),
        _ => Script::binary(load.size, load.depth),
    };
    let mut asking = Asking::open(target, &script, load)?;
    let mut watch = Stopwatch::start(process, budget);
    let mut ready = Vec::new();
    let mut last_news = (Instant::now(), 0);
    loop {
        asking.poll.wait(Duration::from_millis(100), &mut ready)?;
        for number in &ready {
            asking.go_on(*number)?;
        }
        if let Some(rate) = watch.look(asking.answered, asking.bytes)? {
            return Ok(rate);
        }
        if asking.bytes != last_news.1 {
            last_news = (Instant::now(), asking.bytes);
        } else if ready.is_empty() && last_news.0.elapsed() > PATIENCE {
            fail!("no answer within {} s", PATIENCE.as_secs());
        }
    }
}

/// Messages of many lengths, one after the other, before anything is timed.
fn check(target: &Target, load: Echo) -> Result<(), Failure> {
    for size in [0, 1, 125, 126, 65_535, 65_536, 1 << 20] {
        let script = match target.speech {
            Speech::Raw => Script::raw(size, 1),
            _ => Script::binary(size, 1),
        };
        let one = Echo { size, connections: 1, depth: 1 };
        let mut asking = Asking::open(target, &script, one)?;
        let mut ready = Vec::new();
        let deadline = Instant::now() + PATIENCE;
        while asking.answered < 3 {
            asking.poll.wait(Duration::from_millis(100), &mut ready)?;
            for number in &ready {
                asking.go_on(*number).map_err(Failure::because(format!("checking {size} bytes")))?;
            }
            if Instant::now() > deadline {
                fail!("{size} bytes did not come back within {} s (before {load:?})", PATIENCE.as_secs());
            }
        }
    }
    Ok(())
}

struct Asking<'a> {
    script: &'a Script,
    poll: Poll,
    connections: Vec<Connection>,
    input: Vec<u8>,
    answered: u64,
    bytes: u64,
}

struct Connection {
    socket: Socket,
    /// Bytes sent, and bytes that may be sent.
    sent: u64,
    allowed: u64,
    received: u64,
    waits_for_room: bool,
}

impl<'a> Asking<'a> {
    fn open(target: &Target, script: &'a Script, load: Echo) -> Result<Self, Failure> {
        let mut asking = Self {
            script,
            poll: Poll::new()?,
            connections: Vec::new(),
            input: vec![0; INPUT],
            answered: 0,
            bytes: 0,
        };
        for number in 0..load.connections {
            let (socket, _) = Socket::open(target)?;
            asking.poll.add(&socket, number, false)?;
            let allowed = (load.depth * script.question.frame) as u64;
            let connection = Connection { socket, sent: 0, allowed, received: 0, waits_for_room: false };
            asking.connections.push(connection);
        }
        for number in 0..load.connections {
            asking.write(number)?;
        }
        Ok(asking)
    }

    /// Reads what has come, and asks as many questions as were answered.
    fn go_on(&mut self, number: usize) -> Result<(), Failure> {
        let connection = &mut self.connections[number];
        let frame = self.script.answer.frame as u64;
        // With TLS, what epoll tells about is not what can be read, so there is always another try.
        while let Some(len) = connection.socket.take(&mut self.input)? {
            if !self.script.answer.is_at(connection.received, &self.input[..len]) {
                fail!(
                    "the answer differs from the question within {} bytes",
                    connection.received + len as u64
                );
            }
            let before = connection.received / frame;
            connection.received += len as u64;
            let answered = connection.received / frame - before;
            connection.allowed += answered * self.script.question.frame as u64;
            self.answered += answered;
            self.bytes += len as u64;
            if len < INPUT && matches!(connection.socket, Socket::Tcp(_)) {
                break;
            }
        }
        self.write(number)
    }

    fn write(&mut self, number: usize) -> Result<(), Failure> {
        let connection = &mut self.connections[number];
        while connection.sent < connection.allowed {
            let bytes = self.script.question.from(connection.sent, connection.allowed - connection.sent);
            match connection.socket.give(bytes)? {
                0 => break,
                len => connection.sent += len as u64,
            }
        }
        let wants_room = connection.sent < connection.allowed || connection.socket.holds_output();
        if wants_room != connection.waits_for_room {
            connection.waits_for_room = wants_room;
            self.poll.change(&connection.socket, number, wants_room)?;
        }
        Ok(())
    }
}
