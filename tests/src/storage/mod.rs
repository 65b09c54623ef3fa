//! Crashes of a real process that writes uploads, and whether its store has kept its promises; and disks that are slow.

pub mod ceph;
pub mod faulty;
pub mod kills;
pub mod many;
pub mod powercuts;
mod promises;
pub mod writer;

use std::ffi::OsStr;
use std::net::TcpListener;
use std::sync::Arc;

use tidegate_gateway::upload::store::objects::{Objects, Settings};
use tidegate_gateway::upload::store::{Store, open};

pub use promises::{Depth, Promises};

/// The bucket of the tests, on the servers that they start.
pub const BUCKET: &str = "uploads";

/// Who asks there, and the secret.
const KEY: &str = "tests";

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
        .option("aws_access_key_id", KEY)
        .option("aws_secret_access_key", KEY);
    let objects = Objects::s3(BUCKET, "below/here", settings).await.map_err(|error| error.to_string())?;
    Ok(Arc::new(objects))
}

/// A port of 127.0.0.1 that nobody has at the moment.
///
/// # Errors
///
/// When there is none.
pub fn free_port() -> Result<u16, String> {
    let listener = TcpListener::bind("127.0.0.1:0").map_err(|error| error.to_string())?;
    listener.local_addr().map(|address| address.port()).map_err(|error| error.to_string())
}
