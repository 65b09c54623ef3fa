//! A client's end of a session, as a state machine.

use std::time::{Duration, Instant};

use bytes::Bytes;

use super::attached::Attached;
use super::attachment::{Attachment, Carries, Why};
use super::config::Config;
use super::error::Violation;
use super::frame;
use super::incoming::{Incoming, Mark};
use super::replay::Replay;

/// One session, as its client has it. `docs/sessions.md` specifies it.
///
/// The layer above: [`send`](Self::send) while there [`has_room`](Self::has_room), [`poll_frame`](Self::poll_frame).
/// What carries it: [`attach`](Self::attach) for each attachment that is tried, [`handle_batch`](Self::handle_batch)
/// for what comes on it, [`poll_transmit`](Self::poll_transmit) on a WebSocket, and
/// [`next_post`](Self::next_post) with [`handle_answer`](Self::handle_answer) beside the others.
#[derive(Debug)]
pub struct ClientSession {
    id: Option<String>,
    keep: Duration,
    replay: Replay,
    incoming: Incoming,
    attachments: u64,
    is_over: bool,
}

/// What to POST next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Post {
    /// The parameter `from`.
    pub from: u64,
    /// The parameter `received`.
    pub received: u64,
    /// Whole frames, or nothing.
    pub body: Bytes,
    mark: Mark,
}

/// How much goes into one POST, but for a frame that is longer.
const POST_BYTES: usize = 128 << 10;

impl ClientSession {
    /// A session that has not been opened yet.
    #[must_use]
    pub fn new(config: &Config) -> Self {
        Self {
            id: None,
            keep: config.keep,
            replay: Replay::new(config.max_kept),
            incoming: Incoming::default(),
            attachments: 0,
            is_over: false,
        }
    }

    // The layer above.

    /// Takes one whole frame for the server. Ask for room first.
    pub fn send(&mut self, frame: Bytes) {
        self.replay.push(frame);
    }

    /// Whether a further frame may be sent: not while so much waits to be acknowledged.
    #[must_use]
    pub fn has_room(&self) -> bool {
        self.replay.has_room()
    }

    /// The next frame of the server, whole.
    pub fn poll_frame(&mut self) -> Option<Bytes> {
        self.incoming.pop()
    }

    // What carries it.

    /// A new attachment is tried, by a request that names [`id`](Self::id), if there is one, and
    /// [`position`](Self::position).
    pub fn attach(&mut self, carries: Carries) -> Attachment {
        self.attachments += 1;
        Attachment {
            generation: self.attachments,
            carries,
            is_attached: false,
            sent: 0,
            received: self.incoming.position(),
            asked: self.incoming.mark(),
            ended: None,
        }
    }

    /// Takes whole frames that came on an attachment, whichever is the newest: what was received before is skipped.
    ///
    /// # Errors
    ///
    /// A rule that the server broke. The frames before were taken.
    pub fn handle_batch(
        &mut self,
        now: Instant,
        attachment: &mut Attachment,
        batch: &Bytes,
    ) -> Result<(), Violation> {
        let mut rest = batch.clone();
        while let Some(frame) = frame::next(&mut rest)? {
            if attachment.ended.is_some() {
                return Err(Violation::UnexpectedFrame);
            }
            match frame.code {
                frame::ATTACHED => self.attached(attachment, frame.payload())?,
                _ if !attachment.is_attached => return Err(Violation::NotAttached),
                frame::ACK => self.replay.acknowledge(frame.number()?)?,
                frame::DETACHED => {
                    let why = Why::from_code(frame.number()?)?;
                    attachment.ended = Some(why);
                    self.is_over |= why == Why::Over;
                }
                frame::PADDING => {}
                frame::SKIP => attachment.skip(frame.number()?, self.incoming.position())?,
                _ if frame.is_of_session() => return Err(Violation::UnexpectedFrame),
                _ => {
                    attachment.received += 1;
                    self.take(now, attachment.received, frame.whole)?;
                }
            }
        }
        if rest.is_empty() { Ok(()) } else { Err(Violation::CutFrame) }
    }

    /// The id of another session that this batch attaches: of two attachments that each opened one, this came later. A
    /// client that does not want it ends it by DELETE.
    #[must_use]
    pub fn stray(&self, batch: &Bytes) -> Option<String> {
        let id = self.id.as_ref()?;
        let first = frame::next(&mut batch.clone()).ok()??;
        let attached = (first.code == frame::ATTACHED).then(|| Attached::decode(first.payload()).ok());
        attached.flatten().map(|attached| attached.session).filter(|session| session != id)
    }

