//! What is known of an upload besides its bytes.

use serde::{Deserialize, Serialize};

/// Who owns an upload: a key made of the principal, 16 lower-case hexadecimal digits, safe in a path.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Owner(String);

/// The id of an upload: its owner, a hyphen, and 32 lower-case hexadecimal digits that cannot be guessed.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct UploadId(String);

/// What an upload is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Form {
    /// A file.
    Whole,
    /// A part, to be joined with others.
    Part,
    /// Parts that were joined.
    Joined,
}

/// What is known of an upload besides its bytes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// Which upload this is.
    pub id: UploadId,
    /// What it is for.
    pub form: Form,
    /// How many bytes it will have, once that is known.
    pub length: Option<u64>,
    /// Whether all bytes are there, and the client has said so.
    pub is_complete: bool,
    /// When it began, in milliseconds since 1970.
    pub created: u64,
    /// When it may be removed, in milliseconds since 1970.
    pub expires: Option<u64>,
    /// What the client said of the file (its name, its type), as `Upload-Metadata` of tus has it. Never a path.
    pub metadata: String,
    /// The parts of a joined upload, as the client named them: what stands behind `final;` in `Upload-Concat` of tus.
    /// They may be gone. `None` for others.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parts: Option<Box<str>>,
}

const OWNER_DIGITS: usize = 16;
const SECRET_DIGITS: usize = 32;

impl Owner {
    /// The owner with this key. `None` unless it is 16 lower-case hexadecimal digits.
    pub fn parse(text: &str) -> Option<Self> {
        is_hex(text, OWNER_DIGITS).then(|| Self(text.to_owned()))
    }

    /// The owner with this key, as a number.
    pub fn of_key(key: u64) -> Self {
        Self(format!("{key:016x}"))
    }

    /// The key, as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl UploadId {
    /// The id of an owner's upload with these secret bits.
    pub fn new(owner: &Owner, secret: u128) -> Self {
        Self(format!("{}-{secret:032x}", owner.as_str()))
    }

    /// The id that a URL names. `None` unless it has the form of one.
    pub fn parse(text: &str) -> Option<Self> {
        let (owner, secret) = text.split_once('-')?;
        (is_hex(owner, OWNER_DIGITS) && is_hex(secret, SECRET_DIGITS)).then(|| Self(text.to_owned()))
    }

    /// The id, as text: safe in a URL and as a file's name.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whose upload it is.
    pub fn owner(&self) -> Owner {
        Owner(self.0.split('-').next().unwrap_or_default().to_owned())
    }
}

fn is_hex(text: &str, digits: usize) -> bool {
    text.len() == digits && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

impl TryFrom<String> for Owner {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::parse(&text).ok_or("an owner is 16 lower-case hexadecimal digits")
    }
}

impl From<Owner> for String {
    fn from(owner: Owner) -> Self {
        owner.0
    }
}

impl TryFrom<String> for UploadId {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::parse(&text).ok_or("an upload's id is an owner, a hyphen and 32 hexadecimal digits")
    }
}

impl From<UploadId> for String {
    fn from(id: UploadId) -> Self {
        id.0
    }
}
