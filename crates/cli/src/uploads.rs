//! Where uploads are kept, and what they may take.

use std::fs::DirBuilder;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tidegate_gateway::upload::{Limits, Uploads, store};

use crate::exit::Failure;

/// The uploads of `tidegate serve`.
#[derive(Debug, clap::Args)]
pub(crate) struct ServeUploads {
    /// Take uploads, and keep them in this folder, which is made if need be, or at s3://BUCKET/PREFIX where that is built
    /// in (feature object-store); none are taken otherwise
    #[arg(long = "uploads", value_name = "DIR")]
    folder: Option<String>,
    /// The longest upload; K, M, G and T may follow
    #[arg(long, value_name = "BYTES", default_value = "16G", value_parser = parse_bytes, requires = "folder")]
    max_upload: u64,
    /// How much one person's uploads may have together; as long as nobody is asked who they are, that is everybody
    #[arg(long, value_name = "BYTES", default_value = "64G", value_parser = parse_bytes, requires = "folder")]
    upload_quota: u64,
    /// How long an upload is kept that is not complete, and to which nothing comes: 90s, 30m, 12h or 7d
    #[arg(long, value_name = "TIME", default_value = "7d", value_parser = parse_period, requires = "folder")]
    upload_expiry: Duration,
}

/// The uploads of `tidegate demo`.
#[derive(Debug, clap::Args)]
pub(crate) struct DemoUploads {
    /// Keep uploads in this folder, instead of a temporary one that is removed at the end; 1 GiB in all, for an hour
    #[arg(long = "uploads", value_name = "DIR")]
    folder: Option<String>,
}

/// A folder that is removed when this is dropped.
pub(crate) struct Temporary(PathBuf);

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
        let temporary = Temporary::new()?;
        let folder = temporary.0.to_str().ok_or_else(|| cannot(&temporary.0, &"its name is not UTF-8"))?;
        Ok((open(folder, limits).await?, Some(temporary)))
    }
}

impl Temporary {
    fn new() -> Result<Self, Failure> {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let name = format!("tidegate-demo-{}-{}", std::process::id(), since.as_nanos());
        let folder = std::env::temp_dir().join(name);
        let mut builder = DirBuilder::new();
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        // Fails if somebody else has made one of this name.
        builder.create(&folder).map_err(|error| cannot(&folder, &error))?;
        Ok(Self(folder))
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        // What cannot be removed is left to whoever cleans temporary folders.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

async fn open(folder: &str, limits: Limits) -> Result<Uploads, Failure> {
    let store = store::open(folder).await.map_err(|error| cannot(Path::new(folder), &error))?;
    Ok(Uploads::new(store, limits))
}

fn cannot(folder: &Path, error: &dyn std::fmt::Display) -> Failure {
    Failure::failed(format!("cannot keep uploads in {}: {error}", folder.display()))
}

fn parse_bytes(text: &str) -> Result<u64, String> {
    let (number, shift) = match text.char_indices().last() {
        Some((at, 'k' | 'K')) => (&text[..at], 10),
        Some((at, 'm' | 'M')) => (&text[..at], 20),
        Some((at, 'g' | 'G')) => (&text[..at], 30),
        Some((at, 't' | 'T')) => (&text[..at], 40),
        _ => (text, 0),
    };
    let number: u64 = number.parse().map_err(|_| "a number is needed, as 65536, 16M or 2G")?;
    number.checked_mul(1 << shift).filter(|bytes| *bytes > 0).ok_or_else(|| "from 1 to 16383T".to_owned())
}

fn parse_period(text: &str) -> Result<Duration, String> {
    let (number, unit) = match text.char_indices().last() {
        Some((at, 's')) => (&text[..at], 1),
        Some((at, 'm')) => (&text[..at], 60),
        Some((at, 'h')) => (&text[..at], 3600),
        Some((at, 'd')) => (&text[..at], 24 * 3600),
        _ => (text, 1),
    };
    let number: u64 = number.parse().map_err(|_| "a time is needed, as 90s, 30m, 12h or 7d")?;
    let seconds = number.checked_mul(unit).filter(|seconds| (1..=MAX_SECONDS).contains(seconds));
    seconds.map(Duration::from_secs).ok_or_else(|| "from 1s to 3650d".to_owned())
}

/// Ten years.
const MAX_SECONDS: u64 = 3650 * 24 * 3600;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_and_times_have_units() {
        assert_eq!(parse_bytes("65536"), Ok(65_536));
        assert_eq!(parse_bytes("2G"), Ok(2 << 30));
        assert_eq!(parse_bytes("1t"), Ok(1 << 40));
        for text in ["", "0", "G", "-1", "1.5G", "99999999T"] {
            assert!(parse_bytes(text).is_err(), "{text}");
        }
        assert_eq!(parse_period("90"), Ok(Duration::from_secs(90)));
        assert_eq!(parse_period("7d"), Ok(Duration::from_secs(604_800)));
        for text in ["", "0s", "d", "4000d", "1w"] {
            assert!(parse_period(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_temporary_folder_goes() {
        let temporary = Temporary::new().unwrap_or_else(|_| panic!("there is room for a folder"));
        let folder = temporary.0.clone();
        std::fs::write(folder.join("file"), b"x").unwrap();
        drop(temporary);
        assert!(!folder.exists());
    }
}
