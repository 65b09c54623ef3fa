//! What an end remembers of one request or WebSocket that carries frames.

use bytes::Bytes;

use super::error::Violation;
use super::frame;
use super::incoming::Mark;
use super::replay::Replay;

/// Which flows an attachment carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Carries {
    /// Both: a WebSocket.
    Both,
    /// The server's alone; the client's goes by POST.
    Down,
}

/// Why a server ends an attachment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// A newer one has come.
    Newer,
    /// The client is to come again.
    ComeAgain,
    /// The session is over.
    Over,
}

/// One attachment, as one end sees it. It belongs to the session that made it.
#[derive(Debug)]
pub struct Attachment {
    pub(super) generation: u64,
    pub(super) carries: Carries,
    /// Whether ATTACHED has been sent, or received.
    pub(super) is_attached: bool,
    /// How many frames of the flow to the other end lie before the next one here.
    pub(super) sent: u64,
    /// How many frames of the flow from the other end lie before the next one here.
    pub(super) received: u64,
    /// What a client asked for acknowledges so much.
    pub(super) asked: Mark,
    /// The last word, once it was said or heard.
    pub(super) ended: Option<Why>,
}

impl Attachment {
    /// Whether the session has said first what it has to.
    #[must_use]
    pub fn is_attached(&self) -> bool {
        self.is_attached
    }

    /// Why the server has ended the attachment, once it has.
    #[must_use]
    pub fn ended(&self) -> Option<Why> {
        self.ended
    }

    /// How many frames of the server's flow lie behind what a server has sent here: the position in an event's `id`.
    #[must_use]
    pub fn sent(&self) -> u64 {
        self.sent
    }

    /// The next frames of the flow from here, in one piece of at most `max_bytes` or one frame.
    ///
    /// What was acknowledged by another way meanwhile is kept no longer, and is skipped; the other end counts, so it is
    /// told.
    pub(super) fn next_frames(&mut self, replay: &Replay, max_bytes: usize) -> Option<Bytes> {
        if self.sent < replay.acknowledged() {
            self.sent = replay.acknowledged();
            return Some(frame::encode_number(frame::SKIP, self.sent));
        }
        let (bytes, count) = replay.gather(self.sent, max_bytes)?;
        self.sent += count;
        Some(bytes)
    }

    /// SKIP has come: so many frames lie before the next one here, all of which are `received` by another way.
    pub(super) fn skip(&mut self, position: u64, received: u64) -> Result<(), Violation> {
        if position < self.received {
            return Err(Violation::BadSessionFrame);
        }
        if position > received {
            return Err(Violation::Gap);
        }
        self.received = position;
        Ok(())
    }

    /// Ends the attachment with the frame that says so.
    pub(super) fn end(&mut self, why: Why) -> Option<Bytes> {
        if self.ended.is_some() {
            return None;
        }
        self.ended = Some(why);
        Some(frame::encode_number(frame::DETACHED, why.code()))
    }
}

impl Why {
    fn code(self) -> u64 {
        match self {
            Self::Newer => 1,
            Self::ComeAgain => 2,
            Self::Over => 3,
        }
    }

    pub(super) fn from_code(code: u64) -> Result<Self, Violation> {
        match code {
            1 => Ok(Self::Newer),
            2 => Ok(Self::ComeAgain),
            3 => Ok(Self::Over),
            _ => Err(Violation::BadSessionFrame),
        }
    }
}
