//! Opening the store that a URL names.

use std::io;
use std::sync::Arc;

use super::files::{Files, Settings};
use super::{Store, StoreError};

/// Opens the store at a URL: `file:///var/lib/uploads` or the path of a folder; with the feature `object-store` also
/// `s3://BUCKET/PREFIX`, for which the environment has the rest as for the AWS tools.
///
/// # Errors
///
/// When the URL names no store that is known here, or the store cannot be opened.
pub async fn open(url: &str) -> Result<Arc<dyn Store>, StoreError> {
    let folder = match url.split_once("://") {
        Some(("file", folder)) => folder,
        #[cfg(feature = "object-store")]
        Some(("s3", place)) => {
            let (bucket, prefix) = place.split_once('/').unwrap_or((place, ""));
            let settings = super::objects::Settings::default();
            return Ok(Arc::new(super::objects::Objects::s3(bucket, prefix, settings).await?));
        }
        #[cfg(not(feature = "object-store"))]
        Some(("s3", _)) => {
            let reason =
                "uploads cannot be kept at `s3:`: this program was built without the feature object-store";
            return Err(StoreError::Io(io::Error::new(io::ErrorKind::Unsupported, reason)));
        }
        Some((scheme, _)) => {
            let reason = format!("uploads cannot be kept at `{scheme}:`");
            return Err(StoreError::Io(io::Error::new(io::ErrorKind::Unsupported, reason)));
        }
        None => url,
    };
    Ok(Arc::new(Files::open(folder, Settings::default()).await?))
}
