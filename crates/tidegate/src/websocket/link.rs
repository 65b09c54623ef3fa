//! A connection and its transport: bytes moved, events taken, the end settled. No waiting happens here; whoever is
//! polled turns this wheel.

mod budgeted;
mod by_credit;
mod counted;
mod ends;

use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, Waker, ready};

use bytes::{Buf, BufMut};
use tidegate_proto::websocket::{
    ApiMisuse, Chunk, CloseCode, Event, Failure, MESSAGE_OVERHEAD, Message, Phase, READ_BUFFER_BYTES,
};
use tokio::io::AsyncWrite;
use tokio_util::io::poll_read_buf;

use super::budget::Share;
use super::counted::Counted;
use super::ending::Ends;
use super::error::{Cause, WebSocketError};
use super::layers::Layers;
use super::{CloseOptions, read_buffers};
use crate::http::Io;

pub(crate) struct Link {
    io: Option<Box<dyn Io>>,
    pub(crate) connection: Layers,
    pub(crate) share: Share,
    /// Messages decoded before anybody asked, so that a ping or a Close behind them is seen.
    /// Boxed, as all that most connections never have.
    ahead: Option<Box<Ahead>>,
    /// Something was dropped because nobody came for it, so that what comes behind it would not make sense.
    has_dropped: bool,
    /// Whether the transport may hold bytes of ours that a flush would move (TLS records, a buffered writer).
    needs_flush: bool,
    is_shut_down: bool,
    /// Whether the transport had nothing when it was last asked.
    is_dry: bool,
    /// Parts of messages that the reader has taken, beyond the last one of each. It may begin anew.
    parts_read: u32,
    /// Called when the transport has taken something, or never will again.
    room_wakers: Option<Box<Wakers>>,
    /// What is only counted.
    pub(crate) counted: Counted,
    /// What has ended, and how.
    ends: Option<Box<Ends>>,
}

/// Whom to wake.
#[derive(Default)]
struct Wakers(Vec<Waker>);

/// Messages decoded before anybody asked.
#[derive(Default)]
struct Ahead {
    messages: VecDeque<Message>,
    bytes: usize,
}

/// Messages ahead of the reader may hold this much, and one message more.
const AHEAD_BYTES: usize = 16 * 1024;

/// What may be inflated, or read into a message, before the budget is asked again.
const STRIDE_BYTES: usize = 512 * 1024;

/// Slices of one vectored write.
const MAX_SLICES: usize = 32;

impl Link {
    pub(crate) fn new(io: Box<dyn Io>, connection: Layers, share: Share) -> Self {
        Self {
            io: Some(io),
            connection,
            share,
            ahead: None,
            has_dropped: false,
            needs_flush: false,
            is_shut_down: false,
            is_dry: false,
            parts_read: 0,
            room_wakers: None,
            counted: Counted::default(),
            ends: None,
        }
    }

    /// Whether more messages are here already, decoded or not, so that a reader will be back before long.
    #[inline]
    pub(crate) fn has_backlog(&self) -> bool {
        self.connection.undecoded_bytes() > 0 || self.ahead.is_some() || self.connection.has_message()
    }

    pub(crate) fn is_done(&self) -> bool {
        self.io.is_none()
    }

    /// Whether messages can be written; [`write_refusal`](Self::write_refusal) tells why not.
    #[inline]
    pub(crate) fn is_writable(&self) -> bool {
        !self.has_half_ended() && self.connection.phase() == Phase::Open
    }

