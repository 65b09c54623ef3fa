//! A byte stream that keeps note of every write.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, DuplexStream, ReadBuf};

/// Where each slice of a write began, and how long it was.
pub(crate) type Write = Vec<(usize, usize)>;

/// One end of a pipe, and the writes that were made on it.
pub(crate) struct Counted {
    io: DuplexStream,
    writes: Writes,
}

#[derive(Clone, Default)]
pub(crate) struct Writes(Arc<Mutex<Vec<Write>>>);

impl Writes {
    /// The writes since this was asked last.
    pub(crate) fn take(&self) -> Vec<Write> {
        std::mem::take(&mut self.0.lock().expect("nobody panics with this"))
    }
}

impl Counted {
    pub(crate) fn new(io: DuplexStream) -> (Self, Writes) {
        let writes = Writes::default();
        (Self { io, writes: writes.clone() }, writes)
    }
}

impl AsyncRead for Counted {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Counted {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.poll_write_vectored(cx, &[IoSlice::new(bytes)])
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.io).poll_write_vectored(cx, slices);
        if written.is_ready() {
            let write = slices.iter().map(|slice| (slice.as_ptr() as usize, slice.len())).collect();
            self.writes.0.lock().expect("nobody panics with this").push(write);
        }
        written
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}
