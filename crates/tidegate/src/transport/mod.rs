//! What carries a session (docs/sessions.md, sections 3 and 4): five ways down, and POST.

mod body;
mod downlink;
mod event;
mod long_poll;
mod poll;
mod post;
mod query;
mod sse;
mod stream;
mod websocket;

pub use body::Body;
pub(crate) use long_poll::long_poll;
pub(crate) use poll::poll;
pub(crate) use post::{discard, post};
pub(crate) use query::{InvalidQuery, Query, last_event_id};
pub(crate) use sse::sse;
pub(crate) use stream::stream;
pub(crate) use websocket::{carry, turn_away};

use http::HeaderValue;

/// The media type of frames.
pub(crate) const FRAMES: HeaderValue = HeaderValue::from_static("application/vnd.tidegate.v1");
