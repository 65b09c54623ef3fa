//! Questions and their echoes: some connections, some messages under way on each, every byte that comes back compared.

use std::time::{Duration, Instant};

use crate::failure::{Failure, fail};
use crate::frames::Script;
use crate::incoming::Incoming;
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
    let script = script(target, load.size, load.depth);
    let asking = Asking::open(target, &script, load, Answers::Known)?;
    asking.measure(process, budget)
}

fn script(target: &Target, size: usize, depth: usize) -> Script {
    match target.speech {
        Speech::Raw => Script::raw(size, depth),
        _ => Script::binary(size, depth),
    }
}

/// Messages of many lengths, one after the other, before anything is timed.
fn check(target: &Target, load: Echo) -> Result<(), Failure> {
    for size in [0, 1, 125, 126, 65_535, 65_536, 1 << 20] {
        let script = script(target, size, 1);
        let one = Echo { size, connections: 1, depth: 1 };
        let mut asking = Asking::open(target, &script, one, Answers::Known)?;
        let mut ready = Vec::new();
        let deadline = Instant::now() + PATIENCE;
        while asking.answered < 3 {
            asking.turn(&mut ready).map_err(Failure::because(format!("checking {size} bytes")))?;
            if Instant::now() > deadline {
                fail!("{size} bytes did not come back within {} s (before {load:?})", PATIENCE.as_secs());
            }
        }
    }
    Ok(())
}

/// What comes back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answers {
    /// The bytes of the script.
    Known,
    /// As many frames as were sent, of which only the number is looked at.
    Counted,
}

/// Connections that ask all the time.
pub(crate) struct Asking<'a> {
    script: &'a Script,
    answers: Answers,
    poll: Poll,
    connections: Vec<Connection>,
    input: Vec<u8>,
    answered: u64,
    bytes: u64,
}

struct Connection {
    socket: Socket,
    /// Messages that may be sent, and bytes that have been.
    allowed: u64,
    sent: u64,
    answered: u64,
    received: u64,
    incoming: Incoming,
    waits_for_room: bool,
}

impl<'a> Asking<'a> {
    pub(crate) fn open(
        target: &Target,
        script: &'a Script,
        load: Echo,
        answers: Answers,
    ) -> Result<Self, Failure> {
        let (poll, input) = (Poll::new()?, vec![0; INPUT]);
        let mut asking =
            Self { script, answers, poll, connections: Vec::new(), input, answered: 0, bytes: 0 };
        for number in 0..load.connections {
            let (socket, _) = Socket::open(target)?;
            asking.poll.add(&socket, number, false)?;
            asking.connections.push(Connection {
                socket,
                allowed: load.depth as u64,
                sent: 0,
                answered: 0,
                received: 0,
                incoming: Incoming::default(),
                waits_for_room: false,
            });
        }
        for number in 0..load.connections {
            asking.write(number)?;
        }
        Ok(asking)
    }

    /// Asks until the budget is used up.
    pub(crate) fn measure(mut self, process: Process, budget: Budget) -> Result<Rate, Failure> {
        let mut watch = Stopwatch::start(process, budget);
        let mut ready = Vec::new();
        let mut last_news = (Instant::now(), 0);
        loop {
            self.turn(&mut ready)?;
            if let Some(rate) = watch.look(self.answered, self.bytes)? {
                return Ok(rate);
            }
            if self.bytes != last_news.1 {
                last_news = (Instant::now(), self.bytes);
            } else if ready.is_empty() && last_news.0.elapsed() > PATIENCE {
                fail!("no answer within {} s", PATIENCE.as_secs());
            }
        }
    }

    fn turn(&mut self, ready: &mut Vec<usize>) -> Result<(), Failure> {
        self.poll.wait(Duration::from_millis(100), ready)?;
        for number in ready.iter() {
            self.read(*number)?;
            self.write(*number)?;
        }
        Ok(())
    }

    /// Reads what has come, and allows as many questions as were answered.
    fn read(&mut self, number: usize) -> Result<(), Failure> {
        let connection = &mut self.connections[number];
        // With TLS, what epoll tells about is not what can be read, so there is always another try.
        while let Some(len) = connection.socket.receive(&mut self.input)? {
            let input = &self.input[..len];
            let before = connection.answered;
            if self.answers == Answers::Counted {
                connection.incoming.feed(input, |frame| connection.answered += u64::from(frame.is_data()));
                connection.received += len as u64;
            } else {
                if !self.script.answer.is_at(connection.received, input) {
                    fail!("the answer differs from the question, near byte {}", connection.received);
                }
                connection.received += len as u64;
                connection.answered = connection.received / self.script.answer.frame();
            }
            connection.allowed += connection.answered - before;
            self.answered += connection.answered - before;
            self.bytes += len as u64;
            if len < INPUT && matches!(connection.socket, Socket::Tcp(_)) {
                break;
            }
        }
        Ok(())
    }

    fn write(&mut self, number: usize) -> Result<(), Failure> {
        let connection = &mut self.connections[number];
        let end = self.script.question.place(connection.allowed);
        while connection.sent < end {
            let bytes = self.script.question.from(connection.sent, end - connection.sent);
            match connection.socket.give(bytes)? {
                0 => break,
                len => connection.sent += len as u64,
            }
        }
        let wants_room = connection.sent < end || connection.socket.holds_output();
        if wants_room != connection.waits_for_room {
            connection.waits_for_room = wants_room;
            self.poll.change(&connection.socket, number, wants_room)?;
        }
        Ok(())
    }
}
