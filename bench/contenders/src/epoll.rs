//! The little that a server without a runtime needs: epoll, level-triggered, and a table of connections.

use std::io;
use std::net::{TcpListener, TcpStream};
use std::os::fd::OwnedFd;

use rustix::event::epoll::{self, CreateFlags, Event, EventData, EventFlags};

/// Something to do.
pub enum Ready {
    /// Somebody connects.
    Listener,
    /// The connection with this token can be read or written.
    Connection(usize),
}

/// A listener and the connections that came from it.
pub struct Poll {
    epoll: OwnedFd,
    listener: TcpListener,
    events: Vec<Event>,
}

const LISTENER: u64 = u64::MAX;

impl Poll {
    /// Waits for connections.
    pub fn new(listener: TcpListener) -> io::Result<Self> {
        let epoll = epoll::create(CreateFlags::CLOEXEC)?;
        epoll::add(&epoll, &listener, EventData::new_u64(LISTENER), EventFlags::IN)?;
        Ok(Self { epoll, listener, events: Vec::with_capacity(1024) })
    }

    /// Waits for something to do.
    pub fn wait(&mut self) -> io::Result<impl Iterator<Item = Ready> + use<>> {
        self.events.clear();
        match epoll::wait(&self.epoll, rustix::buffer::spare_capacity(&mut self.events), None) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        let tokens: Vec<u64> = self.events.iter().map(|event| event.data.u64()).collect();
        Ok(tokens.into_iter().map(|token| match token {
            LISTENER => Ready::Listener,
            token => Ready::Connection(token as usize),
        }))
    }

    /// The next connection, if there is one.
    pub fn accept(&self) -> io::Result<Option<TcpStream>> {
        let Some((stream, _)) = would_block(self.listener.accept())? else { return Ok(None) };
        stream.set_nonblocking(true)?;
        stream.set_nodelay(true)?;
        Ok(Some(stream))
    }

    /// Waits for what the connection sends.
    pub fn add(&self, stream: &TcpStream, token: usize) -> io::Result<()> {
        Ok(epoll::add(&self.epoll, stream, EventData::new_u64(token as u64), EventFlags::IN)?)
    }

    /// Waits for room to write instead, or again for what the connection sends.
    pub fn wants(&self, stream: &TcpStream, token: usize, writable: bool) -> io::Result<()> {
        let flags = if writable { EventFlags::OUT } else { EventFlags::IN };
        Ok(epoll::modify(&self.epoll, stream, EventData::new_u64(token as u64), flags)?)
    }
}

/// Not now is not a failure.
pub fn would_block<T>(result: io::Result<T>) -> io::Result<Option<T>> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted) => {
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

/// Connections by token; tokens are used again.
pub struct Slab<T> {
    places: Vec<Option<T>>,
    free: Vec<usize>,
}

impl<T> Default for Slab<T> {
    fn default() -> Self {
        Self { places: Vec::new(), free: Vec::new() }
    }
}

impl<T> Slab<T> {
    /// The token for the connection that is inserted next.
    #[expect(clippy::should_implement_trait, reason = "it is no iterator")]
    pub fn next(&mut self) -> usize {
        self.free.pop().unwrap_or_else(|| {
            self.places.push(None);
            self.places.len() - 1
        })
    }

    /// Puts a connection in its place.
    pub fn insert(&mut self, token: usize, connection: T) {
        self.places[token] = Some(connection);
    }

    /// The connection, unless it is gone.
    pub fn get(&mut self, token: usize) -> Option<&mut T> {
        self.places.get_mut(token)?.as_mut()
    }

    /// Closes the connection.
    pub fn remove(&mut self, token: usize) {
        if self.places[token].take().is_some() {
            self.free.push(token);
        }
    }

    /// How many places there are; tokens are smaller.
    pub fn places(&self) -> usize {
        self.places.len()
    }
}
