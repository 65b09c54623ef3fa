//! From an opening handshake that is done to a connection that runs.

use std::sync::Arc;

use tidegate_proto::websocket::Connection;
use tidegate_proto::websocket::handshake::Agreed;
use tokio::sync::SetOnce;

use super::driver;
use super::link::Ending;
use super::observe::{Observer, Peer};
use super::shared::Shared;
use super::tuning::Tuning;
use crate::http::Io;

/// Starts a connection, with its driver on the current tokio runtime. `ending` is set when it has ended.
pub(crate) fn start(
    io: Box<dyn Io>,
    connection: Connection,
    agreed: Agreed,
    tuning: Tuning,
    ending: Arc<SetOnce<Ending>>,
    peer: &Peer,
) -> Arc<Shared> {
    let side = connection.side();
    let names = (agreed.protocol, agreed.extensions);
    let shared = Arc::new(Shared::new(io, connection, names, &tuning, ending));
    let observer = Observer::opened(&shared, side, peer);
    driver::spawn(shared.clone(), tuning.deadlines, observer);
    shared
}
