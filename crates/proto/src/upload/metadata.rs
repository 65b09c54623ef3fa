//! What a client says of a file: `Upload-Metadata` of tus, and what the draft takes from `Content-Disposition`.

use base64::Engine;
use base64::alphabet;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig, STANDARD};
use http::HeaderMap;
use http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};

use super::disposition;
use super::field::{self, single};

/// Pairs of a key and bytes, as a client sends them in `Upload-Metadata`. All of it is hostile: it is looked at, and
/// given back as it came, and names no path.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Metadata {
    text: String,
    pairs: Vec<(String, Vec<u8>)>,
}

/// Text that is no `Upload-Metadata`, or is longer than [`MAX_METADATA_BYTES`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("bad Upload-Metadata")]
pub struct BadMetadata;

/// The longest `Upload-Metadata`, in bytes.
pub const MAX_METADATA_BYTES: usize = 4096;

impl Metadata {
    /// Reads what tus has in `Upload-Metadata`. Nothing at all is fine: a client sends the field empty.
    ///
    /// # Errors
    ///
    /// A key that is missing, no visible ASCII or there twice, a value that is no Base64, or too much of them.
    pub fn parse(text: &str) -> Result<Self, BadMetadata> {
        let text = text.trim_ascii();
        if text.len() > MAX_METADATA_BYTES {
            return Err(BadMetadata);
        }
        let mut metadata = Self { text: text.to_owned(), pairs: Vec::new() };
        if text.is_empty() {
            return Ok(metadata);
        }
        for pair in text.split(',') {
            let (key, value) = pair.trim_ascii().split_once(' ').unwrap_or((pair.trim_ascii(), ""));
            let is_key = !key.is_empty() && key.bytes().all(|byte| byte.is_ascii_graphic());
            if !is_key || metadata.get(key).is_some() {
                return Err(BadMetadata);
            }
            let value = BASE64.decode(value.trim_ascii()).map_err(|_| BadMetadata)?;
            metadata.pairs.push((key.to_owned(), value));
        }
        Ok(metadata)
    }

    /// Reads `Upload-Metadata` in the head of a creation. None is fine.
    ///
    /// # Errors
    ///
    /// As [`parse`](Self::parse), or if it is there twice.
    pub fn read(headers: &HeaderMap) -> Result<Self, BadMetadata> {
        match single(headers, &field::UPLOAD_METADATA) {
            Ok(Some(value)) => Self::parse(std::str::from_utf8(value).map_err(|_| BadMetadata)?),
            Ok(None) => Ok(Self::default()),
            Err(_) => Err(BadMetadata),
        }
    }

    /// What the head of a creation says of the file in the draft's words: `Content-Disposition` and `Content-Type`
    /// become `filename` and `filetype`. `Upload-Metadata` goes before them, which some clients of the draft send too.
    /// What cannot be understood is left out.
    #[must_use]
    pub fn of_representation(headers: &HeaderMap) -> Self {
        if let Ok(metadata) = Self::read(headers)
            && !metadata.pairs.is_empty()
        {
            return metadata;
        }
        let disposition = single(headers, &CONTENT_DISPOSITION).ok().flatten();
        let name = disposition.and_then(disposition::file_name);
        let media_type = single(headers, &CONTENT_TYPE).ok().flatten();
        let media_type = media_type.filter(|value| {
            value.is_ascii() && !value.is_empty() && !value.eq_ignore_ascii_case(PARTIAL_UPLOAD.as_bytes())
        });
        let pairs =
            [("filename", name.map(String::into_bytes)), ("filetype", media_type.map(<[u8]>::to_vec))];
        let pairs = pairs.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?)));
        Self::of_pairs(pairs.collect()).unwrap_or_default()
    }

    /// Metadata of these pairs.
    fn of_pairs(pairs: Vec<(String, Vec<u8>)>) -> Option<Self> {
        let one = |(key, value): &(String, Vec<u8>)| format!("{key} {}", STANDARD.encode(value));
        let text = pairs.iter().map(one).collect::<Vec<_>>().join(",");
        (text.len() <= MAX_METADATA_BYTES).then_some(Self { text, pairs })
    }

    /// The value of a key.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&[u8]> {
        self.pairs.iter().find(|(other, _)| other == key).map(|(_, value)| value.as_slice())
    }

    /// The name that the client gives the file, if it is text and could be a file's name. Under which key depends on the
    /// client. It is for people to read, and for `Content-Disposition`, encoded; it is not to be made a path of.
    #[must_use]
    pub fn file_name(&self) -> Option<&str> {
        let name = ["filename", "name"].iter().find_map(|key| self.get(key))?;
        let name = std::str::from_utf8(name).ok()?;
        // What a browser or a tool of Windows has put before the name itself.
        let name = name.rsplit(['/', '\\']).next().unwrap_or_default();
        let is_name = !matches!(name, "" | "." | "..") && !name.chars().any(char::is_control);
        is_name.then_some(name)
    }

    /// As it came.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// As it came.
    #[must_use]
    pub fn into_string(self) -> String {
        self.text
    }
}

/// Clients leave the padding away, or not.
pub(super) const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// The media type of an append in the draft.
pub(super) const PARTIAL_UPLOAD: &str = "application/partial-upload";