    fn attached(&mut self, attachment: &mut Attachment, payload: &[u8]) -> Result<(), Violation> {
        if attachment.is_attached {
            return Err(Violation::UnexpectedFrame);
        }
        let attached = Attached::decode(payload)?;
        let is_ours = self.id.as_ref().is_none_or(|id| *id == attached.session);
        if !is_ours || attached.after != attachment.received {
            return Err(Violation::BadParameter);
        }
        self.replay.acknowledge(attached.received)?;
        self.incoming.acknowledged_to(attachment.asked);
        self.id = Some(attached.session);
        self.keep = attached.keep;
        attachment.sent = attached.received;
        attachment.is_attached = true;
        Ok(())
    }

    fn take(&mut self, now: Instant, number: u64, frame: Bytes) -> Result<(), Violation> {
        let position = self.incoming.position();
        if number > position + 1 {
            return Err(Violation::Gap);
        }
        if number == position + 1 {
            self.incoming.push(now, frame);
        }
        Ok(())
    }

    /// Whether frames may be taken off an attachment now.
    #[must_use]
    pub fn takes_frames(&self) -> bool {
        self.incoming.has_room()
    }

    /// What to send on a WebSocket next: whole frames, in one piece of at most `max_bytes` or one frame. `None` when
    /// there is nothing for now. Before ATTACHED has come there is nothing.
    pub fn poll_transmit(
        &mut self,
        now: Instant,
        attachment: &mut Attachment,
        max_bytes: usize,
    ) -> Option<Bytes> {
        if attachment.carries == Carries::Down || !attachment.is_attached || attachment.ended.is_some() {
            return None;
        }
        if self.incoming.is_ack_due(now) {
            return Some(frame::encode_number(frame::ACK, self.incoming.acknowledge()));
        }
        attachment.next_frames(&self.replay, max_bytes)
    }

    /// What to POST next, when no POST is in flight and the client's flow goes that way. It holds the same frames
    /// again until their arrival has been told by [`handle_answer`](Self::handle_answer).
    pub fn next_post(&mut self) -> Option<Post> {
        self.next_post_within(POST_BYTES)
    }

    /// As [`next_post`](Self::next_post), with frames of at most `max_bytes`, or one: where requests break off, short
    /// ones come through.
    pub fn next_post_within(&mut self, max_bytes: usize) -> Option<Post> {
        let from = self.replay.acknowledged();
        let gathered = self.replay.gather(from, max_bytes.min(POST_BYTES));
        let body = gathered.map(|(bytes, _)| bytes).unwrap_or_default();
        if body.is_empty() && !self.incoming.is_much_unacknowledged() {
            return None;
        }
        let mark = self.incoming.mark();
        Some(Post { from, received: mark.position, body, mark })
    }

    /// This POST was taken (204), and the answer has told how many frames the server has.
    ///
    /// # Errors
    ///
    /// More than were ever sent.
    pub fn handle_answer(&mut self, post: &Post, position: u64) -> Result<(), Violation> {
        self.incoming.acknowledged_to(post.mark);
        self.handle_position(position)
    }

    /// A POST was refused, and the answer has told how many frames the server has all the same.
    ///
    /// # Errors
    ///
    /// More than were ever sent.
    pub fn handle_position(&mut self, position: u64) -> Result<(), Violation> {
        self.replay.acknowledge(position)
    }

    // Questions.

    /// The id, once the server has told it.
    #[must_use]
    pub fn id(&self) -> Option<&str> {
        self.id.as_deref()
    }

    /// How many frames of the server it has.
    #[must_use]
    pub fn position(&self) -> u64 {
        self.incoming.position()
    }

    /// How long the server keeps the session without an attachment.
    #[must_use]
    pub fn keep(&self) -> Duration {
        self.keep
    }

    /// Bytes that are kept to be sent again.
    #[must_use]
    pub fn kept_bytes(&self) -> usize {
        self.replay.kept_bytes()
    }

    /// Whether the server has said that the session is over, behind its last frame.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.is_over
    }

    /// When an acknowledgement on a WebSocket is due, without anything else happening before.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.incoming.ack_at()
    }
}
