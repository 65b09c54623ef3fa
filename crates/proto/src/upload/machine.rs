//! One upload, as a state machine.
//!
//! ```text
//!           begin()                  end()                          complete()
//!   Open ────────────▶ being written ───────▶ recorded as complete ─────────────▶ Complete
//!     ▲                │   │   end(): not all has come
//!     └────────────────┴───┘   claim(), then end() or fence(): a newer request goes on
//!   any ── bytes that were acknowledged are lost, or more came than may ──▶ Dead
//! ```

use super::refusal::Refusal;

/// One upload: how many bytes have come, how many are durable, its length, whether it is complete, and who writes.
///
/// A request that wants to look or to write calls [`claim`](Self::claim). From then on whoever wrote before is no longer
/// [current](Self::is_current), and has to give way: it ends its own body with [`end`](Self::end). While the upload
/// [is written](Self::is_written) the newer request waits, or takes the storage away from the older one and says
/// [`fence`](Self::fence). Then it looks, or it calls [`begin`](Self::begin), [`take`](Self::take) before each piece is
/// pushed, [`durable`](Self::durable) as the store tells, and [`end`](Self::end).
///
/// [`offset`](Self::offset) never decreases. It is what may be told to clients.
#[derive(Clone, Debug)]
pub struct Upload {
    max_bytes: u64,
    /// What has been given to the store. At least `durable`.
    pushed: u64,
    durable: u64,
    length: Option<u64>,
    stage: Stage,
    claims: u64,
    writing: Option<Writing>,
}

/// A request's turn at an upload. A newer one ends it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Claim(u64);

/// What a store has of an upload.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Snapshot {
    /// How many bytes are durable.
    pub offset: u64,
    /// How many there will be, where that is known.
    pub length: Option<u64>,
    /// Whether all bytes are there, and the client has said so.
    pub is_complete: bool,
}

/// The body of a request, as its head announces it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Body {
    /// Where the client believes the upload ends.
    pub offset: u64,
    /// The length of the upload, where the client tells it (again).
    pub length: Option<u64>,
    /// How many bytes the body has, where the head tells that.
    pub content_length: Option<u64>,
    /// When the upload is complete.
    pub ending: Ending,
    /// What becomes of the upload if more bytes come than its length.
    pub excess: Excess,
    /// Whether none of the bytes counts until they were found to be right, which [`Upload::approve`] says.
    pub is_held: bool,
}

/// When an upload is complete.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Ending {
    /// When it has its length (tus).
    #[default]
    AtLength,
    /// When the body of this request has come whole, which must then agree with the length.
    AtEndOfBody,
    /// Not by this request, even if it has its length.
    Later,
}

/// What becomes of an upload if more bytes come than its length.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Excess {
    /// It stays as it was before the bytes that are too many.
    #[default]
    Refuse,
    /// It is dead (draft-ietf-httpbis-resumable-upload-12 §4.4.2).
    Kill,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Open,
    Complete,
    Dead,
}

#[derive(Clone, Copy, Debug)]
struct Writing {
    claim: Claim,
    ending: Ending,
    excess: Excess,
    /// The bytes from here on do not count yet.
    held_from: Option<u64>,
    /// The body has ended, and the upload is complete as soon as that is recorded.
    is_over: bool,
}

impl Upload {
    /// An upload as a store has it, or a new one: `Snapshot::default()`, with its length where that is known. It may
    /// have `max_bytes`.
    #[must_use]
    pub fn new(snapshot: Snapshot, max_bytes: u64) -> Self {
        Self {
            max_bytes,
            pushed: snapshot.offset,
            durable: snapshot.offset,
            length: snapshot.length,
            stage: if snapshot.is_complete { Stage::Complete } else { Stage::Open },
            claims: 0,
            writing: None,
        }
    }

    // Who writes.

    /// A request wants to look or to write: from now on it is the current one.
    pub fn claim(&mut self) -> Claim {
        self.claims += 1;
        Claim(self.claims)
    }

    /// Whether no newer request has come. One that is not current any more gives way as soon as it can.
    #[must_use]
    pub fn is_current(&self, claim: Claim) -> bool {
        claim.0 == self.claims
    }

    /// Whether a body is on its way: until it has ended, or was fenced off, the offset may still grow.
    #[must_use]
    pub fn is_written(&self) -> bool {
        self.writing.is_some()
    }

