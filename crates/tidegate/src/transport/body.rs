//! The body of an answer.

use std::convert::Infallible;
use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Frame, SizeHint};

use super::downlink::Downlink;

/// The body of an answer to a request of a [`Connection`](crate::Connection).
///
/// One that carries a connection is taken from it piece by piece, only when the HTTP server asks for more: a client that
/// does not read makes the connection's writer wait. Dropping it before its end detaches the connection.
#[derive(Default)]
pub struct Body(Kind);

#[derive(Default)]
enum Kind {
    #[default]
    Empty,
    Whole(Bytes),
    Downlink(Box<Downlink>),
}

impl Body {
    pub(super) fn carrying(downlink: Downlink) -> Self {
        Self(Kind::Downlink(Box::new(downlink)))
    }
}

impl From<Bytes> for Body {
    fn from(bytes: Bytes) -> Self {
        if bytes.is_empty() { Self::default() } else { Self(Kind::Whole(bytes)) }
    }
}

impl From<String> for Body {
    fn from(text: String) -> Self {
        Bytes::from(text).into()
    }
}

impl http_body::Body for Body {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let next = match &mut self.0 {
            Kind::Empty => None,
            Kind::Whole(bytes) => Some(std::mem::take(bytes)),
            Kind::Downlink(downlink) => std::task::ready!(downlink.poll_next(cx)),
        };
        if next.is_none() || matches!(self.0, Kind::Whole(_)) {
            // Whatever it held is let go of, which detaches.
            self.0 = Kind::Empty;
        }
        Poll::Ready(next.map(|bytes| Ok(Frame::data(bytes))))
    }

    fn is_end_stream(&self) -> bool {
        matches!(self.0, Kind::Empty)
    }

    fn size_hint(&self) -> SizeHint {
        match &self.0 {
            Kind::Empty => SizeHint::with_exact(0),
            Kind::Whole(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Kind::Downlink(_) => SizeHint::default(),
        }
    }
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match &self.0 {
            Kind::Empty => "empty",
            Kind::Whole(_) => "whole",
            Kind::Downlink(_) => "carrying",
        };
        f.debug_tuple("Body").field(&kind).finish()
    }
}
