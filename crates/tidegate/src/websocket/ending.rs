//! How a connection ended, as far as it has.

use std::io;

use tidegate_proto::websocket::CloseInfo;

use super::error::WebSocketError;

/// How a connection ended.
pub(crate) type Ending = Result<CloseInfo, WebSocketError>;

/// What has ended of a link. Most of the time nothing has.
#[derive(Default)]
pub(crate) struct Ends {
    /// Accepted bytes were lost: the transport failed, or broke off.
    pub(crate) write_error: Option<WebSocketError>,
    pub(crate) read_error: Option<io::Error>,
    /// How the incoming half ended: what the reader is told behind the last message.
    pub(crate) incoming: Option<Ending>,
    /// How the connection ended: what `closed` tells.
    pub(crate) ending: Option<Ending>,
}
