//! How far each upload has come, as a channel that everybody may read, and nobody write.

use std::sync::Arc;

use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::doors::Doors;
use crate::upload::store::UploadId;
use crate::upload::{Progress, Watch};

/// Publishes the progress of uploads.
pub(crate) struct News {
    doors: Arc<Doors>,
    /// The path of channels, with a slash at its end.
    channels: &'static str,
}

/// What a publication says.
#[derive(Serialize)]
struct Publication {
    offset: u64,
    length: Option<u64>,
    complete: bool,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    gone: bool,
}

/// How the names of these channels begin.
const PREFIX: &str = "upload-";

/// Whether a channel is about an upload.
pub(crate) fn is_news(channel: &str) -> bool {
    channel.starts_with(PREFIX)
}

impl News {
    pub(crate) fn new(doors: Arc<Doors>, channels: &'static str) -> Self {
        Self { doors, channels }
    }
}

impl Watch for News {
    fn progress(&self, id: &UploadId, progress: Progress) {
        let Progress { offset, length, is_complete, is_gone } = progress;
        let publication = Publication { offset, length, complete: is_complete, gone: is_gone };
        if let Ok(text) = serde_json::to_string(&publication) {
            self.doors.publish_news(&name(id), text);
        }
    }

    fn link(&self, id: &UploadId) -> Option<String> {
        Some(format!("{}{}", self.channels, name(id)))
    }
}

/// The name of an upload's channel, which tells nothing of its id.
fn name(id: &UploadId) -> String {
    let digest = Sha256::digest(id.as_str());
    let mut half = [0; 16];
    half.copy_from_slice(&digest[..16]);
    format!("{PREFIX}{:032x}", u128::from_be_bytes(half))
}
