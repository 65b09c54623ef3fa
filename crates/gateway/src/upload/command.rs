//! What the protocols ask for, and what they get: the seam between the fronts and the uploads.

use super::call::Broken;
use super::store::{Form, Record, StoreError, UploadId};

/// A new upload.
#[derive(Clone, Debug)]
pub struct Create {
    /// Its id, where the client chose it in some way. Otherwise a fresh one that nobody can guess.
    pub id: Option<UploadId>,
    /// A file, or a part of one.
    pub form: Form,
    /// How many bytes it will have, if that is known.
    pub length: Option<u64>,
    /// As `Upload-Metadata` of tus has it.
    pub metadata: String,
}

/// Bytes for an upload.
#[derive(Clone, Debug, Default)]
pub struct Append {
    /// Where the client believes the upload ends.
    pub offset: u64,
    /// The length, where the client tells it (again).
    pub length: Option<u64>,
    /// When the upload is complete.
    pub ending: Ending,
    /// What the bytes of this request must hash to. Until they do, none of them counts.
    pub checksum: Option<Expected>,
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

/// The checksum of a request's body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Expected {
    /// It stands in the head.
    Known(Checksum),
    /// It comes in a trailer, `Upload-Checksum`.
    InTrailer,
}

/// A checksum.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checksum {
    /// How it is made.
    pub algorithm: Algorithm,
    /// What came out.
    pub value: Vec<u8>,
}

/// How a checksum is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Algorithm {
    /// CRC-32C, four bytes, most significant first.
    Crc32c,
    /// MD5.
    Md5,
    /// SHA-1.
    Sha1,
    /// SHA-256.
    Sha256,
}

/// How an upload stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct State {
    /// What is known of it.
    pub record: Record,
    /// How many of its bytes are durable.
    pub offset: u64,
}

/// Why a command fails. `State` is how the upload stands now.
#[derive(Debug)]
#[non_exhaustive]
pub enum UploadError {
    /// There is no such upload, or it belongs to somebody else: 404.
    Unknown,
    /// It has expired: 410.
    Expired,
    /// It was given up: 410.
    Dead,
    /// The bytes begin at another place than where the upload ends: 409 with the right one.
    WrongOffset(State),
    /// The length is not the one that was told before, or less than what is there: 400.
    WrongLength(State),
    /// More bytes than its length, or than may be: 413.
    TooLarge(State),
    /// The owner has as much as he may: 413.
    OverQuota,
    /// The upload is complete: no bytes can follow.
    Complete(State),
    /// A joined upload takes no bytes: 403.
    Joined,
    /// Parts that are not complete cannot be joined, and files cannot: 400.
    NotJoinable,
    /// The bytes do not hash to what was expected, and are gone: 460.
    WrongChecksum(State),
    /// A newer request has taken over; this one's bytes up to the offset are kept.
    TakenOver(State),
    /// The body did not come whole; what came is kept up to the offset.
    Broken(Broken, State),
    /// No room on the disk: 507.
    Full,
    /// The storage failed: 500, and the upload is dead.
    Storage(StoreError),
}
