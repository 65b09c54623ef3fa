//! What carries a session (docs/sessions.md, sections 3 and 4): five ways down, and POST.

mod body;
mod downlink;
mod event;
mod event_stream;
mod http_stream;
mod long_poll;
mod poll;
mod post;
mod query;
mod websocket;

pub use body::Body;
pub(crate) use event_stream::event_stream;
pub(crate) use http_stream::http_stream;
pub(crate) use long_poll::long_poll;
pub(crate) use poll::poll;
pub(crate) use post::{discard, post};
pub(crate) use query::{InvalidQuery, Query, last_event_id};
pub(crate) use websocket::{carry, turn_away};

use http::HeaderValue;

/// The media type of frames.
pub(crate) const FRAMES: HeaderValue = HeaderValue::from_static("application/vnd.tidegate.v1");
