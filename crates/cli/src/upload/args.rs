//! What `tidegate upload` is told.

use std::path::PathBuf;
use std::time::Duration;

use http::{HeaderName, HeaderValue};

use crate::values::{parse_bytes, parse_header, parse_seconds};

/// Upload a file, in as many goes as the network needs.
///
/// Speaks tus 1.0.0, as `tidegate serve --uploads` and many other servers do. The upload goes on from the byte that the
/// server has: after a loss by itself, and after Ctrl-C or a crash when the same command is given again. A file that has
/// changed since then is uploaded anew. Prints the URL of the upload on standard output, and everything else on
/// standard error.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct UploadArgs {
    /// The file, or - for standard input, whose length need not be known; that cannot be resumed by another command
    pub(crate) file: PathBuf,
    /// Where uploads are created: http://… or https://…
    pub(crate) url: String,
    /// Forget, and remove, what was begun before
    #[arg(long)]
    pub(crate) fresh: bool,
    /// Upload so many parts side by side, and have the server join them
    #[arg(long, value_name = "COUNT", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=64))]
    pub(crate) parallel: u16,
    /// Have the server check each chunk
    #[arg(long, value_name = "NAME", value_enum)]
    pub(crate) checksum: Option<ChecksumName>,
    /// How much one request carries; K, M and G may follow [default: all there is, with --checksum 16M, and 8M, held in
    /// memory, of standard input]
    #[arg(long, value_name = "BYTES", value_parser = parse_chunk)]
    pub(crate) chunk_size: Option<u64>,
    /// A header to add to each request, as 'Authorization: Bearer …'; may be repeated
    #[arg(short = 'H', long = "header", value_name = "NAME: VALUE", value_parser = parse_header)]
    pub(crate) headers: Vec<(HeaderName, HeaderValue)>,
    /// Trust the authorities in this PEM file instead of those of the system
    #[arg(long, value_name = "FILE")]
    pub(crate) ca: Option<PathBuf>,
    /// Accept every certificate: whoever is on the way can read and change everything
    #[arg(short = 'k', long, conflicts_with = "ca")]
    pub(crate) insecure: bool,
    /// Show the client certificate in this PEM file to a server that asks for one
    #[arg(long, value_name = "FILE", requires = "key")]
    pub(crate) cert: Option<PathBuf>,
    /// The private key of the client certificate, a PEM file
    #[arg(long, value_name = "FILE", requires = "cert")]
    pub(crate) key: Option<PathBuf>,
    /// How long a request may stand still before its connection counts as lost, and another one goes on
    #[arg(long, value_name = "SECONDS", default_value = "30", value_parser = parse_seconds)]
    pub(crate) timeout: Duration,
    /// How long to go on trying while nothing gets through
    #[arg(long, value_name = "SECONDS", default_value = "300", value_parser = parse_seconds)]
    pub(crate) patience: Duration,
    /// Show no progress, and say nothing but what went wrong
    #[arg(short, long)]
    pub(crate) quiet: bool,
}

/// How a chunk is checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum ChecksumName {
    /// SHA-256
    Sha256,
    /// SHA-1, which every tus server with checksums knows
    Sha1,
}

impl UploadArgs {
    /// Whether standard input is meant.
    pub(super) fn is_stdin(&self) -> bool {
        self.file.as_os_str() == "-"
    }
}

const EXAMPLES: &str = "\
Examples:
  tidegate serve --uploads /var/uploads &
  tidegate upload film.mkv http://127.0.0.1:8080/uploads
  tidegate upload film.mkv https://host.example/files -H 'Authorization: Bearer secret' --parallel 4
  tidegate upload disk.img http://127.0.0.1:8080/uploads --checksum sha256 --chunk-size 8M
  tar c photos | tidegate upload - http://127.0.0.1:8080/uploads";

fn parse_chunk(text: &str) -> Result<u64, String> {
    match parse_bytes(text)? {
        0 => Err("at least one byte".to_owned()),
        bytes => Ok(bytes),
    }
}
