//! Where uploads are kept, and what they may take.

use std::io;
use std::path::Path;
use std::time::Duration;

use clap::builder::NonEmptyStringValueParser;
use tidegate_gateway::upload::store::StoreError;
use tidegate_gateway::upload::{Limits, Uploads, store};

use crate::exit::Failure;
use crate::temporary::Temporary;
use crate::values::{parse_disk, parse_period};

/// The uploads of `tidegate serve`.
#[derive(Debug, clap::Args)]
pub(crate) struct ServeUploads {
    /// Take uploads, and keep them in this folder, which is made if need be, or at s3://BUCKET/PREFIX where that is built
    /// in (feature object-store); none are taken otherwise
    #[arg(long = "uploads", value_name = "DIR", value_parser = NonEmptyStringValueParser::new())]
    folder: Option<String>,
    /// The longest upload; K, M, G and T may follow
    #[arg(long, value_name = "BYTES", default_value = "16G", value_parser = parse_disk, requires = "folder")]
    max_upload: u64,
    /// How much one person's uploads may have together; as long as nobody is asked who they are, that is everybody
    #[arg(long, value_name = "BYTES", default_value = "64G", value_parser = parse_disk, requires = "folder")]
    upload_quota: u64,
    /// How long an upload is kept that is not complete, and to which nothing comes: 90s, 30m, 12h or 7d
    #[arg(long, value_name = "TIME", default_value = "7d", value_parser = parse_period, requires = "folder")]
    upload_expiry: Duration,
}

/// The uploads of `tidegate demo`.
#[derive(Debug, clap::Args)]
pub(crate) struct DemoUploads {
    /// Keep uploads in this folder, instead of a temporary one that is removed at the end; 1 GiB in all, for an hour
    #[arg(long = "uploads", value_name = "DIR", value_parser = NonEmptyStringValueParser::new())]
    folder: Option<String>,
}

/// What the demo keeps, and for how long.
const DEMO_BYTES: u64 = 1 << 30;
const DEMO_TIME: Duration = Duration::from_secs(3600);

impl ServeUploads {
    /// Opens the store, if there is to be one.
    pub(crate) async fn open(&self) -> Result<Option<Uploads>, Failure> {
        let Some(folder) = &self.folder else { return Ok(None) };
        let limits = Limits {
            max_bytes: self.max_upload,
            owner_bytes: self.upload_quota,
            expiry: self.upload_expiry,
            ..Limits::default()
        };
        open(folder, limits).await.map(Some)
    }
}

impl DemoUploads {
    /// Opens the store. The folder is to be kept as long as the demo runs.
    pub(crate) async fn open(&self) -> Result<(Uploads, Option<Temporary>), Failure> {
        let limits = Limits {
            max_bytes: DEMO_BYTES,
            owner_bytes: DEMO_BYTES,
            total_bytes: Some(DEMO_BYTES),
            expiry: DEMO_TIME,
            retention: Some(DEMO_TIME),
            sweep: DEMO_TIME / 60,
            ..Limits::default()
        };
        if let Some(folder) = &self.folder {
            return Ok((open(folder, limits).await?, None));
        }
        let place = std::env::temp_dir();
        let made = tokio::task::spawn_blocking(move || {
            Temporary::remove_stale(&place);
            Temporary::new(&place)
        });
        let temporary = made.await.map_err(io::Error::other).flatten();
        let temporary = temporary.map_err(|error| cannot(&std::env::temp_dir(), &error))?;
        let folder = temporary.folder();
        let folder = folder.to_str().ok_or_else(|| cannot(folder, &"its name is not UTF-8"))?;
        Ok((open(folder, limits).await?, Some(temporary)))
    }
}

async fn open(folder: &str, limits: Limits) -> Result<Uploads, Failure> {
    match store::open(folder).await {
        Ok(store) => Ok(Uploads::new(store, limits)),
        Err(StoreError::Io(error)) if error.kind() == io::ErrorKind::Unsupported => {
            Err(Failure::usage(format!("{error}; a folder is needed, as --uploads /var/uploads")))
        }
        Err(StoreError::Io(error)) => Err(cannot(Path::new(folder), &error)),
        Err(error) => Err(cannot(Path::new(folder), &error)),
    }
}

fn cannot(folder: &Path, error: &dyn std::fmt::Display) -> Failure {
    let way = "name another folder with --uploads";
    Failure::failed(format!("cannot keep uploads in {}: {error}; {way}", folder.display()))
}
