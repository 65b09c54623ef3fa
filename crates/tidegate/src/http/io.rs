//! What every byte stream here has in common.

use tokio::io::{AsyncRead, AsyncWrite};

/// A byte stream both ways, whatever it runs over.
pub(crate) trait Io: AsyncRead + AsyncWrite + Send + Unpin + 'static {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin + 'static> Io for T {}