    /// Whoever writes has lost the storage to a newer request. What it pushed counts as far as the store says
    /// afterwards.
    pub fn fence(&mut self) {
        self.pushed = self.durable;
        self.writing = None;
    }

    // A body.

    /// A body begins. `found` is what the store has, now that nobody else writes. Afterwards [`length`](Self::length)
    /// may be known that was not; it is to be recorded before anything is answered.
    ///
    /// A body without bytes at the end of a complete upload may begin: it is a repeat, and changes nothing.
    ///
    /// # Errors
    ///
    /// Any [`Refusal`]; then nothing is written, and nothing has changed but that lost bytes, and with
    /// [`Excess::Kill`] a body that is longer than what is missing, make an upload dead, which is to be recorded.
    ///
    /// # Panics
    ///
    /// When somebody else still writes: end it or fence it before.
    pub fn begin(&mut self, claim: Claim, found: Snapshot, body: &Body) -> Result<(), Refusal> {
        assert!(self.writing.is_none(), "one body at a time");
        self.find(found)?;
        if !self.is_current(claim) {
            return Err(Refusal::TakenOver);
        }
        if body.offset != self.pushed {
            return Err(Refusal::WrongOffset { expected: self.pushed, provided: body.offset });
        }
        let length = self.agree(body)?;
        if self.stage == Stage::Complete && body.content_length.is_some_and(|bytes| bytes > 0) {
            return Err(Refusal::Complete);
        }
        self.length = length;
        let held_from = body.is_held.then_some(self.pushed);
        self.writing =
            Some(Writing { claim, ending: body.ending, excess: body.excess, held_from, is_over: false });
        Ok(())
    }

    /// So many bytes are about to be pushed, in one piece.
    ///
    /// # Errors
    ///
    /// They are too many, or a newer request has come. None of them may be pushed then; [`end`](Self::end) follows.
    pub fn take(&mut self, claim: Claim, bytes: u64) -> Result<(), Refusal> {
        let writing = self.writing_of(claim)?;
        if bytes == 0 {
            return Ok(());
        }
        if self.stage == Stage::Complete {
            return Err(Refusal::Complete);
        }
        let most = self.length.map_or(self.max_bytes, |length| length.min(self.max_bytes));
        if bytes > most.saturating_sub(self.pushed) {
            let is_excess = self.length.is_some_and(|length| bytes > length.saturating_sub(self.pushed));
            if is_excess && writing.excess == Excess::Kill {
                self.stage = Stage::Dead;
            }
            return Err(Refusal::TooLarge { most });
        }
        self.pushed += bytes;
        Ok(())
    }

    /// The store says that so many bytes of the upload are durable. Bytes that are held do not count.
    pub fn durable(&mut self, claim: Claim, offset: u64) {
        let Some(writing) = self.writing.filter(|writing| writing.claim == claim) else { return };
        let counted = writing.held_from.unwrap_or(self.pushed).min(self.pushed);
        self.durable = self.durable.max(offset.min(counted));
    }

    /// The bytes that were held are right: they count from now on.
    pub fn approve(&mut self, claim: Claim) {
        if let Some(writing) = self.writing.as_mut().filter(|writing| writing.claim == claim) {
            writing.held_from = None;
        }
    }

    /// The body has ended, all that counts of it is durable, and the writer is at rest. Bytes that are held still are
    /// gone. Tells whether the upload is complete with this: then that is to be recorded, with the
    /// [`length`](Self::length), and [`complete`](Self::complete) said, before anything is answered. Otherwise the turn
    /// is over.
    ///
    /// # Errors
    ///
    /// [`Refusal::TakenOver`] if it was fenced off; [`Refusal::WrongLength`] if the body was to be the rest, and is not:
    /// its bytes are kept; [`Refusal::Dead`].
    pub fn end(&mut self, claim: Claim, durable: u64, is_whole: bool) -> Result<bool, Refusal> {
        self.durable(claim, durable);
        if self.writing.is_some_and(|writing| writing.claim == claim && writing.is_over) {
            return Ok(true);
        }
        let writing = self.writing.filter(|writing| writing.claim == claim).ok_or(Refusal::TakenOver)?;
        self.writing = None;
        self.pushed = self.durable;
        match self.stage {
            Stage::Dead => return Err(Refusal::Dead),
            Stage::Complete => return Ok(false),
            Stage::Open => {}
        }
        let is_complete = match writing.ending {
            _ if writing.held_from.is_some() => false,
            // All bytes are there, however the body ended.
            Ending::AtLength => self.length == Some(self.durable),
            Ending::AtEndOfBody if is_whole => {
                let length = *self.length.get_or_insert(self.durable);
                if length != self.durable {
                    return Err(Refusal::WrongLength { known: length, told: self.durable });
                }
                true
            }
            Ending::AtEndOfBody | Ending::Later => false,
        };
        if is_complete {
            self.writing = Some(Writing { is_over: true, ..writing });
        }
        Ok(is_complete)
    }

