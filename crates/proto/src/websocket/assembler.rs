//! Frames → messages (RFC 6455 §5.4): fragments joined, text checked, compressed data inflated, limits held.

use bytes::Bytes;

use super::config::{Config, FRAGMENT_OVERHEAD};
use super::decoder::Part;
use super::deflate::Inflater;
use super::utf8::TextBuilder;
use super::{Chunk, Message, MessageKind, Opcode, PeerMisbehaved, recycled};

/// Joins the data frames of one connection into messages.
pub(crate) struct Assembler {
    inflater: Option<Box<Inflater>>,
    message: Option<Box<Unfinished>>,
}

/// A message of which not all has come.
struct Unfinished {
    body: Body,
    is_compressed: bool,
    /// Its beginning has been given out in chunks.
    is_streamed: bool,
    fragments: u32,
    /// What its frames have declared together.
    wire_bytes: u64,
}

enum Body {
    Text(TextBuilder),
    Binary(Vec<u8>),
}

impl Assembler {
    pub(crate) fn new(inflater: Option<Inflater>) -> Self {
        Self { inflater: inflater.map(Box::new), message: None }
    }

    /// Takes a part of a data frame; gives the message when this part ends it.
    ///
    /// What is left of a message that was given out in chunks is dropped.
    pub(crate) fn push(
        &mut self,
        part: &Part<'_>,
        config: &Config,
    ) -> Result<Option<Message>, PeerMisbehaved> {
        match &self.message {
            None if part.ends && part.header.fin && !part.header.rsv1 => {
                return whole_message(part, config.max_message_bytes).map(Some);
            }
            Some(message) if message.is_streamed => return self.push_chunk(part).map(|_| None),
            _ => {}
        }
        self.take_part(part, config.max_message_bytes, config.max_fragments)?;
        if !(part.ends && part.header.fin) {
            return Ok(None);
        }
        match self.message.take() {
            Some(message) => message.body.finish().map(Some),
            None => Ok(None),
        }
    }

    /// Takes a part of a data frame, and gives out what has come of its message since the last chunk.
    pub(crate) fn push_chunk(&mut self, part: &Part<'_>) -> Result<Option<Chunk>, PeerMisbehaved> {
        self.take_part(part, u64::MAX, u32::MAX)?;
        let ends = part.ends && part.header.fin;
        let ready = |message: &&mut Box<Unfinished>| ends || message.body.has_whole();
        let chunk = self.message.as_mut().filter(ready).map(|message| message.take_chunk(ends));
        if ends {
            // What is left in the body is a character cut off by the end, if anything.
            self.message.take().map(|message| message.body.finish()).transpose()?;
        }
        Ok(chunk)
    }

    /// What has come of an unfinished message and was not given out yet.
    pub(crate) fn take_chunk(&mut self) -> Option<Chunk> {
        self.message
            .as_mut()
            .filter(|message| message.body.has_whole())
            .map(|message| message.take_chunk(false))
    }

    /// Where the payload of an unfinished message goes as it comes: of one that is binary, uncompressed and not read in
    /// parts.
    pub(crate) fn plain_body(&mut self) -> Option<&mut Vec<u8>> {
        match self.message.as_deref_mut()? {
            Unfinished { body: Body::Binary(body), is_compressed: false, is_streamed: false, .. } => {
                Some(body)
            }
            _ => None,
        }
    }

    /// Whether a message has begun and not ended.
    #[inline]
    pub(crate) fn is_within_message(&self) -> bool {
        self.message.is_some()
    }

    /// Drops all that is held, for no part will come any more.
    pub(crate) fn end(&mut self) {
        self.message = None;
        self.inflater = None;
    }

    /// Whether messages may come compressed.
    pub(crate) fn may_inflate(&self) -> bool {
        self.inflater.is_some()
    }

    /// Whether the unfinished message is a compressed one.
    pub(crate) fn is_inflating(&self) -> bool {
        self.message.as_ref().is_some_and(|message| message.is_compressed)
    }

    /// Whether an unfinished message has been given out in part.
    pub(crate) fn is_streaming(&self) -> bool {
        self.message.as_ref().is_some_and(|message| message.is_streamed)
    }

    /// Bytes held of an unfinished message.
    pub(crate) fn held_bytes(&self) -> usize {
        self.message.as_ref().map_or(0, |message| message.body.len())
    }

    fn take_part(
        &mut self,
        part: &Part<'_>,
        max_bytes: u64,
        max_fragments: u32,
    ) -> Result<(), PeerMisbehaved> {
        if part.starts {
            self.begin_frame(part, max_bytes, max_fragments)?;
        }
        let Some(message) = &mut self.message else { return Err(PeerMisbehaved::ContinuedNothing) };
        let room = Room { limit: max_bytes, fragments: message.fragments };
        match &mut self.inflater {
            Some(inflater) if message.is_compressed => {
                let body = &mut message.body;
                inflater.inflate(part.bytes, &mut |bytes| body.push(bytes, &room))?;
                if part.ends && part.header.fin {
                    inflater.finish_message()?;
                }
                Ok(())
            }
            _ => message.body.push(part.bytes, &room),
        }
    }

