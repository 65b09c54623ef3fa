//! Writing on a byte stream while nothing else is under way on it.

use std::io;

use tokio::io::AsyncWriteExt;

use crate::http::Io;

/// Writes all of `bytes` and flushes them: for the opening handshake.
pub(crate) async fn write_all(io: &mut impl Io, bytes: &[u8]) -> io::Result<()> {
    io.write_all(bytes).await?;
    io.flush().await
}
