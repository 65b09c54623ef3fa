//! A byte stream whose other user can hold what leaves, cut it off, and write bytes of its own.
//!
//! The library answers a Close by itself and ends every connection in order, as an application wants it. Some tests
//! want a server that does neither. It is the transport that plays it to them, and the library goes on as ever.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use tidegate_proto::websocket::{FrameHeader, apply_mask};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Any byte stream both ways.
pub(crate) trait Io: AsyncRead + AsyncWrite + Send + Unpin + 'static {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin + 'static> Io for T {}

/// The library's end.
pub(crate) struct Gated(Gate);

/// The other user's end.
#[derive(Clone)]
pub(crate) struct Gate(Arc<Mutex<State>>);

struct State {
    /// None once it was cut off.
    io: Option<Box<dyn Io>>,
    /// Read already, and to be read again.
    before: io::Cursor<Vec<u8>>,
    /// Looks for the peer's Close, if what leaves is to be held from then on.
    scanner: Option<Scanner>,
    is_held: bool,
    wakers: [Option<Waker>; 2],
}

const READER: usize = 0;
const WRITER: usize = 1;

impl Gate {
    /// A stream that begins with bytes read before. Nothing leaves it from the peer's Close on, if it `holds`.
    pub(crate) fn new(io: Box<dyn Io>, before: Vec<u8>, holds: bool) -> (Gated, Self) {
        let scanner = holds.then(Scanner::default);
        let before = io::Cursor::new(before);
        let state = State { io: Some(io), before, scanner, is_held: false, wakers: [None, None] };
        let gate = Self(Arc::new(Mutex::new(state)));
        (Gated(gate.clone()), gate)
    }

    /// Lets everything leave again.
    pub(crate) fn release(&self) {
        let mut state = self.lock();
        (state.scanner, state.is_held) = (None, false);
        state.wake();
    }

    /// Closes the stream below, whatever the library still means to send.
    pub(crate) fn cut(&self) {
        let mut state = self.lock();
        state.io = None;
        state.wake();
    }

    /// Writes bytes as they are. The library must have nothing to send meanwhile.
    pub(crate) async fn write(&self, mut bytes: &[u8]) -> io::Result<()> {
        std::future::poll_fn(|cx| {
            let mut state = self.lock();
            let Some(io) = &mut state.io else { return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into())) };
            let mut io = Pin::new(io);
            while !bytes.is_empty() {
                match io.as_mut().poll_write(cx, bytes) {
                    Poll::Ready(Ok(written)) => bytes = &bytes[written..],
                    Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                    Poll::Pending => return Poll::Pending,
                }
            }
            io.poll_flush(cx)
        })
        .await
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn wake(&mut self) {
        self.wakers.iter_mut().filter_map(Option::take).for_each(Waker::wake);
    }

    /// The stream, unless nothing may leave it now.
    fn outlet(&mut self, cx: &Context<'_>) -> Poll<io::Result<Pin<&mut Box<dyn Io>>>> {
        self.wakers[WRITER] = Some(cx.waker().clone());
        match &mut self.io {
            None => Poll::Ready(Err(io::ErrorKind::BrokenPipe.into())),
            Some(_) if self.is_held => Poll::Pending,
            Some(io) => Poll::Ready(Ok(Pin::new(io))),
        }
    }
}

impl AsyncRead for Gated {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let state = &mut *self.0.lock();
        state.wakers[READER] = Some(cx.waker().clone());
        let before = &state.before.get_ref()[state.before.position() as usize..];
        if !before.is_empty() {
            let taken = before.len().min(buf.remaining());
            buf.put_slice(&before[..taken]);
            state.before.set_position(state.before.position() + taken as u64);
            return Poll::Ready(Ok(()));
        }
        let Some(io) = &mut state.io else { return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into())) };
        let filled = buf.filled().len();
        let result = Pin::new(io).poll_read(cx, buf);
        if let Some(scanner) = &mut state.scanner {
            state.is_held |= scanner.sees_close(&buf.filled()[filled..]);
        }
        result
    }
}