    /// Whether [`end`](Self::end) will say that the upload is complete, once all that was taken is durable: then that may
    /// be recorded together with the last bytes.
    #[must_use]
    pub fn will_complete(&self, claim: Claim, is_whole: bool) -> bool {
        self.clone().end(claim, self.pushed, is_whole) == Ok(true)
    }

    /// It is recorded that the upload is complete, and the turn is over.
    ///
    /// # Errors
    ///
    /// [`Refusal::TakenOver`] if it was fenced off meanwhile, or its body has not ended: the newer request finds what
    /// the store has.
    pub fn complete(&mut self, claim: Claim) -> Result<(), Refusal> {
        let is_it = |writing: &mut Writing| writing.claim == claim && writing.is_over;
        self.writing.take_if(is_it).ok_or(Refusal::TakenOver)?;
        self.stage = Stage::Complete;
        Ok(())
    }

    /// What was acknowledged cannot be kept, or may not be had: nothing can be done with this upload any more.
    pub fn kill(&mut self) {
        self.stage = Stage::Dead;
    }

    // Questions.

    /// How many bytes are durable: what may be told.
    #[must_use]
    pub fn offset(&self) -> u64 {
        self.durable
    }

    /// How many bytes were taken, durable or not.
    #[must_use]
    pub fn pushed(&self) -> u64 {
        self.pushed
    }

    /// How many bytes there will be, where that is known.
    #[must_use]
    pub fn length(&self) -> Option<u64> {
        self.length
    }

    /// Whether all bytes are there, and the client has said so.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.stage == Stage::Complete
    }

    /// Whether nothing can be done with it any more.
    #[must_use]
    pub fn is_dead(&self) -> bool {
        self.stage == Stage::Dead
    }

    // What is asked before a body begins.

    /// Takes over what the store has. It may have more than was known, from a writer that was fenced off, but not less.
    fn find(&mut self, found: Snapshot) -> Result<(), Refusal> {
        let is_less = found.offset < self.durable || (self.is_complete() && !found.is_complete);
        if self.is_dead() || is_less {
            self.stage = Stage::Dead;
            return Err(Refusal::Dead);
        }
        self.durable = found.offset;
        self.pushed = found.offset;
        self.length = found.length.or(self.length);
        if found.is_complete {
            self.stage = Stage::Complete;
        }
        Ok(())
    }

    /// The length, if all that tells it agrees.
    fn agree(&mut self, body: &Body) -> Result<Option<u64>, Refusal> {
        let too_large = Refusal::TooLarge { most: self.length.unwrap_or(self.max_bytes).min(self.max_bytes) };
        let end = match body.content_length {
            Some(bytes) => Some(self.pushed.checked_add(bytes).ok_or(too_large)?),
            None => None,
        };
        let mut length = self.length;
        let is_rest = body.ending == Ending::AtEndOfBody;
        for told in [body.length, end.filter(|_| is_rest)].into_iter().flatten() {
            let known = *length.get_or_insert(told);
            if known != told {
                return Err(Refusal::WrongLength { known, told });
            }
        }
        if let Some(told) = length.filter(|length| *length < self.pushed) {
            return Err(Refusal::WrongLength { known: self.pushed, told });
        }
        let most = length.unwrap_or(self.max_bytes);
        if length.is_some_and(|length| end.is_some_and(|end| end > length)) && body.excess == Excess::Kill {
            self.stage = Stage::Dead;
        }
        if most > self.max_bytes || end.is_some_and(|end| end > most) {
            return Err(Refusal::TooLarge { most: most.min(self.max_bytes) });
        }
        Ok(length)
    }

    fn writing_of(&self, claim: Claim) -> Result<Writing, Refusal> {
        match self.writing {
            Some(_) if !self.is_current(claim) => Err(Refusal::TakenOver),
            Some(writing) if writing.claim == claim && !writing.is_over => Ok(writing),
            _ => Err(Refusal::TakenOver),
        }
    }
}
