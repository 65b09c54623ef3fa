//! The body of a request, read from the disk only as fast as the network takes it.

use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};
use tokio::fs::File;
use tokio::io::{AsyncRead, ReadBuf};

/// Bytes of a file or of memory, of a length that is known.
pub(super) struct Payload {
    from: From,
    left: u64,
    /// How many bytes have been taken.
    moved: Arc<AtomicU64>,
}

enum From {
    Memory(Bytes),
    File { file: File, buffer: Box<[u8]>, failure: Failure },
}

/// Where the failure of reading a file is put: what the HTTP library makes of it does not tell it from others.
pub(super) type Failure = Arc<Mutex<Option<io::Error>>>;

/// What is read at once.
const PIECE_BYTES: usize = 128 * 1024;

impl Payload {
    /// Nothing.
    pub(super) fn empty() -> Self {
        Self::memory(Bytes::new(), Arc::default())
    }

    /// These bytes. Counts in `moved` what of them is taken.
    pub(super) fn memory(bytes: Bytes, moved: Arc<AtomicU64>) -> Self {
        let left = bytes.len() as u64;
        Self { from: From::Memory(bytes), left, moved }
    }

    /// The next `length` bytes of a file.
    pub(super) fn file(file: File, length: u64, moved: Arc<AtomicU64>, failure: Failure) -> Self {
        let buffer = vec![0; PIECE_BYTES].into_boxed_slice();
        Self { from: From::File { file, buffer, failure }, left: length, moved }
    }
}

impl From {
    /// At most `most` bytes, at least one.
    fn poll_piece(&mut self, cx: &mut Context<'_>, most: usize) -> Poll<io::Result<Bytes>> {
        match self {
            Self::Memory(bytes) => Poll::Ready(Ok(bytes.split_to(most.min(bytes.len())))),
            Self::File { file, buffer, .. } => {
                let mut read = ReadBuf::new(&mut buffer[..most]);
                ready!(Pin::new(file).poll_read(cx, &mut read))?;
                Poll::Ready(if read.filled().is_empty() {
                    Err(io::Error::new(io::ErrorKind::UnexpectedEof, "it has become shorter"))
                } else {
                    Ok(Bytes::copy_from_slice(read.filled()))
                })
            }
        }
    }

    fn failed(&self, error: &io::Error) {
        if let Self::File { failure, .. } = self {
            let copy = io::Error::new(error.kind(), error.to_string());
            *failure.lock().unwrap_or_else(PoisonError::into_inner) = Some(copy);
        }
    }
}

impl Body for Payload {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        let most = PIECE_BYTES.min(usize::try_from(self.left).unwrap_or(PIECE_BYTES));
        if most == 0 {
            return Poll::Ready(None);
        }
        let piece = ready!(self.from.poll_piece(cx, most));
        Poll::Ready(Some(match piece {
            Ok(piece) => {
                let bytes = piece.len() as u64;
                self.left -= bytes;
                self.moved.fetch_add(bytes, Ordering::Relaxed);
                Ok(Frame::data(piece))
            }
            Err(error) => {
                self.from.failed(&error);
                Err(error)
            }
        }))
    }

    fn is_end_stream(&self) -> bool {
        self.left == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}
