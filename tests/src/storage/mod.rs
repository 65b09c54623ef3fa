//! Crashes of a real process that writes uploads, and whether its store has kept its promises; and disks that are slow.

pub mod faulty;
pub mod kills;
pub mod powercuts;
mod promises;
pub mod writer;

use std::ffi::OsStr;
use std::sync::Arc;

use tidegate_gateway::upload::store::objects::{Objects, Settings};
use tidegate_gateway::upload::store::{Store, open};

pub use promises::Promises;

/// The bucket of the tests, on the servers that they start.
pub const BUCKET: &str = "uploads";

/// Opens the store at a place: a folder, or the URL of an S3 server (`http://127.0.0.1:5000`).
///
/// # Errors
///
/// When it cannot be opened.
pub async fn open_store(place: &OsStr) -> Result<Arc<dyn Store>, String> {
    let text = place.to_str().ok_or("a place is text")?;
    if !text.starts_with("http://") {
        return open(text).await.map_err(|error| error.to_string());
    }
    let settings = Settings::default()
        .part_bytes(0)
        .interval(std::time::Duration::from_millis(100))
        .option("aws_endpoint", text)
        .option("aws_allow_http", "true")
        .option("aws_region", "us-east-1")
        .option("aws_access_key_id", "tests")
        .option("aws_secret_access_key", "tests");
    let objects = Objects::s3(BUCKET, "below/here", settings).map_err(|error| error.to_string())?;
    Ok(Arc::new(objects))
}
