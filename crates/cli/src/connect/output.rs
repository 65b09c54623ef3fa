//! Messages to standard output.

use std::future::{Future, poll_fn};
use std::io;
use std::pin::pin;
use std::task::Poll;

use tidegate::{CancellationToken, Message, Readable, WebSocketError};
use tokio::io::{AsyncWrite, AsyncWriteExt};

use super::input::Cut;

/// Prints messages, and takes no further one before the last is printed.
///
/// There is one exception. Once this end has sent its Close, the library keeps messages only for a reader that comes
/// for them, and the peer's Close lies behind them. So from then on messages are taken while others are printed, up
/// to a limit; beyond it they are lost, and that is an error.
pub(super) struct Output<W> {
    writer: W,
    cut: Cut,
    /// Fires when this end sends its Close.
    closing: CancellationToken,
    /// What is to be printed next.
    waiting: Vec<u8>,
    /// Whether all has been taken that there is.
    has_ended: bool,
    max_waiting: usize,
}

/// Why messages could not be printed.
#[derive(Debug)]
pub(super) enum OutputError {
    /// Nobody reads standard output any longer, as in `tidegate connect … | head`.
    BrokenPipe,
    /// Standard output fails.
    Io(io::Error),
    /// More came behind our Close than may wait for standard output.
    Overrun {
        /// The limit in bytes.
        limit: usize,
    },
}

/// Messages that are here already are printed together, up to about this many bytes.
const BATCH_BYTES: usize = 64 * 1024;

/// What may wait for standard output once this end has sent its Close: well above what two kernels hold in flight.
pub(super) const MAX_WAITING_BYTES: usize = 64 * 1024 * 1024;

impl<W: AsyncWrite + Unpin> Output<W> {
    /// Prints to `writer`, lines or bytes; `closing` fires when this end sends its Close.
    pub(super) fn new(writer: W, cut: Cut, closing: CancellationToken, max_waiting: usize) -> Self {
        Self { writer, cut, closing, waiting: Vec::new(), has_ended: false, max_waiting }
    }

    /// Prints every message until there are no more, whether because the peer closed or because the connection
    /// failed.
    pub(super) async fn print_all(&mut self, readable: &mut Readable) -> Result<(), OutputError> {
        while !self.has_ended || !self.waiting.is_empty() {
            if self.waiting.is_empty() {
                let taken = readable.read().await;
                self.take(taken);
            }
            self.take_what_is_here(readable).await;
            let batch = std::mem::take(&mut self.waiting);
            self.print(&batch, readable).await?;
        }
        Ok(())
    }

    /// Takes messages without waiting for one.
    async fn take_what_is_here(&mut self, readable: &mut Readable) {
        while !self.has_ended && self.waiting.len() < BATCH_BYTES {
            let taken = {
                let mut read = pin!(readable.read());
                poll_fn(|cx| Poll::Ready(read.as_mut().poll(cx))).await
            };
            match taken {
                Poll::Ready(taken) => self.take(taken),
                Poll::Pending => return,
            }
        }
    }

    async fn print(&mut self, batch: &[u8], readable: &mut Readable) -> Result<(), OutputError> {
        let Self { writer, cut, closing, waiting, has_ended, max_waiting } = self;
        let mut written = pin!(async {
            writer.write_all(batch).await?;
            writer.flush().await
        });
        loop {
            let is_closing = closing.is_cancelled();
            tokio::select! {
                biased;
                written = &mut written => return written.map_err(OutputError::from),
                () = closing.cancelled(), if !is_closing => {}
                taken = readable.read(), if is_closing && !*has_ended => {
                    if waiting.len() > *max_waiting {
                        return Err(OutputError::Overrun { limit: *max_waiting });
                    }
                    *has_ended |= !append(taken, *cut, waiting);
                }
            }
        }
    }

    fn take(&mut self, taken: Result<Option<Message>, WebSocketError>) {
        self.has_ended |= !append(taken, self.cut, &mut self.waiting);
    }
}

/// Adds a message to what is to be printed. False at the end; `closed` tells which end it is.
fn append(taken: Result<Option<Message>, WebSocketError>, cut: Cut, waiting: &mut Vec<u8>) -> bool {
    let Ok(Some(message)) = taken else { return false };
    waiting.extend_from_slice(message.as_bytes());
    if cut == Cut::Lines && message.as_text().is_some() {
        waiting.push(b'\n');
    }
    true
}

impl From<io::Error> for OutputError {
    fn from(error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::BrokenPipe { Self::BrokenPipe } else { Self::Io(error) }
    }
}
