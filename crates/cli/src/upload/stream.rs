//! Standard input: chunks in memory, and a length that is known when it ends.

use std::sync::atomic::Ordering;

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt};
use url::Url;

use super::args::UploadArgs;
use super::board::Board;
use super::lane::Lane;
use super::patience::Patience;
use super::payload::Payload;
use super::source::Sum;
use super::trouble::Trouble;
use super::tus::{Chunk, Plan, Server};

/// Standard input on its way.
pub(super) struct StreamJob<'a> {
    args: &'a UploadArgs,
    server: Server,
    board: Board,
}

/// What is kept until the server has it.
const CHUNK_BYTES: u64 = 8 * 1024 * 1024;

/// A piece of the input.
struct Piece {
    from: u64,
    bytes: Bytes,
    /// The length of the whole, with its last piece, where the server does not know it yet.
    total: Option<u64>,
}

impl<'a> StreamJob<'a> {
    pub(super) fn new(args: &'a UploadArgs, server: Server) -> Self {
        Self { args, server, board: Board::new("standard input", None, 1, args.quiet) }
    }

    /// What a person sees.
    pub(super) fn board(&self) -> &Board {
        &self.board
    }

    /// Uploads all of the input, and gives its URL.
    pub(super) async fn run(&self, mut input: impl AsyncRead + Unpin) -> Result<Url, Trouble> {
        let mut lane = Lane::default();
        let (mut bytes, mut is_last) = self.read(&mut input).await?;
        // What fits one piece has a length that is known: not every server does without.
        let is_deferred = !is_last;
        let length = is_last.then_some(bytes.len() as u64);
        let url = self.create(&mut lane, Plan { length, is_part: false, name: None }).await?;
        let mut from = 0;
        loop {
            let end = from + bytes.len() as u64;
            let total = (is_last && is_deferred).then_some(end);
            self.carry(&mut lane, &url, &Piece { from, bytes, total }).await?;
            if is_last {
                break;
            }
            from = end;
            (bytes, is_last) = self.read(&mut input).await?;
        }
        self.board.done();
        Ok(url)
    }

    /// The next piece, and whether it is the last.
    async fn read(&self, input: &mut (impl AsyncRead + Unpin)) -> Result<(Bytes, bool), Trouble> {
        let most = self.args.chunk_size.unwrap_or(CHUNK_BYTES);
        let mut bytes = BytesMut::new();
        let mut input = input.take(most);
        loop {
            match input.read_buf(&mut bytes).await {
                Ok(0) => return Ok((bytes.freeze(), input.limit() > 0)),
                Ok(_) => {}
                Err(error) => return Err(Trouble::Here(format!("cannot read standard input: {error}"))),
            }
        }
    }

    async fn create(&self, lane: &mut Lane, plan: Plan<'_>) -> Result<Url, Trouble> {
        let mut patience = Patience::new(self.args.patience, &self.board);
        loop {
            match self.server.create(lane, plan).await {
                Ok(url) => {
                    self.board.reached();
                    return Ok(url);
                }
                Err(trouble) => patience.wait(trouble).await?,
            }
        }
    }

    /// Sends a piece until the server has it.
    async fn carry(&self, lane: &mut Lane, url: &Url, piece: &Piece) -> Result<(), Trouble> {
        let end = piece.from + piece.bytes.len() as u64;
        let mut patience = Patience::new(self.args.patience, &self.board);
        let (mut at, mut best) = (Some(piece.from), piece.from);
        // An end without bytes is told as well.
        let mut is_told = piece.total.is_none();
        while at != Some(end) || !is_told {
            let step = match at {
                Some(at) => self.append(lane, url, piece, at).await.map(|now| (now, now == end || is_told)),
                None => self.look(lane, url, piece).await,
            };
            match step {
                Ok((now, told)) => {
                    if now > best {
                        best = now;
                        patience.restore();
                    }
                    self.board.part(0).store(now, Ordering::Relaxed);
                    (at, is_told) = (Some(now), told);
                }
                Err(trouble) => {
                    at = None;
                    patience.wait(trouble).await?;
                }
            }
        }
        Ok(())
    }

    async fn append(&self, lane: &mut Lane, url: &Url, piece: &Piece, at: u64) -> Result<u64, Trouble> {
        let begin = usize::try_from(at - piece.from).unwrap_or(usize::MAX).min(piece.bytes.len());
        let bytes = piece.bytes.slice(begin..);
        let checksum = self.args.checksum.map(|name| {
            let mut sum = Sum::new(name);
            sum.add(&bytes);
            sum.finish()
        });
        let moved = self.board.part(0);
        moved.store(at, Ordering::Relaxed);
        let length = bytes.len() as u64;
        let payload = Payload::memory(bytes, moved.clone());
        let chunk = Chunk { offset: at, bytes: length, payload, checksum, length: piece.total };
        self.server.append(lane, url, chunk, &moved).await
    }

    /// Where the server is, and whether it knows the length.
    async fn look(&self, lane: &mut Lane, url: &Url, piece: &Piece) -> Result<(u64, bool), Trouble> {
        let standing = self.server.look(lane, url).await?;
        let end = piece.from + piece.bytes.len() as u64;
        if !(piece.from..=end).contains(&standing.offset) {
            return Err(Trouble::Refused(format!(
                "the server has {} bytes, and what it lacks is not kept any more",
                standing.offset
            )));
        }
        Ok((standing.offset, piece.total.is_none() || standing.length == piece.total))
    }
}
