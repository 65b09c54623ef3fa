//! The limit of the system: bytes sent back as they come, without WebSocket and without a runtime.

use std::io::{self, Read, Write};
use std::net::TcpStream;

use contenders::Setup;
use contenders::epoll::{Poll, Ready, Slab, would_block};

fn main() -> io::Result<()> {
    let listener = Setup::from_args()?.listen()?;
    let mut poll = Poll::new(listener)?;
    let mut connections = Slab::default();
    let mut buffer = vec![0; 128 * 1024];
    loop {
        for ready in poll.wait()? {
            match ready {
                Ready::Listener => {
                    while let Some(stream) = poll.accept()? {
                        let token = connections.next();
                        poll.add(&stream, token)?;
                        connections.insert(token, Echo { stream, unsent: Vec::new() });
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
    /// What the socket would not take; nothing is read before it has.
    unsent: Vec<u8>,
}

impl Echo {
    fn is_stalled(&self) -> bool {
        !self.unsent.is_empty()
    }

    fn go_on(&mut self, buffer: &mut [u8]) -> io::Result<()> {
        if self.is_stalled() {
            let sent = would_block(self.stream.write(&self.unsent))?.unwrap_or(0);
            self.unsent.drain(..sent);
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
