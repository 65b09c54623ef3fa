//! How a link ended, as far as it is known.

use std::io;
use std::task::{Context, Poll};

use tidegate_proto::websocket::{ApiMisuse, Phase};

use super::super::ending::{Ending, Ends};
use super::super::error::{Cause, WebSocketError};
use super::Link;

impl Link {
    #[cold]
    pub(super) fn ends_mut(&mut self) -> &mut Ends {
        self.ends.get_or_insert_default()
    }

    /// Whether nothing can be written any more, or nothing more comes.
    #[inline]
    pub(super) fn has_half_ended(&self) -> bool {
        self.ends.as_ref().is_some_and(|ends| ends.write_error.is_some() || ends.incoming.is_some())
    }

    /// How the incoming half ended: what the reader is told behind the last message.
    #[inline]
    pub(crate) fn incoming_end(&self) -> Option<&Ending> {
        self.ends.as_ref()?.incoming.as_ref()
    }

    /// How the connection ended: what `closed` tells.
    #[inline]
    pub(crate) fn ending(&self) -> Option<&Ending> {
        self.ends.as_ref()?.ending.as_ref()
    }

    /// That accepted bytes were lost, if they were.
    pub(super) fn lost_write(&self) -> Option<&WebSocketError> {
        self.ends.as_ref()?.write_error.as_ref()
    }

    /// Why what was accepted could not all be sent, if so.
    pub(crate) fn write_error(&self) -> Option<WebSocketError> {
        match self.incoming_end() {
            Some(Err(error)) => Some(error.clone()),
            _ => self.lost_write().cloned(),
        }
    }

    /// Drops what has come, as far as it makes messages.
    pub(super) fn drop_chunks(&mut self) {
        while self.next_chunk().is_some() {
            self.has_dropped = true;
        }
    }

    /// Awaits the end, for a reader that has come back too late: never an item.
    pub(super) fn poll_end<T>(&mut self, cx: &mut Context<'_>) -> Poll<Option<T>> {
        self.poll_next(cx, |link| {
            link.drop_chunks();
            None
        })
    }

    /// How the incoming half ended, whether the reader was told or not.
    pub(super) fn known_end(&self) -> Option<Ending> {
        self.incoming_end().cloned().or_else(|| self.connection.outcome())
    }

    /// Why nothing can be written any more, if so.
    #[cold]
    pub(crate) fn write_refusal(&self) -> Option<WebSocketError> {
        if let Some(error) = self.write_error() {
            return Some(error);
        }
        match self.known_end() {
            Some(Ok(info)) => Some(WebSocketError::after_close(info.clone(), Cause::PeerClosed(info))),
            Some(Err(error)) => Some(error),
            _ if self.connection.phase() == Phase::Open => None,
            _ => Some(ApiMisuse::SendAfterClose.into()),
        }
    }

    /// Fixes how the connection ended, if that is not fixed yet.
    pub(super) fn settle(&mut self) {
        if self.ending().is_some() {
            return;
        }
        let ending = match (self.known_end(), self.lost_write()) {
            (Some(Ok(info)), Some(_)) => Err(WebSocketError::after_close(info, Cause::Unsent)),
            (Some(end), _) => end,
            (None, _) => return,
        };
        self.ends_mut().ending = Some(ending);
    }

    /// A session that was not resumed is the end of both halves, whatever else is known.
    pub(super) fn note_lost_session(&mut self, error: &io::Error) {
        if let Some(cause) = Cause::of_session(error) {
            let error = WebSocketError::abnormal(cause);
            let ends = self.ends_mut();
            ends.ending.get_or_insert_with(|| Err(error.clone()));
            ends.write_error.get_or_insert(error);
        }
    }
}
