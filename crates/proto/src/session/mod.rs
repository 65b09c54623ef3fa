//! Sessions: two flows of frames that outlive what carries them. `docs/sessions.md` specifies them.
//!
//! ```text
//! the conversation by credit → send → kept until acknowledged → poll_transmit, next_post → an attachment, or a POST
//! an attachment, or a POST → handle_batch, handle_post → in order, each once → poll_frame → the conversation
//! ```
//!
//! [`ServerSession`] and [`ClientSession`] are the two ends. An [`Attachment`] is what the end remembers of one request
//! or WebSocket that carries frames.

mod attached;
mod attachment;
mod client;
mod config;
mod error;
mod frame;
mod incoming;
mod replay;
mod server;

pub use attachment::{Attachment, Carries, Why};
pub use client::{ClientSession, Post};
pub use config::Config;
pub use error::{AttachError, PostError, Violation};
pub use frame::{FrameSplitter, MAX_PADDING_BYTES, padding};
pub use server::ServerSession;
