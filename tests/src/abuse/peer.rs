//! One end of a connection that does as it likes.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::failed;
use crate::raw::{CLOSE, request};

/// How long anything may take that the server must do at once.
const PATIENCE: Duration = Duration::from_secs(20);

/// When the server has taken nothing for so long, it takes nothing any more.
const STALL: Duration = Duration::from_secs(2);

/// A client without manners.
pub(crate) struct Peer {
    pub(crate) io: TcpStream,
}

impl Peer {
    pub(crate) async fn connect(address: SocketAddr) -> io::Result<Self> {
        let io = soon("a connection", TcpStream::connect(address)).await?;
        io.set_nodelay(true)?;
        Ok(Self { io })
    }

    /// Opens a WebSocket, with further header lines.
    pub(crate) async fn open(address: SocketAddr, lines: &str) -> io::Result<Self> {
        let mut peer = Self::connect(address).await?;
        peer.io.write_all(request(lines).as_bytes()).await?;
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(soon("the response", peer.io.read_u8()).await?);
        }
        if head.starts_with(b"HTTP/1.1 101 ") {
            return Ok(peer);
        }
        failed(format!("no WebSocket: {}", String::from_utf8_lossy(&head)))
    }

    pub(crate) async fn sends(&mut self, bytes: &[u8]) -> io::Result<()> {
        soon("what was sent being taken", self.io.write_all(bytes)).await
    }

    /// Sends `chunk` again and again, `total` bytes at most, and reads nothing. Gives the bytes that went out until
    /// the server took no more.
    pub(crate) async fn floods(&mut self, chunk: &[u8], total: usize) -> io::Result<usize> {
        let mut sent = 0;
        while sent < total {
            match timeout(STALL, self.io.write(&chunk[sent % chunk.len()..])).await {
                Ok(written) => sent += written?,
                Err(_) => break,
            }
        }
        Ok(sent)
    }

    /// Reads frames until a Close comes, and gives its code.
    pub(crate) async fn close_code(&mut self) -> io::Result<u16> {
        loop {
            let first = soon("a Close", self.io.read_u8()).await?;
            let len = match self.io.read_u8().await? {
                126 => u64::from(self.io.read_u16().await?),
                127 => self.io.read_u64().await?,
                len => u64::from(len),
            };
            let mut payload = Vec::new();
            soon("a whole frame", (&mut self.io).take(len).read_to_end(&mut payload)).await?;
            match payload.as_slice() {
                [high, low, ..] if first == CLOSE => return Ok(u16::from_be_bytes([*high, *low])),
                _ if first == CLOSE => return Ok(1005),
                _ => {}
            }
        }
    }

    /// The status of an HTTP response; none if the stream ends without any.
    pub(crate) async fn status(&mut self) -> io::Result<Option<u16>> {
        let mut line = Vec::new();
        let read = soon("an answer", (&mut self.io).take(12).read_to_end(&mut line)).await;
        let status = String::from_utf8_lossy(&line).strip_prefix("HTTP/1.1 ").and_then(|s| s.parse().ok());
        match (status, read) {
            (None, Err(error)) if error.kind() != io::ErrorKind::ConnectionReset => Err(error),
            (status, _) => Ok(status),
        }
    }

    /// Goes away by a reset, without a word.
    pub(crate) fn vanishes(self) -> io::Result<()> {
        self.io.set_zero_linger()
    }
}

async fn soon<T>(what: &str, future: impl Future<Output = io::Result<T>>) -> io::Result<T> {
    match timeout(PATIENCE, future).await {
        Ok(result) => result.map_err(|error| io::Error::new(error.kind(), format!("{what}: {error}"))),
        Err(_) => failed(format!("{what} did not come within {PATIENCE:?}")),
    }
}
