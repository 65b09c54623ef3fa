//! How a proxy fails a client.

use std::fmt;
use std::io;

use http::StatusCode;

use crate::http::h1::HeadError;
use crate::http::tcp::TcpError;
use crate::http::tls::TlsError;

/// No tunnel through a proxy came about.
#[derive(Debug)]
#[non_exhaustive]
pub struct ProxyError {
    /// The proxy as a URL, without user name and password.
    pub proxy: String,
    /// The server that the tunnel was to lead to, as host and port.
    pub server: String,
    /// What went wrong.
    pub failure: ProxyFailure,
}

/// What went wrong between a client and its proxy.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProxyFailure {
    /// The proxy cannot be reached.
    #[error("cannot be reached: {0}")]
    Tcp(#[from] TcpError),
    /// The proxy can be reached, but TLS with it failed.
    #[error("failed in TLS: {0}")]
    Tls(#[from] TlsError),
    /// The proxy answered CONNECT with a status other than 2xx: mostly 407 for credentials that are missing or wrong,
    /// 403 for a server that it may not connect to, 502 to 504 for one that it cannot connect to.
    #[error("refused with status {0}")]
    RefusedWithStatus(StatusCode),
    /// The answer to CONNECT could not be read; a proxy that closes the connection is among these.
    #[error("did not answer CONNECT: {0}")]
    Head(#[from] HeadError),
    /// Bytes came behind the answer to CONNECT, where a server waits for its client to speak first.
    #[error("sent bytes through the tunnel before the server was asked")]
    SpokeEarly,
    /// The answer breaks the protocol of SOCKS5; a proxy of another kind looks so.
    #[error("does not speak SOCKS5")]
    NotSocks5,
    /// The proxy lets nobody in without authentication, and no user name was given.
    #[error("asks for authentication, and no user name was given")]
    CredentialsRequired,
    /// The proxy does not take a user name and password, or not these.
    #[error("refused the user name and password")]
    CredentialsRefused,
    /// The proxy did not connect to the server.
    #[error("refused: {0}")]
    RefusedWithReply(SocksReply),
    /// The name of the server is longer than the 255 bytes that SOCKS5 carries (RFC 1928 §5).
    #[error("cannot be asked for a name of {0} bytes")]
    LongHost(usize),
    /// The name of the server could not be looked up here; `socks5h` would let the proxy do so.
    #[error("needs an address, and the name cannot be looked up here: {0}")]
    Lookup(#[source] io::Error),
    /// The connection to the proxy failed, or it closed in the middle of SOCKS5.
    #[error("is gone: {0}")]
    Io(#[from] io::Error),
}

/// Why a SOCKS5 proxy did not connect (RFC 1928 §6).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SocksReply {
    /// 1: no reason given.
    #[error("general failure")]
    GeneralFailure,
    /// 2: the rules of the proxy forbid it.
    #[error("not allowed by its rules")]
    NotAllowed,
    /// 3: the network of the server cannot be reached.
    #[error("network unreachable")]
    NetworkUnreachable,
    /// 4: the server cannot be reached, or its name has no address.
    #[error("host unreachable")]
    HostUnreachable,
    /// 5: nobody listens on the port of the server.
    #[error("connection refused")]
    ConnectionRefused,
    /// 6: the server did not answer.
    #[error("TTL expired")]
    TtlExpired,
    /// 7: the proxy makes no connections at all.
    #[error("command not supported")]
    CommandNotSupported,
    /// 8: the proxy takes no names, or no IPv6.
    #[error("address type not supported")]
    AddressTypeNotSupported,
    /// A number without a meaning in RFC 1928.
    #[error("reply {0}")]
    Unassigned(u8),
}

impl SocksReply {
    /// The meaning of a reply other than 0, which is success.
    pub(super) fn from_code(code: u8) -> Self {
        match code {
            1 => Self::GeneralFailure,
            2 => Self::NotAllowed,
            3 => Self::NetworkUnreachable,
            4 => Self::HostUnreachable,
            5 => Self::ConnectionRefused,
            6 => Self::TtlExpired,
            7 => Self::CommandNotSupported,
            8 => Self::AddressTypeNotSupported,
            other => Self::Unassigned(other),
        }
    }
}

impl fmt::Display for ProxyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "proxy {} on the way to {} {}", self.proxy, self.server, self.failure)
    }
}

impl std::error::Error for ProxyError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.failure.source()
    }
}
