//! Why an upload does not do what it is asked.

/// Why an upload does not do what it is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// Bytes that were acknowledged are lost, or more came than its length: nothing can be done with it any more.
    #[error("the upload was given up")]
    Dead,
    /// It has all its bytes.
    #[error("the upload is complete")]
    Complete,
    /// The bytes begin where the upload does not end.
    #[error("the upload ends at byte {expected}, not at byte {provided}")]
    WrongOffset {
        /// Where it ends.
        expected: u64,
        /// Where the client believes that it ends.
        provided: u64,
    },
    /// The length is another one than before, or less than what is there, or not what came.
    #[error("the upload has {known} bytes, not {told}")]
    WrongLength {
        /// The length that was told before, or how many bytes there are.
        known: u64,
        /// The length that is told now, or how many bytes came.
        told: u64,
    },
    /// More bytes than its length, or than an upload may have.
    #[error("the upload may have {most} bytes, and no more")]
    TooLarge {
        /// How many it may have.
        most: u64,
    },
    /// A newer request has taken over.
    #[error("a newer request goes on with this upload")]
    TakenOver,
}
