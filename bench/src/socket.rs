//! A connection to the server under test: TCP or TLS, raw or after the opening handshake.

use std::fs;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::fd::{AsFd, BorrowedFd};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use crate::failure::{Failure, fail};

/// Where the server is, and how it is spoken to.
#[derive(Clone)]
pub(crate) struct Target {
    pub(crate) address: SocketAddr,
    pub(crate) speech: Speech,
    pub(crate) tls: Option<Arc<ClientConfig>>,
}

/// What is spoken over the stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Speech {
    /// Nothing: bytes.
    Raw,
    WebSocket,
    /// With an offer of permessage-deflate.
    Deflate,
}

pub(crate) enum Socket {
    Tcp(TcpStream),
    Tls(Box<StreamOwned<ClientConnection, TcpStream>>),
}

/// How long an opening handshake may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// The nonce of RFC 6455 §1.3 and its answer: what is measured is not how a client hashes.
const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";
const ACCEPT: &str = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

impl Socket {
    /// Connects, and opens the WebSocket. Gives the extensions agreed on. The socket does not block from then on.
    pub(crate) fn open(target: &Target) -> Result<(Self, String), Failure> {
        let stream = TcpStream::connect(target.address).map_err(Failure::because("connecting"))?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        let mut socket = match &target.tls {
            None => Self::Tcp(stream),
            Some(config) => {
                let name = ServerName::from(target.address.ip());
                let client = ClientConnection::new(config.clone(), name).map_err(Failure::because("TLS"))?;
                Self::Tls(Box::new(StreamOwned::new(client, stream)))
            }
        };
        let extensions = match target.speech {
            Speech::Raw => String::new(),
            speech => socket.shake_hands(target.address, speech).map_err(Failure::because("handshake"))?,
        };
        socket.tcp().set_nonblocking(true)?;
        Ok((socket, extensions))
    }

    fn shake_hands(&mut self, address: SocketAddr, speech: Speech) -> Result<String, Failure> {
        let offer = match speech {
            Speech::Deflate => "Sec-WebSocket-Extensions: permessage-deflate\r\n",
            _ => "",
        };
        let request = format!(
            "GET / HTTP/1.1\r\nHost: {address}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Key: {KEY}\r\nSec-WebSocket-Version: 13\r\n{offer}\r\n"
        );
        self.write_all(request.as_bytes())?;
        let mut head = Vec::new();
        // Byte by byte, as a server may speak right behind its head. It costs the load some time, and the server none.
        while !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            if self.read(&mut byte)? == 0 {
                fail!("the server closed: {}", String::from_utf8_lossy(&head));
            }
            head.extend_from_slice(&byte);
        }
        let head = String::from_utf8_lossy(&head);
        if !head.starts_with("HTTP/1.1 101 ") || !head.contains(ACCEPT) {
            fail!("refused: {}", head.lines().next().unwrap_or_default());
        }
        let extensions = head.lines().filter_map(|line| line.split_once(": ")).find_map(|(name, value)| {
            name.eq_ignore_ascii_case("sec-websocket-extensions").then(|| value.trim().to_owned())
        });
        Ok(extensions.unwrap_or_default())
    }

    fn tcp(&self) -> &TcpStream {
        match self {
            Self::Tcp(stream) => stream,
            Self::Tls(stream) => &stream.sock,
        }
    }

    /// Sends what TLS still holds, and tells whether there is more of it than there is room for.
    pub(crate) fn holds_output(&mut self) -> bool {
        let Self::Tls(stream) = self else { return false };
        while stream.conn.wants_write() {
            // A failure shows when the socket is read.
            if stream.conn.write_tls(&mut stream.sock).is_err() {
                return true;
            }
        }
        false
    }

    /// Blocks from now on, for loads that do one thing after the other.
    pub(crate) fn set_blocking(&self) -> Result<(), Failure> {
        Ok(self.tcp().set_nonblocking(false)?)
    }

    /// What has come, or `None` when nothing has yet.
    pub(crate) fn receive(&mut self, buffer: &mut [u8]) -> Result<Option<usize>, Failure> {
        match self.read(buffer) {
            Ok(0) => fail!("the server closed the connection"),
            Ok(len) => Ok(Some(len)),
            Err(error) if is_later(&error) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// How much could be sent.
    pub(crate) fn give(&mut self, bytes: &[u8]) -> Result<usize, Failure> {
        match self.write(bytes) {
            Ok(len) => Ok(len),
            Err(error) if is_later(&error) => Ok(0),
            Err(error) => Err(error.into()),
        }
    }
}

fn is_later(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted)
}

impl Read for Socket {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Tcp(stream) => stream.read(buffer),
            Self::Tls(stream) => stream.read(buffer),
        }
    }
}

impl Write for Socket {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Tcp(stream) => stream.write(bytes),
            Self::Tls(stream) => stream.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Tcp(stream) => stream.flush(),
            Self::Tls(stream) => stream.flush(),
        }
    }
}

impl AsFd for Socket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.tcp().as_fd()
    }
}

/// A certificate for this machine, made anew, and a client that trusts it and no other.
pub(crate) struct Tls {
    pub(crate) client: Arc<ClientConfig>,
}

impl Tls {
    /// Writes the certificate and its key to these files.
    pub(crate) fn make(certificate: &Path, key: &Path) -> Result<Self, Failure> {
        let names = vec!["127.0.0.1".to_owned(), "localhost".to_owned()];
        let made = rcgen::generate_simple_self_signed(names).map_err(Failure::because("a certificate"))?;
        fs::write(certificate, made.cert.pem()).map_err(Failure::because(certificate.display()))?;
        fs::write(key, made.signing_key.serialize_pem()).map_err(Failure::because(key.display()))?;
        let mut roots = RootCertStore::empty();
        roots.add(made.cert.der().clone()).map_err(Failure::because("the certificate"))?;
        let client = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
        Ok(Self { client: Arc::new(client) })
    }
}
