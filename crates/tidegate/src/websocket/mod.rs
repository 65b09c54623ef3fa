//! WebSocketStream on tokio.
//!
//! ```text
//! readable.read() ─┐                                     ┌─ wakes reader, writer, or else the driver
//!                  ├─▶ Shared ─▶ Link ─▶ Connection ⇄ transport
//! writable.write()─┘      ▲
//! Driver (one task) ──────┘   flushes when the writer has yielded, watches while nobody reads, keeps deadlines
//! ```

mod beside;
mod broadcast;
mod budget;
mod byte_reader;
mod byte_writer;
mod call;
mod clock;
mod close_options;
mod closing;
mod counted;
mod credits;
mod deadlines;
mod driver;
mod ending;
mod error;
mod events;
mod greet;
mod handlers;
mod layers;
mod link;
mod message_reader;
mod message_writer;
pub(crate) mod observe;
mod offer;
mod read_buffers;
mod readable;
mod session_error;
mod shared;
mod start;
mod stats;
mod stream;
mod tuning;
mod waiting;
mod writable;
mod write;

pub(crate) use beside::Attending;
pub use broadcast::{Broadcast, Subscription};
#[cfg(feature = "sessions")]
pub(crate) use budget::Share;
pub use budget::{Budget, BudgetStats};
pub use byte_reader::ByteReader;
pub use byte_writer::ByteWriter;
pub use close_options::CloseOptions;
pub use deadlines::Deadlines;
pub(crate) use driver::Driver;
pub use error::{Cause, WebSocketError};
pub use events::{CloseEvent, Events, ReadyState, SendError, SocketEvent, WebSocket};
pub(crate) use greet::greet;
pub use handlers::Handlers;
pub(crate) use layers::Layers;
pub use message_reader::MessageReader;
pub use message_writer::MessageWriter;
pub use readable::Readable;
pub use session_error::{NoTransport, NotResumed};
pub(crate) use shared::Shared;
pub(crate) use start::{prepare, start};
pub use stats::Stats;
pub(crate) use stream::Opening;
pub use stream::{Opened, WebSocketStream};
pub(crate) use tuning::Tuning;
pub use writable::Writable;
pub(crate) use write::write_all;
