//! The limit of the system: bytes sent back as they come, without WebSocket and without a runtime.

use std::io::{self, Read, Write};
use std::net::TcpStream;

use contenders::Setup;
use contenders::epoll::{Poll, Ready, Slab, would_block};

/// One for all connections. With 64 KiB, messages of 1 MiB cost nearly twice as much.
const BUFFER: usize = 1 << 20;

fn main() -> io::Result<()> {
    let listener = Setup::from_args()?.listen()?;
    let mut poll = Poll::new(listener)?;
    let mut connections = Slab::default();
    let mut buffer = vec![0; BUFFER];
    loop {
        for ready in poll.wait()? {
            match ready {
                Ready::Listener => {
                    while let Some(stream) = poll.accept()? {
                        let token = connections.next();
                        poll.add(&stream, token)?;
                        connections.insert(token, Echo { stream, unsent: Vec::new(), gone: 0 });
                    }
                }
                Ready::Connection(token) => {
                    let Some(echo) = connections.get(token) else { continue };
                    let stalled = echo.is_stalled();
                    match echo.go_on(&mut buffer) {
                        Ok(()) if echo.is_stalled() == stalled => {}
                        Ok(()) => poll.wants(&echo.stream, token, !stalled)?,
                        Err(_) => connections.remove(token),
                    }
                }
            }
        }
    }
}

struct Echo {
    stream: TcpStream,
    /// What the socket would not take, and how much of that has gone since; nothing is read before all has.
    unsent: Vec<u8>,
    gone: usize,
}

impl Echo {
    fn is_stalled(&self) -> bool {
        !self.unsent.is_empty()
    }

    fn go_on(&mut self, buffer: &mut [u8]) -> io::Result<()> {
        if self.is_stalled() {
            self.gone += would_block(self.stream.write(&self.unsent[self.gone..]))?.unwrap_or(0);
            if self.gone == self.unsent.len() {
                self.unsent.clear();
                self.gone = 0;
            }
            return Ok(());
        }
        match would_block(self.stream.read(buffer))? {
            None => Ok(()),
            Some(0) => Err(io::ErrorKind::UnexpectedEof.into()),
            Some(len) => {
                let sent = would_block(self.stream.write(&buffer[..len]))?.unwrap_or(0);
                self.unsent.extend_from_slice(&buffer[sent..len]);
                Ok(())
            }
        }
    }
}
