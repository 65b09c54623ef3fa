//! A server's end of a session, as a state machine.
//!
//! ```text
//!            attach()                   detach()
//!   Detached ────────▶ Attached ──────────────────────▶ Detached ── keep runs out ──▶ Expired
//!                         │ attach(): the older one is told to end
//!                         └── finish(): what is unsent goes, DETACHED 3, kept until acknowledged ──▶ Expired
//! ```

use std::time::Instant;

use bytes::Bytes;

use super::attached::Attached;
use super::attachment::{Attachment, Carries, Why};
use super::config::Config;
use super::error::{AttachError, PostError, Violation};
use super::frame;
use super::incoming::Incoming;
use super::replay::Replay;

/// One session, as its server has it. `docs/sessions.md` specifies it.
///
/// The layer above: [`send`](Self::send) while there [`has_room`](Self::has_room), [`poll_frame`](Self::poll_frame),
/// [`finish`](Self::finish). What carries it: [`attach`](Self::attach), [`poll_transmit`](Self::poll_transmit),
/// [`handle_batch`](Self::handle_batch), [`handle_post`](Self::handle_post), [`detach`](Self::detach). After any of
/// these, whoever else waits may find something to do: frames to take, frames to send, room, or an end.
#[derive(Debug)]
pub struct ServerSession {
    id: String,
    config: Config,
    replay: Replay,
    incoming: Incoming,
    /// How often it was attached. The newest attachment has this number.
    generation: u64,
    /// When it ends unless something happens before.
    expires_at: Option<Instant>,
    is_finished: bool,
    is_abandoned: bool,
}

impl ServerSession {
    /// A session with nothing in it, and no attachment. `id` is what the client names it by: base64url, at least 128
    /// random bits of it.
    #[must_use]
    pub fn new(now: Instant, id: String, config: Config) -> Self {
        Self {
            id,
            replay: Replay::new(config.max_kept),
            incoming: Incoming::default(),
            generation: 0,
            expires_at: Some(now + config.greeting_timeout),
            is_finished: false,
            is_abandoned: false,
            config,
        }
    }

    // The layer above.

    /// Takes one whole frame for the client. Ask for room first.
    pub fn send(&mut self, frame: Bytes) {
        self.replay.push(frame);
    }

    /// Whether a further frame may be sent: not while so much waits to be acknowledged.
    #[must_use]
    pub fn has_room(&self) -> bool {
        self.replay.has_room()
    }

    /// The next frame of the client, whole.
    pub fn poll_frame(&mut self) -> Option<Bytes> {
        self.incoming.pop()
    }

    /// The conversation has ended: nothing more is sent, and the client is told behind the last frame.
    pub fn finish(&mut self, now: Instant) {
        if !self.is_finished {
            self.is_finished = true;
            self.expires_at = Some(now + self.config.farewell_timeout);
        }
    }

    // What carries it.

    /// The client does not want it any more: it is [expired](Self::is_expired).
    pub fn abandon(&mut self) {
        self.is_abandoned = true;
    }

    /// Attaches behind this position, and ends the attachment before.
    ///
    /// # Errors
    ///
    /// A position that is not there; then nothing has changed.
    pub fn attach(&mut self, carries: Carries, after: u64) -> Result<Attachment, AttachError> {
        self.replay.resume(after)?;
        self.generation += 1;
        if self.incoming.position() > 0 && !self.is_finished {
            self.expires_at = None;
        }
        Ok(Attachment {
            generation: self.generation,
            carries,
            is_attached: false,
            sent: after,
            received: self.incoming.position(),
            asked: self.incoming.mark(),
            ended: None,
        })
    }

    /// The attachment has ended. An older one than the newest is nobody's concern any more.
    pub fn detach(&mut self, now: Instant, attachment: &Attachment) {
        if self.is_current(attachment) && !self.is_finished && self.incoming.position() > 0 {
            self.expires_at = Some(now + self.config.keep);
        }
    }

    /// Whether no newer attachment has come.
    #[must_use]
    pub fn is_current(&self, attachment: &Attachment) -> bool {
        attachment.generation == self.generation
    }

    /// What to send on this attachment next: whole frames, in one piece of at most `max_bytes` or one frame. `None`
    /// when there is nothing for now, or nothing any more, which [`Attachment::ended`] tells.
    pub fn poll_transmit(
        &mut self,
        now: Instant,
        attachment: &mut Attachment,
        max_bytes: usize,
    ) -> Option<Bytes> {
        if attachment.ended.is_some() {
            return None;
        }
        if !self.is_current(attachment) {
            return attachment.end(Why::Newer);
        }
        if !attachment.is_attached {
            attachment.is_attached = true;
            return Some(self.attached(attachment));
        }
        if attachment.carries == Carries::Both && self.incoming.is_ack_due(now) {
            return Some(frame::encode_number(frame::ACK, self.incoming.acknowledge()));
        }
        if let Some(bytes) = attachment.next_frames(&self.replay, max_bytes) {
            return Some(bytes);
        }
        if self.is_finished { attachment.end(Why::Over) } else { None }
    }

