//! How HTTP/2 fails.

use std::io;

use ::h2::{Error, Reason};

/// Why a stream of HTTP/2, or the connection that carries it, failed.
///
/// On an open WebSocket it is inside the `io::Error` of [`Cause::Lost`](crate::Cause::Lost).
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Http2Error {
    /// The peer reset the stream (RFC 9113 §6.4). 8 is CANCEL, what a page that goes away sends.
    #[error("peer reset the stream with code {code}: {}", Reason::from(*.code).description())]
    Reset {
        /// The error code (RFC 9113 §7).
        code: u32,
    },
    /// The peer ended the whole connection (RFC 9113 §6.8).
    #[error("peer ended the HTTP/2 connection with code {code}: {}", Reason::from(*.code).description())]
    GoneAway {
        /// The error code (RFC 9113 §7).
        code: u32,
    },
    /// The peer broke a rule of HTTP/2, or a limit, and was told with this code.
    #[error("peer broke HTTP/2, code {code}: {}", Reason::from(*.code).description())]
    PeerMisbehaved {
        /// The error code (RFC 9113 §7).
        code: u32,
    },
    /// The TCP or TLS stream of the connection failed, or ended.
    #[error("HTTP/2 connection lost: {0}")]
    Lost(io::Error),
    /// The connection, or this stream on it, has ended already.
    #[error("HTTP/2 stream has ended")]
    Ended,
    /// All servers that the pool may hold have sockets open.
    #[error("pool of HTTP/2 connections is full")]
    PoolFull,
}

impl Http2Error {
    /// Whether the request may be sent again, on another connection: the server has not acted on it (RFC 9113 §8.7),
    /// or the connection went away without an answer.
    pub(crate) fn is_retriable(&self) -> bool {
        match self {
            Self::Reset { code } => Reason::from(*code) == Reason::REFUSED_STREAM,
            Self::GoneAway { .. } | Self::Lost(_) | Self::Ended => true,
            Self::PeerMisbehaved { .. } | Self::PoolFull => false,
        }
    }

    /// Whether the server wants HTTP/1.1 for this request (RFC 9113 §7).
    pub(crate) fn requires_http1(&self) -> bool {
        matches!(self, Self::Reset { code } if Reason::from(*code) == Reason::HTTP_1_1_REQUIRED)
    }

    fn kind(&self) -> io::ErrorKind {
        match self {
            Self::Reset { .. } => io::ErrorKind::ConnectionReset,
            Self::GoneAway { .. } | Self::PoolFull => io::ErrorKind::ConnectionAborted,
            Self::PeerMisbehaved { .. } => io::ErrorKind::InvalidData,
            Self::Lost(error) => error.kind(),
            Self::Ended => io::ErrorKind::BrokenPipe,
        }
    }
}

impl From<Error> for Http2Error {
    fn from(error: Error) -> Self {
        let code = error.reason().map(u32::from);
        match code {
            Some(code) if error.is_library() => Self::PeerMisbehaved { code },
            Some(code) if error.is_go_away() => Self::GoneAway { code },
            Some(code) => Self::Reset { code },
            None => error.into_io().map_or(Self::Ended, Self::Lost),
        }
    }
}

impl From<Http2Error> for io::Error {
    fn from(error: Http2Error) -> Self {
        Self::new(error.kind(), error)
    }
}
