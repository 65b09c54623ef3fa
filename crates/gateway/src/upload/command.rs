//! What the protocols ask for, and what they get: the seam between the fronts and the uploads.

pub use tidegate_proto::upload::{Algorithm, Checksum, Ending, Excess};

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

/// Parts that become one upload.
#[derive(Clone, Debug)]
pub struct Join {
    /// Which, in their order.
    pub parts: Vec<UploadId>,
    /// The same, as the client named them.
    pub list: String,
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
    /// What becomes of the upload if more bytes come than its length.
    pub excess: Excess,
    /// What the bytes of this request must hash to. Until they do, none of them counts.
    pub checksum: Option<Expected>,
}

/// The checksum of a request's body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Expected {
    /// It stands in the head.
    Known(Checksum),
    /// It comes in a trailer, `Upload-Checksum`.
    InTrailer,
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
    /// The owner has as much as he may, or everybody together: 413.
    OverQuota,
    /// As many bodies are on their way as may be: 503, and the client comes again.
    Busy,
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
