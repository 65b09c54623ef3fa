//! The byte stream of a client's link: a session as a WebSocket, and how it fails.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use tidegate_proto::websocket::Side;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::core::Core;
use crate::session::Loopback;

/// A loopback that fails as its session does.
pub(super) struct SessionStream {
    loopback: Loopback<Core>,
    core: Arc<Core>,
}

impl SessionStream {
    pub(super) fn new(core: Arc<Core>) -> Self {
        Self { loopback: Loopback::new(Side::Client, core.clone()), core }
    }

    fn failure(&self) -> Option<io::Error> {
        self.core.failure().map(io::Error::other)
    }
}

impl AsyncRead for SessionStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.loopback).poll_read(cx, buffer))?;
        match self.failure() {
            // What came before the failure can still be read.
            Some(failure) if buffer.filled().len() == before => Poll::Ready(Err(failure)),
            _ => Poll::Ready(Ok(())),
        }
    }
}

impl AsyncWrite for SessionStream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        if let Some(failure) = self.failure() {
            return Poll::Ready(Err(failure));
        }
        Pin::new(&mut self.loopback).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.loopback).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.loopback).poll_shutdown(cx)
    }
}
