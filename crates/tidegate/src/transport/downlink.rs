//! A response body that carries a session.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use tidegate_proto::session::padding;
use tokio::time::{Instant, Sleep, sleep};

use super::event;
use crate::session::Attached;

/// What an attachment sends, as the HTTP server asks for it.
pub(super) struct Downlink {
    attached: Attached,
    format: Format,
    lasts: Lasts,
    /// What was taken already.
    first: Option<Bytes>,
}

/// How frames are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    Frames,
    Events,
}

/// How long the body lasts.
enum Lasts {
    /// Until the attachment ends. Silence is broken from time to time.
    Long { quiet: Pin<Box<Sleep>>, spoke_at: Instant },
    /// Until there is nothing left now, or so many bytes were sent.
    Short { left: usize },
}

/// How much is taken from the session at a time, when frames are small.
pub(super) const BATCH_BYTES: usize = 16 * 1024;

/// How long a body may be silent (docs/sessions.md, section 3).
const QUIET: Duration = Duration::from_secs(15);

impl Downlink {
    /// A body that stays open.
    pub(super) fn long(attached: Attached, format: Format) -> Self {
        let lasts = Lasts::Long { quiet: Box::pin(sleep(QUIET)), spoke_at: Instant::now() };
        Self { attached, format, lasts, first: None }
    }

    /// A body of what there is now, `first` before all, and at most about `left` bytes more.
    pub(super) fn short(attached: Attached, first: Bytes, left: usize) -> Self {
        Self { attached, format: Format::Frames, lasts: Lasts::Short { left }, first: Some(first) }
    }

    /// The next piece, or `None` at the end.
    pub(super) fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Bytes>> {
        if let Some(first) = self.first.take() {
            return Poll::Ready(Some(first));
        }
        match &mut self.lasts {
            Lasts::Short { left: 0 } => Poll::Ready(None),
            Lasts::Short { left } => {
                let next = self.attached.try_next(BATCH_BYTES);
                *left = left.saturating_sub(next.as_ref().map_or(0, Bytes::len));
                Poll::Ready(next)
            }
            Lasts::Long { quiet, spoke_at } => match self.attached.poll_next(cx, BATCH_BYTES) {
                Poll::Ready(Some(frames)) => {
                    *spoke_at = Instant::now();
                    Poll::Ready(Some(self.written(frames)))
                }
                Poll::Ready(None) => Poll::Ready(None),
                Poll::Pending => {
                    // The timer is moved when it goes off, not for each frame.
                    loop {
                        ready!(quiet.as_mut().poll(cx));
                        let now = Instant::now();
                        let is_quiet = now - *spoke_at >= QUIET;
                        *spoke_at = if is_quiet { now } else { *spoke_at };
                        quiet.as_mut().reset(*spoke_at + QUIET);
                        if is_quiet {
                            break;
                        }
                    }
                    Poll::Ready(Some(self.silence()))
                }
            },
        }
    }

    fn written(&self, frames: Bytes) -> Bytes {
        match self.format {
            Format::Frames => frames,
            Format::Events => event::event(&frames, &self.attached.session().id(), self.attached.position()),
        }
    }

    fn silence(&self) -> Bytes {
        match self.format {
            Format::Frames => padding(0),
            Format::Events => event::COMMENT,
        }
    }
}
