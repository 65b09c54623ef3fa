//! The limit of a WebSocket server: RFC 6455's framing by hand, without a runtime and without any check. Not for use.
//!
//! The echo passes a frame's bytes on as they come, so it holds nothing but what the socket would not take.

mod broadcast;
mod echo;
mod frame;
mod handshake;

use std::io::{self, Read, Write};
use std::net::TcpStream;

use contenders::epoll::{Poll, Ready, Slab, would_block};
use contenders::{FIREHOSE_BYTES, Setup, Task, cannot};

use broadcast::Broadcast;
use echo::Echo;
use handshake::Opening;

/// What a socket is given to send.
pub(crate) struct Output {
    stream: TcpStream,
    /// What the socket would not take, and how much of that has gone since.
    unsent: Vec<u8>,
    gone: usize,
}

impl Output {
    pub(crate) fn is_stalled(&self) -> bool {
        !self.unsent.is_empty()
    }

    pub(crate) fn unsent(&self) -> usize {
        self.unsent.len() - self.gone
    }

    /// Sends, or keeps what does not go.
    pub(crate) fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        let sent = if self.is_stalled() { 0 } else { would_block(self.stream.write(bytes))?.unwrap_or(0) };
        self.unsent.extend_from_slice(&bytes[sent..]);
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        while self.gone < self.unsent.len() {
            let Some(sent) = would_block(self.stream.write(&self.unsent[self.gone..]))? else {
                return Ok(());
            };
            self.gone += sent;
        }
        (self.unsent, self.gone) = (Vec::new(), 0);
        Ok(())
    }
}

struct Connection {
    output: Output,
    state: State,
    /// Whether epoll waits for room.
    waits_for_room: bool,
}

enum State {
    Opening(Opening),
    Echo(Echo),
    Firehose,
    Broadcast(Broadcast),
}

impl Connection {
    fn wants_room(&self) -> bool {
        self.output.is_stalled() || matches!(self.state, State::Firehose)
    }
}

/// As the raw echo's, for the same reason.
const BUFFER: usize = 1 << 20;

struct Server {
    task: Task,
    poll: Poll,
    connections: Slab<Connection>,
    /// Shared by all connections, as only one is read at a time.
    input: Vec<u8>,
    scratch: Vec<u8>,
    firehose: Vec<u8>,
}

fn main() -> io::Result<()> {
    let setup = Setup::from_args()?;
    if setup.tls.is_some() || matches!(setup.task, Task::DeflateFast | Task::DeflateSmall) {
        return Err(cannot(setup.task));
    }
    let mut firehose = Vec::new();
    frame::header(2, FIREHOSE_BYTES as u64, &mut firehose);
    firehose.resize(firehose.len() + FIREHOSE_BYTES, b'x');
    let mut server = Server {
        task: setup.task,
        poll: Poll::new(setup.listen()?)?,
        connections: Slab::default(),
        input: vec![0; BUFFER],
        scratch: Vec::with_capacity(BUFFER),
        firehose,
    };
    loop {
        for ready in server.poll.wait()? {
            match ready {
                Ready::Listener => server.accept()?,
                Ready::Connection(token) => server.go_on(token)?,
            }
        }
    }
}

impl Server {
    fn accept(&mut self) -> io::Result<()> {
        while let Some(stream) = self.poll.accept()? {
            let token = self.connections.next();
            self.poll.add(&stream, token)?;
            let output = Output { stream, unsent: Vec::new(), gone: 0 };
            let state = State::Opening(Opening::default());
            self.connections.insert(token, Connection { output, state, waits_for_room: false });
        }
        Ok(())
    }

    fn go_on(&mut self, token: usize) -> io::Result<()> {
        let Some(connection) = self.connections.get(token) else { return Ok(()) };
        let result = if connection.output.is_stalled() {
            connection.output.flush()
        } else if matches!(connection.state, State::Firehose) {
            connection.output.send(&self.firehose)
        } else {
            self.read(token)
        };
        if result.is_err() {
            self.connections.remove(token);
            return Ok(());
        }
        self.settle(token)
    }

    fn read(&mut self, token: usize) -> io::Result<()> {
        let Some(connection) = self.connections.get(token) else { return Ok(()) };
        let len = match would_block(connection.output.stream.read(&mut self.input))? {
            None => return Ok(()),
            Some(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Some(len) => len,
        };
        let input = &mut self.input[..len];
        match &mut connection.state {
            State::Opening(opening) => {
                if let Some(answer) = opening.read(input) {
                    connection.output.send(answer.as_bytes())?;
                    connection.state = match self.task {
                        Task::Broadcast => State::Broadcast(Broadcast::default()),
                        Task::Firehose => State::Firehose,
                        _ => State::Echo(Echo::default()),
                    };
                }
                Ok(())
            }
            State::Echo(echo) => echo.read(input, &mut self.scratch, &mut connection.output),
            State::Broadcast(broadcast) => {
                self.scratch.clear();
                broadcast.read(input, &mut self.scratch)?;
                self.tell_others(token)
            }
            State::Firehose => Ok(()),
        }
    }

    /// Sends the frames in `scratch` to every other connection. One that takes nothing for too long is closed.
    fn tell_others(&mut self, from: usize) -> io::Result<()> {
        if self.scratch.is_empty() {
            return Ok(());
        }
        for token in (0..self.connections.places()).filter(|token| *token != from) {
            let Some(connection) = self.connections.get(token) else { continue };
            if !matches!(connection.state, State::Broadcast(_)) {
                continue;
            }
            let sent = connection.output.send(&self.scratch);
            if sent.is_err() || connection.output.unsent() > broadcast::MAX_UNSENT {
                self.connections.remove(token);
            } else if connection.output.is_stalled() {
                self.settle(token)?;
            }
        }
        Ok(())
    }

    /// Has epoll wait for what the connection needs.
    fn settle(&mut self, token: usize) -> io::Result<()> {
        let Some(connection) = self.connections.get(token) else { return Ok(()) };
        let wants_room = connection.wants_room();
        if wants_room != connection.waits_for_room {
            connection.waits_for_room = wants_room;
            self.poll.wants(&connection.output.stream, token, wants_room)?;
        }
        Ok(())
    }
}