    /// Ends an attachment so that the client attaches anew. The frame is to be sent, if there is one.
    pub fn dismiss(&mut self, attachment: &mut Attachment) -> Option<Bytes> {
        attachment.end(Why::ComeAgain)
    }

    fn attached(&mut self, attachment: &mut Attachment) -> Bytes {
        attachment.received = self.incoming.acknowledge();
        Attached {
            session: self.id.clone(),
            received: attachment.received,
            after: attachment.sent,
            keep: self.config.keep,
        }
        .encode()
    }

    /// Takes whole frames that came on a WebSocket.
    ///
    /// # Errors
    ///
    /// A rule that the client broke. The frames before were taken.
    pub fn handle_batch(
        &mut self,
        now: Instant,
        attachment: &mut Attachment,
        batch: &Bytes,
    ) -> Result<(), Violation> {
        let mut rest = batch.clone();
        while let Some(frame) = frame::next(&mut rest)? {
            if frame.code == frame::ACK {
                self.replay.acknowledge(frame.number()?)?;
            } else if frame.code == frame::SKIP {
                attachment.skip(frame.number()?, self.incoming.position())?;
            } else if frame.is_of_session() {
                return Err(Violation::UnexpectedFrame);
            } else {
                attachment.received += 1;
                self.take(now, attachment.received, frame.whole)?;
            }
        }
        if rest.is_empty() { Ok(()) } else { Err(Violation::CutFrame) }
    }

    /// Takes a POST: `from` and `received` of its query, and its body. After [`PostError::Full`] the same POST can be
    /// handled again when frames have been taken; what was taken of it before is skipped.
    ///
    /// # Errors
    ///
    /// See [`PostError`]; the answer to each stands in docs/sessions.md, section 4.
    pub fn handle_post(
        &mut self,
        now: Instant,
        from: u64,
        received: Option<u64>,
        body: &Bytes,
    ) -> Result<(), PostError> {
        if let Some(received) = received {
            self.replay.acknowledge(received)?;
        }
        if from > self.incoming.position() {
            return Err(PostError::Gap { expected: self.incoming.position(), from });
        }
        let mut number = from;
        let mut rest = body.clone();
        while let Some(frame) = frame::next(&mut rest).map_err(PostError::from)? {
            if frame.is_of_session() {
                return Err(Violation::UnexpectedFrame.into());
            }
            number += 1;
            if number > self.incoming.position() && !self.incoming.has_room() {
                return Err(PostError::Full);
            }
            self.take(now, number, frame.whole)?;
        }
        // The answer tells the position.
        self.incoming.acknowledge();
        if rest.is_empty() { Ok(()) } else { Err(Violation::CutFrame.into()) }
    }

    fn take(&mut self, now: Instant, number: u64, frame: Bytes) -> Result<(), Violation> {
        let position = self.incoming.position();
        if number > position + 1 {
            return Err(Violation::Gap);
        }
        if number <= position || self.is_finished {
            return Ok(());
        }
        if position == 0 {
            // The client has greeted, and is there.
            self.expires_at = None;
        }
        self.incoming.push(now, frame);
        Ok(())
    }

    /// Whether frames may be brought by a WebSocket now.
    #[must_use]
    pub fn takes_frames(&self) -> bool {
        self.incoming.has_room()
    }

    // Questions.

    /// What the client names it by.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// How many frames of the client it has.
    #[must_use]
    pub fn position(&self) -> u64 {
        self.incoming.position()
    }

    /// Bytes that are kept to be sent again.
    #[must_use]
    pub fn kept_bytes(&self) -> usize {
        self.replay.kept_bytes()
    }

    /// Whether the conversation has ended.
    #[must_use]
    pub fn is_finished(&self) -> bool {
        self.is_finished
    }

    /// When to ask [`is_expired`](Self::is_expired), or for an acknowledgement on a WebSocket, without anything else
    /// happening before.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        [self.expires_at, self.incoming.ack_at()].into_iter().flatten().min()
    }

    /// Whether nobody will come for it any more, so that it is to be dropped: its time has run out, its end is
    /// acknowledged, or its client has abandoned it.
    #[must_use]
    pub fn is_expired(&self, now: Instant) -> bool {
        let is_done = self.is_finished && self.replay.acknowledged() == self.replay.position();
        is_done || self.is_abandoned || self.expires_at.is_some_and(|at| now >= at)
    }
}
