//! A transport with its place among the connections.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::{Buf, Bytes};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::connections::Slot;
use crate::http::Io;

/// A transport that holds a place for as long as it lives, and that begins with bytes read from it before.
pub(super) struct Lease<S> {
    /// Mostly there are none.
    already_read: Option<Box<Bytes>>,
    io: S,
    /// Dropped last, and so freed when the transport is.
    _slot: Slot,
}

impl<S> Lease<S> {
    pub(super) fn new(io: S, already_read: Bytes, slot: Slot) -> Self {
        let already_read = (!already_read.is_empty()).then(|| Box::new(already_read));
        Self { already_read, io, _slot: slot }
    }
}

impl<S: Io> AsyncRead for Lease<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let Some(already_read) = &mut self.already_read else {
            return Pin::new(&mut self.io).poll_read(cx, buffer);
        };
        let length = already_read.len().min(buffer.remaining());
        buffer.put_slice(&already_read[..length]);
        already_read.advance(length);
        if already_read.is_empty() {
            self.already_read = None;
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: Io> AsyncWrite for Lease<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}