impl AsyncWrite for Gated {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        match self.0.lock().outlet(cx) {
            Poll::Ready(Ok(io)) => io.poll_write(cx, buf),
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
            Poll::Pending => Poll::Pending,
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.0.lock().outlet(cx) {
            Poll::Ready(Ok(io)) => io.poll_flush(cx),
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
            Poll::Pending => Poll::Pending,
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.0.lock().outlet(cx) {
            Poll::Ready(Ok(io)) => io.poll_shutdown(cx),
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
            Poll::Pending => Poll::Pending,
        }
    }
}

/// Follows the frames of a peer, and sees its Close before the library does; with credits its END, which is what the
/// library answers then (docs/protocol.md, section 7). Messages must not be compressed.
#[derive(Default)]
struct Scanner {
    header: Vec<u8>,
    /// What is still to come of the payload.
    rest: u64,
    /// The beginning of a binary payload, and how it is masked.
    batch: Option<(Vec<u8>, [u8; 4])>,
}

/// A batch that ends a connection is short.
const MAX_BATCH_BYTES: usize = 1024;

impl Scanner {
    fn sees_close(&mut self, mut bytes: &[u8]) -> bool {
        loop {
            let len = self.rest.min(bytes.len() as u64);
            let (payload, behind) = bytes.split_at(len as usize);
            self.rest -= len;
            if self.sees_end(payload) {
                return true;
            }
            let Some((&byte, behind)) = behind.split_first() else { return false };
            self.header.push(byte);
            bytes = behind;
            // A frame that is wrong is the library's affair.
            if let Ok(Some((header, _))) = FrameHeader::parse(&self.header) {
                let opcode = self.header[0] & 0x0f;
                if opcode == 8 {
                    return true;
                }
                self.rest = header.payload_len;
                self.batch = header.masking_key.filter(|_| opcode == 2).map(|key| (Vec::new(), key));
                self.header.clear();
            }
        }
    }

    fn sees_end(&mut self, payload: &[u8]) -> bool {
        let Some((batch, _)) = &mut self.batch else { return false };
        let room = MAX_BATCH_BYTES - batch.len();
        batch.extend_from_slice(&payload[..payload.len().min(room)]);
        if self.rest > 0 {
            return false;
        }
        self.batch.take().is_some_and(|(mut batch, key)| {
            apply_mask(key, 0, &mut batch);
            has_end(&batch)
        })
    }
}

/// Whether a frame of this batch is an END: a type and a length before each payload.
fn has_end(mut batch: &[u8]) -> bool {
    while let [kind, first, ..] = *batch {
        let len_bytes = 1 << (first >> 6);
        let Some(rest) = batch.get(2..1 + len_bytes) else { return false };
        let len = rest.iter().fold(usize::from(first & 0x3f), |len, byte| len << 8 | usize::from(*byte));
        if kind == END {
            return true;
        }
        batch = batch.get(1 + len_bytes..).and_then(|rest| rest.get(len..)).unwrap_or_default();
    }
    false
}

const END: u8 = 0x07;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::raw::{BINARY, CLOSE, TEXT, frame};

    #[test]
    fn a_close_is_seen_however_its_bytes_come() {
        let before = [frame(TEXT, &[8; 200], true), frame(BINARY, &[], true)].concat();
        let pong_and_end = [6, 1, 1, END, 5, 3, 232, 98, 121, 101];
        for last in [frame(CLOSE, &[3, 232], true), frame(BINARY, &pong_and_end, true)] {
            for step in [1, 7, 1000] {
                let mut scanner = Scanner::default();
                assert!(!before.chunks(step).any(|chunk| scanner.sees_close(chunk)));
                assert!(last.chunks(step).any(|chunk| scanner.sees_close(chunk)), "in steps of {step}");
            }
        }
    }

    #[test]
    fn messages_are_no_end() {
        // A text of 7s with its length in two bytes, and a batch that was cut.
        let text = [&[0x10, 0x40, 100][..], &[7; 100]].concat();
        assert!(!has_end(&text) && has_end(&[text, vec![END, 0]].concat()));
        assert!(!has_end(&[0x10, 0x80, 0, 0]) && !has_end(&[0x10, 9, 7]) && !has_end(&[]));
    }
}