    /// The inflater, where compression was agreed on.
    pub(crate) fn inflater(&self) -> Option<&Inflater> {
        self.inflater.as_deref()
    }

    /// The inflater, to be changed.
    pub(crate) fn inflater_mut(&mut self) -> Option<&mut Inflater> {
        self.inflater.as_deref_mut()
    }

    fn begin_frame(
        &mut self,
        part: &Part<'_>,
        max_bytes: u64,
        max_fragments: u32,
    ) -> Result<(), PeerMisbehaved> {
        let message = match (part.header.opcode, &mut self.message) {
            (Opcode::Continuation, None) => return Err(PeerMisbehaved::ContinuedNothing),
            (Opcode::Continuation, Some(message)) => message,
            (_, Some(_)) => return Err(PeerMisbehaved::InterruptedMessage),
            (opcode, empty) => {
                let body = match opcode {
                    Opcode::Text => Body::Text(TextBuilder::default()),
                    _ => Body::Binary(Vec::new()),
                };
                empty.insert(Box::new(Unfinished {
                    body,
                    is_compressed: part.header.rsv1,
                    is_streamed: false,
                    fragments: 0,
                    wire_bytes: 0,
                }))
            }
        };
        if message.fragments == max_fragments {
            return Err(PeerMisbehaved::ExceededFragmentLimit { limit: max_fragments });
        }
        message.fragments = message.fragments.saturating_add(1);
        // A frame that could not fit is refused before its payload comes. What a compressed one inflates to is
        // counted later; here it is held to what data that does not compress may grow to, since blocks that inflate
        // to nothing cost time too.
        message.wire_bytes = message.wire_bytes.saturating_add(part.header.payload_len);
        let limit = match message.is_compressed {
            true => max_bytes.saturating_add(max_bytes / 8).saturating_add(DEFLATE_OVERHEAD),
            false => max_bytes,
        };
        let room = Room { limit, fragments: message.fragments };
        room.check(0, message.wire_bytes)
            .map_err(|_| PeerMisbehaved::ExceededMessageLimit { limit: max_bytes })
    }
}

/// The common case, without building anything: one uncompressed frame, all of it here.
fn whole_message(part: &Part<'_>, max_bytes: u64) -> Result<Message, PeerMisbehaved> {
    let kind = match part.header.opcode {
        Opcode::Text => MessageKind::Text,
        Opcode::Binary => MessageKind::Binary,
        _ => return Err(PeerMisbehaved::ContinuedNothing),
    };
    if part.header.payload_len > max_bytes {
        return Err(PeerMisbehaved::ExceededMessageLimit { limit: max_bytes });
    }
    match kind {
        MessageKind::Text => match simdutf8::basic::from_utf8(part.bytes) {
            Ok(text) => Ok(Message::Text(text.to_owned())),
            Err(_) => Err(PeerMisbehaved::SentInvalidUtf8),
        },
        MessageKind::Binary => Ok(Message::Binary(Bytes::copy_from_slice(part.bytes))),
    }
}

impl Unfinished {
    fn take_chunk(&mut self, ends: bool) -> Chunk {
        let starts = !std::mem::replace(&mut self.is_streamed, true);
        let (kind, bytes) = match &mut self.body {
            Body::Text(text) => (MessageKind::Text, text.take().into()),
            Body::Binary(bytes) => (MessageKind::Binary, std::mem::take(bytes).into()),
        };
        Chunk { kind, bytes, starts, ends }
    }
}

/// What deflate adds to a short message that does not compress, and then some.
const DEFLATE_OVERHEAD: u64 = 64;

/// How much a message may still grow.
struct Room {
    limit: u64,
    fragments: u32,
}

impl Room {
    fn check(&self, len: usize, more: u64) -> Result<(), PeerMisbehaved> {
        let overhead = u64::from(self.fragments.saturating_sub(1)) * FRAGMENT_OVERHEAD;
        let charged = (len as u64).saturating_add(more).saturating_add(overhead);
        if charged > self.limit {
            return Err(PeerMisbehaved::ExceededMessageLimit { limit: self.limit });
        }
        Ok(())
    }
}

impl Body {
    fn len(&self) -> usize {
        match self {
            Self::Text(text) => text.len(),
            Self::Binary(bytes) => bytes.len(),
        }
    }

    /// Whether there is anything to give out; half a character does not count.
    fn has_whole(&self) -> bool {
        match self {
            Self::Text(text) => text.has_whole(),
            Self::Binary(bytes) => !bytes.is_empty(),
        }
    }

    fn push(&mut self, bytes: &[u8], room: &Room) -> Result<(), PeerMisbehaved> {
        room.check(self.len(), bytes.len() as u64)?;
        match self {
            Self::Text(text) => text.push(bytes),
            Self::Binary(binary) => {
                binary.extend_from_slice(bytes);
                Ok(())
            }
        }
    }

    fn finish(self) -> Result<Message, PeerMisbehaved> {
        match self {
            Self::Text(text) => text.finish().map(Message::Text),
            Self::Binary(bytes) => Ok(Message::Binary(recycled::payload(bytes))),
        }
    }
}
