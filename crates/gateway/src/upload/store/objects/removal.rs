//! How an upload goes, and what a crash has left of one that went.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use object_store::ObjectStoreExt;

use super::bucket::{Bucket, meaning};
use super::manifest::Manifest;
use crate::upload::store::{StoreError, UploadId};

/// After how long without news a removal is one that a crash has ended: another process might still be at it.
pub(super) const PATIENCE: Duration = Duration::from_secs(60);

/// Removes an upload: its manifest first says that it is being removed, and goes last.
pub(super) async fn remove(bucket: &Bucket, id: &UploadId) -> Result<(), StoreError> {
    let path = bucket.manifest(id);
    let got = match bucket.objects.get(&path).await {
        Ok(got) => got,
        Err(object_store::Error::NotFound { .. }) => return Ok(()),
        Err(error) => return Err(meaning(error)),
    };
    let bytes = got.bytes().await.map_err(meaning)?;
    if let Ok(mut manifest) = serde_json::from_slice::<Manifest>(&bytes) {
        (manifest.is_dead, manifest.is_removed) = (true, true);
        let json = serde_json::to_vec(&manifest).map_err(std::io::Error::other)?;
        // Whoever still writes has another version, and fails.
        bucket.objects.put(&path, json.into()).await.map_err(meaning)?;
        if let Some(tail) = &manifest.tail {
            let _ = bucket.objects.delete(&bucket.tail(id, &tail.name)).await;
        }
        if let Some(multipart) = &manifest.multipart {
            let _ = bucket.objects.abort_multipart(&bucket.data(id), multipart).await;
        }
    }
    match bucket.objects.delete(&bucket.data(id)).await {
        Ok(()) | Err(object_store::Error::NotFound { .. }) => {}
        Err(error) => return Err(meaning(error)),
    }
    match bucket.objects.delete(&path).await {
        Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
        Err(error) => Err(meaning(error)),
    }
}

/// Removes an upload that nobody can ask for any more: one that a crash has left half removed, or that was given up and
/// has expired. `false`: it is none of these, or not yet.
pub(super) async fn clear(bucket: &Bucket, id: &UploadId, patience: Duration) -> Result<bool, StoreError> {
    let (manifest, meta) = match Manifest::find(bucket, id).await {
        Err(StoreError::Missing) => return Ok(false),
        found => found?,
    };
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let began = u64::try_from(meta.last_modified.timestamp_millis()).unwrap_or(0);
    let is_left = manifest.is_removed && now >= Duration::from_millis(began).saturating_add(patience);
    let has_expired = |expires| Duration::from_millis(expires) <= now;
    let is_over =
        manifest.is_dead && !manifest.is_removed && manifest.record.expires.is_some_and(has_expired);
    if is_left || is_over {
        remove(bucket, id).await?;
    }
    Ok(is_left || is_over)
}