    /// Sends until all is sent (`Ready`) or the transport takes no more.
    pub(crate) fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let flushed = self.poll_send(cx);
        self.settle_output(cx);
        flushed
    }

    fn poll_send(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        while let Some(transmit) = self.connection.poll_transmit() {
            let Some(io) = self.io.as_mut() else { break };
            let io = Pin::new(io);
            let chunk = transmit.chunk();
            let result = if chunk.len() == transmit.remaining() {
                ready!(io.poll_write(cx, chunk))
            } else {
                let mut slices = [IoSlice::new(&[]); MAX_SLICES];
                let filled = transmit.chunks_vectored(&mut slices);
                ready!(io.poll_write_vectored(cx, &slices[..filled]))
            };
            match result {
                Ok(0) => self.fail_writing(io::ErrorKind::WriteZero.into()),
                Ok(written) => {
                    transmit.advance(written);
                    self.needs_flush = true;
                    self.call_for_more();
                }
                Err(error) => self.fail_writing(error),
            };
        }
        if let (true, Some(io)) = (self.needs_flush, self.io.as_mut()) {
            if let Err(error) = ready!(Pin::new(io).poll_flush(cx)) {
                self.fail_writing(error);
            }
            self.needs_flush = false;
        }
        Poll::Ready(())
    }

    fn call_for_more(&mut self) {
        if let Some(wakers) = self.room_wakers.take() {
            wakers.0.into_iter().for_each(Waker::wake);
        }
    }

    /// Has `waker` called when the transport has taken something, or never will again.
    pub(crate) fn call_when_room(&mut self, waker: &Waker) {
        let wakers = &mut self.room_wakers.get_or_insert_default().0;
        if !wakers.iter().any(|known| known.will_wake(waker)) {
            wakers.push(waker.clone());
        }
    }

    /// The transport takes no more. What has come already can still be read, so only this half is over.
    fn fail_writing(&mut self, error: io::Error) {
        self.connection.discard_transmit();
        self.needs_flush = false;
        self.call_for_more();
        let cause = Cause::of_session(&error).unwrap_or(Cause::Lost(Some(error)));
        self.ends_mut().write_error.get_or_insert_with(|| WebSocketError::abnormal(cause));
    }

    /// The next message, if it has come already and is like most.
    #[inline(always)]
    pub(crate) fn message_at_hand(&mut self) -> Option<Message> {
        if self.ahead.is_some() || self.has_dropped {
            return None;
        }
        let message = self.connection.poll_whole_message()?;
        self.counted.messages_read += 1;
        Some(message)
    }

    /// Queues a message, if it is like most and nothing stands in its way.
    #[inline(always)]
    pub(crate) fn send_small(
        &mut self,
        message: &Message,
        high_water_mark: usize,
        cx: &mut Context<'_>,
    ) -> bool {
        let is_sent = !self.has_half_ended()
            && self.has_room(high_water_mark, cx)
            && self.connection.send_small(message);
        self.counted.messages_written += u64::from(is_sent);
        is_sent
    }

    /// The next message, or the end. Sends what waits before it gives up for now: a batch of replies leaves when
    /// the batch of questions is read.
    pub(crate) fn poll_message(&mut self, cx: &mut Context<'_>) -> Poll<Option<Message>> {
        let message = match self.take_ahead() {
            Some(message) => Some(message),
            None if self.has_dropped => return self.poll_end(cx),
            None => ready!(self.poll_next(cx, Self::next_message)),
        };
        self.settle_input(cx);
        self.counted.messages_read += u64::from(message.is_some());
        Poll::Ready(message)
    }

    /// The next stretch of a message, or the end.
    pub(crate) fn poll_chunk(&mut self, cx: &mut Context<'_>) -> Poll<Option<Chunk>> {
        let chunk = match self.take_ahead() {
            Some(message) => {
                Some(Chunk { kind: message.kind(), bytes: message.into_bytes(), starts: true, ends: true })
            }
            None if self.has_dropped => return self.poll_end(cx),
            None => ready!(self.poll_next(cx, Self::next_chunk)),
        };
        self.settle_input(cx);
        match &chunk {
            Some(Chunk { ends: true, .. }) => self.counted.messages_read += 1,
            Some(_) => self.parts_read = self.parts_read.wrapping_add(1),
            None => {}
        }
        Poll::Ready(chunk)
    }

    fn ahead_bytes(&self) -> usize {
        self.ahead.as_ref().map_or(0, |ahead| ahead.bytes)
    }

    fn take_ahead(&mut self) -> Option<Message> {
        let ahead = self.ahead.as_mut()?;
        let message = ahead.messages.pop_front()?;
        ahead.bytes -= message.len() + MESSAGE_OVERHEAD;
        if ahead.messages.is_empty() {
            self.ahead = None;
        }
        Some(message)
    }

    fn poll_next<T>(
        &mut self,
        cx: &mut Context<'_>,
        next: impl Fn(&mut Self) -> Option<T>,
    ) -> Poll<Option<T>> {
        loop {
            if let Some(item) = next(self) {
                return Poll::Ready(Some(item));
            }
            if self.incoming_end().is_some() {
                return Poll::Ready(None);
            }
            let _ = self.poll_flush(cx);
            ready!(self.poll_fill(cx));
        }
    }

    /// Decodes ahead of the reader, a bounded amount.
    pub(crate) fn poll_ahead(&mut self, cx: &mut Context<'_>) {
        if self.connection.has_credits() {
            return self.poll_ahead_by_credit(cx);
        }
        while self.incoming_end().is_none()
            && self.connection.can_look_ahead(AHEAD_BYTES.saturating_sub(self.ahead_bytes()))
        {
            if let Some(message) = self.next_message() {
                let ahead = self.ahead.get_or_insert_default();
                ahead.bytes += message.len() + MESSAGE_OVERHEAD;
                ahead.messages.push_back(message);
            } else if self.incoming_end().is_none() && self.poll_fill(cx).is_pending() {
                return;
            }
        }
    }

    /// Drops what comes, since nobody will read it. Control frames are obeyed all the same.
    pub(crate) fn poll_discard(&mut self, cx: &mut Context<'_>) {
        self.has_dropped |= self.ahead.take().is_some();
        if self.connection.has_credits() {
            return self.poll_discard_by_credit(cx);
        }
        while self.incoming_end().is_none() {
            self.drop_chunks();
            if self.incoming_end().is_none() && self.poll_fill(cx).is_pending() {
                return;
            }
        }
    }

    fn next_message(&mut self) -> Option<Message> {
        let event = self.connection.poll_event();
        match self.take_event(event)? {
            Event::Message(message) => Some(message),
            _ => None,
        }
    }

    fn next_chunk(&mut self) -> Option<Chunk> {
        let event = self.connection.poll_chunk();
        match self.take_event(event)? {
            Event::Chunk(chunk) => Some(chunk),
            _ => None,
        }
    }

    /// Takes note of the end, if the event is one.
    #[inline]
    fn take_event(&mut self, event: Option<Result<Event, Failure>>) -> Option<Event> {
        match event? {
            Ok(Event::Close(info)) => self.ends_mut().incoming = Some(Ok(info)),
            Ok(event) => return Some(event),
            Err(failure) => self.fail(failure),
        }
        None
    }

    /// Takes note that the connection ends uncleanly.
    pub(crate) fn fail(&mut self, failure: Failure) {
        let cause = match failure {
            Failure::Lost => Cause::Lost(self.ends_mut().read_error.take()),
            failure => failure.into(),
        };
        let failed = self.lost_write().cloned().or_else(|| self.connection.outcome()?.err());
        let error = failed.unwrap_or_else(|| WebSocketError::abnormal(cause));
        self.end(&error);
    }

    fn end(&mut self, error: &WebSocketError) {
        let ends = self.ends_mut();
        ends.incoming.get_or_insert_with(|| Err(error.clone()));
        ends.ending.get_or_insert_with(|| Err(error.clone()));
    }

    /// Reads once, into a borrowed buffer, which goes back when nothing has come.
    fn poll_fill(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.obey_budget() {
            return Poll::Ready(());
        }
        let allowance = ready!(self.poll_allowance(cx));
        let allowance = allowance.min(STRIDE_BYTES);
        if self.connection.allow_inflating(allowance) {
            return Poll::Ready(());
        }
        let Some(io) = self.io.as_mut() else {
            self.connection.handle_eof();
            return Poll::Ready(());
        };
        let result = if let Some((body, room)) = self.connection.direct_buffer() {
            let result = poll_read_buf(Pin::new(io), cx, &mut body.limit(room.min(allowance)));
            if let Poll::Ready(Ok(read)) = result {
                self.connection.handle_direct(read);
            }
            result
        } else {
            if self.connection.input_buffer().capacity() < READ_BUFFER_BYTES {
                self.connection.lend_buffer(read_buffers::borrow());
            }
            let buffer = self.connection.input_buffer();
            if buffer.len() == buffer.capacity() {
                // Whoever decodes makes room, and comes back.
                return Poll::Pending;
            }
            // It appends to the spare capacity, and grows nothing while there is some.
            poll_read_buf(Pin::new(io), cx, &mut buffer.limit(allowance))
        };
        match result {
            Poll::Pending => {
                self.is_dry = true;
                self.give_back_buffer();
                return Poll::Pending;
            }
            Poll::Ready(Ok(0)) => self.connection.handle_eof(),
            Poll::Ready(Ok(read)) => {
                self.is_dry = false;
                self.counted.bytes_read += read as u64;
            }
            Poll::Ready(Err(error)) => {
                self.note_lost_session(&error);
                self.ends_mut().read_error = Some(error);
                self.connection.handle_eof();
            }
        }
        Poll::Ready(())
    }

    /// Bytes that have come from the peer.
    pub(crate) fn heard_bytes(&self) -> u64 {
        self.counted.bytes_read
    }

    /// Whether silence means that the peer is silent, rather than that nobody listens.
    pub(crate) fn is_listening(&self) -> bool {
        self.is_dry
    }

    /// Queues a ping, if there is room for one now.
    pub(crate) fn ping(&mut self) -> bool {
        self.connection.ping(b"").is_ok()
    }

    /// Ends the connection because a deadline has passed: by a Close when it was merely idle, at once when the peer
    /// does not take or give anything any more.
    pub(crate) fn time_out(&mut self, cause: Cause) {
        let is_idle = matches!(cause, Cause::IdleTimedOut(_));
        self.end(&WebSocketError::abnormal(cause));
        // 1001 may always be sent.
        let _ = self.connection.close(Some(CloseCode::GOING_AWAY), "idle");
        if !is_idle {
            self.finish();
        }
    }

    /// Ends the connection because a streamed message was dropped unfinished.
    pub(crate) fn abandon_message(&mut self) {
        if self.connection.is_streaming() {
            self.connection.abandon_message();
            self.end(&WebSocketError::abnormal(ApiMisuse::AbandonedMessage));
        }
    }

    /// Starts the closing handshake.
    pub(crate) fn close(&mut self, options: &CloseOptions) -> Result<(), ApiMisuse> {
        self.connection.close(options.close_code, &options.reason)
    }

    /// After the closing handshake, or a failure: sends the rest, ends the stream in order, and reads away what the
    /// peer may still be sending, since dropping unread bytes would reset the connection under our Close.
    pub(crate) fn poll_linger(&mut self, cx: &mut Context<'_>) {
        let is_sent = self.poll_flush(cx).is_ready();
        let goes_first = self.connection.shuts_down_first();
        if let (true, false, Some(io)) = (is_sent && goes_first, self.is_shut_down, self.io.as_mut()) {
            // An error here means that the peer ended the stream already.
            self.is_shut_down = Pin::new(io).poll_shutdown(cx).is_ready();
        }
        if self.is_shut_down {
            self.settle();
        }
        while let Some(io) = self.io.as_mut() {
            let mut scratch = read_buffers::borrow();
            let read = poll_read_buf(Pin::new(io), cx, &mut (&mut scratch).limit(READ_BUFFER_BYTES));
            read_buffers::give_back(scratch);
            match read {
                Poll::Pending => break,
                Poll::Ready(Ok(1..)) => {}
                Poll::Ready(Ok(0) | Err(_)) => {
                    self.connection.handle_eof();
                    break;
                }
            }
        }
    }

    /// Drops the transport: the connection has ended.
    pub(crate) fn finish(&mut self) {
        if self.connection.discard_transmit() > 0 {
            let error = WebSocketError::abnormal(Cause::Unsent);
            self.ends_mut().write_error.get_or_insert(error);
        }
        self.connection.handle_lost();
        if self.known_end().is_none() {
            self.fail(Failure::Lost);
        }
        self.settle();
        self.io = None;
        self.call_for_more();
        self.give_back_buffer();
        self.share.close();
    }

    fn give_back_buffer(&mut self) {
        if let Some(buffer) = self.connection.reclaim_buffer() {
            read_buffers::give_back(buffer);
        }
    }
}
