//! A conversation by credit that outlives what carries it (docs/sessions.md).
//!
//! ```text
//! the halves ⇄ Link ⇄ Loopback ⇄ Session ⇄ Attached (one of five transports), and POST
//! ```
//!
//! The link believes that it speaks WebSocket with a peer, so that reading, writing, deadlines, budgets and ends are
//! the same whatever carries them. [`Loopback`] is that peer: it takes the frames of the conversation out of what the
//! link sends, and puts those of the other end in.

mod attached;
mod carrier;
mod feed;
mod flow;
mod live;
mod loopback;
mod outlet;
mod registry;
mod uplink;

pub(crate) use attached::Attached;
pub(crate) use carrier::Carrier;
pub use carrier::Transport;
pub(crate) use flow::Flow;
pub(crate) use live::{Posting, Session};
pub(crate) use loopback::Loopback;
pub(crate) use registry::Sessions;
