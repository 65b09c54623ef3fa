//! What of an upload is durable, as the bucket has it.

use std::io;

use object_store::{GetOptions, ObjectMeta, ObjectStore, ObjectStoreExt, PutMode, PutOptions, UpdateVersion};
use serde::{Deserialize, Serialize};

use super::bucket::{Bucket, meaning};
use crate::upload::store::{Record, StoreError, Stored, UploadId};

/// What of an upload is durable.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Manifest {
    pub(super) record: Record,
    /// Which writer wrote it: a newer one has a higher number.
    pub(super) fence: u64,
    /// A number that no other writer has, in hexadecimal digits.
    #[serde(default)]
    pub(super) writer: String,
    /// How many bytes each part has, but for the last of a complete upload.
    pub(super) part_bytes: u64,
    /// The multipart upload, once there is a whole part.
    pub(super) multipart: Option<String>,
    /// What the store calls the whole parts.
    pub(super) parts: Vec<String>,
    /// What lies behind them.
    pub(super) tail: Option<Tail>,
    /// The last part, the bytes of the tail: the parts are being put together.
    pub(super) last: Option<String>,
    /// The bytes are one object, of this size.
    pub(super) stored: Option<u64>,
    pub(super) is_dead: bool,
    /// It is being removed: there is no such upload any more.
    #[serde(default)]
    pub(super) is_removed: bool,
}

/// Bytes that are no whole part yet.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Tail {
    pub(super) name: String,
    pub(super) bytes: u64,
}

impl Manifest {
    pub(super) fn new(record: Record, part_bytes: u64) -> Self {
        Self {
            record,
            fence: 0,
            writer: String::new(),
            part_bytes,
            multipart: None,
            parts: Vec::new(),
            tail: None,
            last: None,
            stored: None,
            is_dead: false,
            is_removed: false,
        }
    }

    /// How many bytes are durable.
    pub(super) fn offset(&self) -> u64 {
        let tail = self.tail.as_ref().map_or(0, |tail| tail.bytes);
        self.stored.unwrap_or(self.parts.len() as u64 * self.part_bytes + tail)
    }

    pub(super) fn state(&self) -> Stored {
        Stored { record: self.record.clone(), offset: self.offset() }
    }

    /// The manifest of an upload, and which version of it this is.
    pub(super) async fn get(bucket: &Bucket, id: &UploadId) -> Result<(Self, UpdateVersion), StoreError> {
        let (manifest, meta) = Self::find(bucket, id).await?;
        if manifest.is_removed {
            Err(StoreError::Missing)
        } else if manifest.is_dead || manifest.record.id != *id {
            Err(StoreError::Dead)
        } else {
            Ok((manifest, UpdateVersion { e_tag: meta.e_tag, version: meta.version }))
        }
    }

    /// The manifest that is there, also of an upload that is dead or half removed.
    pub(super) async fn find(bucket: &Bucket, id: &UploadId) -> Result<(Self, ObjectMeta), StoreError> {
        let got =
            bucket.objects.get_opts(&bucket.manifest(id), GetOptions::default()).await.map_err(meaning)?;
        let meta = got.meta.clone();
        let bytes = got.bytes().await.map_err(meaning)?;
        Ok((serde_json::from_slice(&bytes).map_err(|_| StoreError::Dead)?, meta))
    }

    /// It is from another writer from now on.
    pub(super) fn take_over(&mut self) -> Result<(), StoreError> {
        let mut number = [0; 16];
        getrandom::fill(&mut number).map_err(io::Error::from)?;
        self.writer = format!("{:032x}", u128::from_be_bytes(number));
        Ok(())
    }

    /// Writes it in the place of the version that is known, or as the first. When there is another one meanwhile, that
    /// stays.
    ///
    /// A failure may be the answer to a repetition, or the answer may be lost: whether it was written, what is there
    /// tells, since no other writer writes the same.
    pub(super) async fn put(
        &self,
        bucket: &Bucket,
        version: Option<UpdateVersion>,
    ) -> Result<UpdateVersion, StoreError> {
        let json = serde_json::to_vec(self).map_err(io::Error::other)?;
        let mode = version.map_or(PutMode::Create, |version| bucket.instead_of(version));
        let options = PutOptions { mode, ..PutOptions::default() };
        let place = bucket.manifest(&self.record.id);
        let error = match bucket.objects.put_opts(&place, json.clone().into(), options).await {
            Ok(put) => return Ok(put.into()),
            Err(error) => error,
        };
        let Ok(got) = bucket.objects.get(&place).await else { return Err(meaning(error)) };
        let version = UpdateVersion { e_tag: got.meta.e_tag.clone(), version: got.meta.version.clone() };
        match got.bytes().await {
            Ok(bytes) if bytes == json => Ok(version),
            // A manifest that is gone was removed by somebody else.
            _ => Err(meaning(error)),
        }
    }
}
