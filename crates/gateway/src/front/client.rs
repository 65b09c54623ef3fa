//! The client at the other end of an accepted connection.

use std::future::poll_fn;
use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::time::timeout;

use super::places::{Busy, Place};

/// A connection, between or within requests.
pub(crate) struct Client {
    stream: TcpStream,
    /// What was read and is not used yet: mostly nothing.
    pub(super) ahead: Vec<u8>,
    /// Whether another request may follow the one that is being answered.
    pub(crate) keeps_alive: bool,
    /// Whether the request came by HTTP/1.1, and not HTTP/1.0.
    pub(super) is_http11: bool,
    /// Whether the body of the response is left out.
    pub(crate) is_head: bool,
    /// Whether the client waits for a word before it sends its body.
    pub(super) expects_continue: bool,
    /// For how long, and how many bytes, it is listened to when it is hung up on.
    farewell: (Duration, usize),
    /// A place among the connections.
    place: Place,
}

/// How much a client may send ahead while its request is held. Beyond, it is hung up on.
const MAX_AHEAD: usize = 8 * 1024;

/// How long a client may take nothing of a response.
const WRITE_TIMEOUT: Duration = Duration::from_secs(30);

/// How long, and how many bytes, a client is listened to that is hung up on, so that closing does not reset the
/// connection before it has read the response.
const FAREWELL: (Duration, usize) = (Duration::from_secs(2), 256 * 1024);

/// The same for one that sends a long body: many clients look for an answer only when they have sent it, or as much as
/// fits between them and a server.
const LONG_FAREWELL: (Duration, usize) = (Duration::from_secs(5), 1 << 30);

impl Client {
    pub(super) fn new(stream: TcpStream, place: Place) -> Self {
        Self {
            stream,
            ahead: Vec::new(),
            keeps_alive: false,
            is_http11: false,
            is_head: false,
            expects_continue: false,
            farewell: FAREWELL,
            place,
        }
    }

    /// Where it is, unless it has gone.
    pub(crate) fn address(&self) -> Option<SocketAddr> {
        self.stream.peer_addr().ok()
    }

    /// Whether the server goes away. Whoever holds this client is woken then, and answers at once.
    pub(crate) fn is_leaving(&self) -> bool {
        self.place.is_leaving()
    }

    /// Its request is being answered from now on.
    pub(super) fn busy(&self) -> Busy {
        self.place.busy()
    }

    /// No further request is served.
    pub(crate) fn last(mut self) -> Self {
        self.keeps_alive = false;
        self
    }

    /// No further request is served, though the client may be in the midst of a long body.
    pub(crate) fn last_amid_body(mut self) -> Self {
        self.farewell = LONG_FAREWELL;
        self.last()
    }

    /// What was read behind the head.
    pub(crate) fn take_ahead(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.ahead)
    }

    /// What was read behind the body.
    pub(crate) fn put_back(&mut self, ahead: Vec<u8>) {
        self.ahead = ahead;
    }

    /// The stream, what was read of it, and the place among the connections.
    pub(super) fn into_parts(self) -> (TcpStream, Vec<u8>, Place) {
        (self.stream, self.ahead, self.place)
    }

    /// Reads once; 0 at the end of the stream.
    pub(super) fn poll_read(&self, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        loop {
            ready!(self.stream.poll_read_ready(cx))?;
            match self.stream.try_read(buffer) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                result => return Poll::Ready(result),
            }
        }
    }

    /// Writes once; pending while the kernel takes nothing.
    pub(crate) fn poll_write(&self, cx: &mut Context<'_>, slices: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        loop {
            ready!(self.stream.poll_write_ready(cx))?;
            match self.stream.try_write_vectored(slices) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                result => return Poll::Ready(result),
            }
        }
    }

    /// Ready when the client has gone, or has ended its side, which counts as the same. What it sends meanwhile is kept
    /// for its next request, up to a limit; beyond, it counts as gone.
    pub(crate) fn poll_gone(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let mut buffer = [0; 512];
        loop {
            match ready!(self.poll_read(cx, &mut buffer)) {
                Ok(0) | Err(_) => return Poll::Ready(()),
                Ok(length) if self.ahead.len() + length > MAX_AHEAD => return Poll::Ready(()),
                Ok(length) => self.ahead.extend_from_slice(&buffer[..length]),
            }
        }
    }

    /// Writes both, one behind the other. `false` when the client is gone, or takes nothing for too long.
    pub(crate) async fn write_all(&self, first: &[u8], second: &[u8]) -> bool {
        let mut written = 0;
        while written < first.len() + second.len() {
            let slices = [
                IoSlice::new(first.get(written..).unwrap_or_default()),
                IoSlice::new(&second[written.saturating_sub(first.len())..]),
            ];
            // A future with a timer only where the kernel does not take all at once.
            let step = poll_fn(|cx| self.poll_write(cx, &slices));
            match timeout(WRITE_TIMEOUT, step).await {
                Ok(Ok(length)) if length > 0 => written += length,
                _ => return false,
            }
        }
        true
    }

    /// Says that nothing more is written. `false` when the client is gone.
    pub(crate) fn end(&self) -> bool {
        socket2::SockRef::from(&self.stream).shutdown(std::net::Shutdown::Write).is_ok()
    }

    /// Ends the connection so that what was written is read.
    pub(crate) async fn hang_up(self) {
        if !self.end() {
            return;
        }
        let (patience, mut left) = self.farewell;
        let farewell = async {
            // The buffer is not the future's, which would be as large then.
            while let Ok(length @ 1..) = poll_fn(|cx| self.poll_read(cx, &mut [0; 8 * 1024])).await {
                left = left.saturating_sub(length);
                if left == 0 {
                    return;
                }
            }
        };
        // Whether the client stays to read why is its own affair.
        let _ = timeout(patience, farewell).await;
    }
}
