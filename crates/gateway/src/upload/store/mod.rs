//! Where uploads are kept.
//!
//! A store promises one thing above all: an offset that it reports survives a crash of the process and a loss of power,
//! data and record alike. It never reports less than it has reported.

mod error;
pub mod files;
#[cfg(feature = "object-store")]
pub mod objects;
mod open;
mod record;

use std::task::{Context, Poll};

use bytes::Bytes;
use futures_util::future::BoxFuture;
use futures_util::stream::BoxStream;

pub use error::StoreError;
pub use open::open;
pub use record::{Form, Owner, Record, UploadId};

/// An upload as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    /// What is known of it besides its bytes.
    pub record: Record,
    /// How many of its bytes are durable.
    pub offset: u64,
}

/// A place for uploads.
pub trait Store: Send + Sync + 'static {
    /// Creates an upload without bytes, durable when the future completes, and opens it for writing.
    fn create<'a>(&'a self, record: &'a Record) -> BoxFuture<'a, Result<Box<dyn Writer>, StoreError>>;

    /// What there is of an upload. After a crash this recovers it: the longest beginning that is whole, and no less than
    /// what was reported before.
    fn look<'a>(&'a self, id: &'a UploadId) -> BoxFuture<'a, Result<Stored, StoreError>>;

    /// Opens an upload for writing at its end. A writer that was opened before fails from then on
    /// ([`StoreError::Fenced`]).
    fn append<'a>(&'a self, id: &'a UploadId) -> BoxFuture<'a, Result<Box<dyn Writer>, StoreError>>;

    /// Creates a complete upload out of others, in their order. They stay.
    fn concatenate<'a>(
        &'a self,
        record: &'a Record,
        parts: &'a [UploadId],
    ) -> BoxFuture<'a, Result<Stored, StoreError>>;

    /// Removes an upload, its bytes and its record. What is not there is removed.
    fn remove<'a>(&'a self, id: &'a UploadId) -> BoxFuture<'a, Result<(), StoreError>>;

    /// The durable bytes from an offset on, in pieces.
    fn read<'a>(&'a self, id: &'a UploadId, from: u64) -> BoxStream<'a, Result<Bytes, StoreError>>;

    /// All uploads of an owner, or of everybody, in no order. Those that are damaged are left out.
    fn list<'a>(&'a self, owner: Option<&'a Owner>) -> BoxStream<'a, Result<Stored, StoreError>>;

    /// A secret of this store, the same in every process that uses it, from which ids that a client chose are made.
    fn secret(&self) -> BoxFuture<'_, Result<[u8; 32], StoreError>>;
}

/// One upload that is being written.
///
/// What was pushed is kept even if the writer is dropped, unless it was held; [`Writer::sync`] tells how much of it is
/// durable.
pub trait Writer: Send {
    /// The upload as it was when the writer was opened, with what was changed since.
    fn record(&self) -> &Record;

    /// How many bytes are durable now. It advances by itself, every 16 MiB or 250 ms.
    fn durable(&self) -> u64;

    /// Ready when `durable` is more than `seen`, or the upload has failed.
    fn poll_durable(&mut self, cx: &mut Context<'_>, seen: u64) -> Poll<Result<u64, StoreError>>;

    /// Ready when there is room for one more push. This is where a slow disk slows the sender.
    fn poll_room(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), StoreError>>;

    /// Takes bytes, at most [`MAX_PUSH`] of them, after `poll_room` was ready.
    fn push(&mut self, bytes: Bytes);

    /// Makes durable what was pushed, and tells the offset.
    fn sync(&mut self) -> BoxFuture<'_, Result<u64, StoreError>>;

    /// From here on what is pushed does not count, not even after a crash, until [`Writer::sync`]: a chunk whose
    /// checksum is not known yet.
    fn hold(&mut self) -> BoxFuture<'_, Result<(), StoreError>>;

    /// Forgets what was pushed since [`Writer::hold`].
    fn roll_back(&mut self) -> BoxFuture<'_, Result<u64, StoreError>>;

    /// Replaces the record, behind all that was pushed: durable, with the bytes, when the future completes.
    fn update(&mut self, record: Record) -> BoxFuture<'_, Result<(), StoreError>>;

    /// The upload can no longer be written nor acknowledged: its length was exceeded, say. Durable as far as can be.
    fn kill(&mut self) -> BoxFuture<'_, Result<(), StoreError>>;
}

/// The most bytes of one push.
pub const MAX_PUSH: usize = 256 * 1024;
