//! From an opening handshake that is done to a connection that runs.

use std::sync::Arc;

use tidegate_proto::websocket::handshake::Agreed;

use super::driver::Driver;
use super::layers::Layers;
use super::observe::{Observer, Peer};
use super::shared::Shared;
use super::tuning::Tuning;
use crate::http::Io;

/// Starts a connection, with its driver on the current tokio runtime.
pub(crate) fn start(
    io: Box<dyn Io>,
    connection: Layers,
    agreed: Agreed,
    tuning: &Tuning,
    peer: &Peer,
) -> Arc<Shared> {
    let (shared, driver) = prepare(io, connection, agreed, tuning, peer);
    tokio::spawn(driver);
    shared
}

/// A connection, and its driver, which has to run.
pub(crate) fn prepare(
    io: Box<dyn Io>,
    connection: Layers,
    agreed: Agreed,
    tuning: &Tuning,
    peer: &Peer,
) -> (Arc<Shared>, Driver) {
    let side = connection.side();
    let names = (agreed.protocol, agreed.extensions);
    let shared = Arc::new(Shared::new(io, connection, names, tuning));
    let observer = Observer::opened(&shared, side, peer);
    let driver = Driver::new(shared.clone(), tuning.deadlines.clone(), observer);
    (shared, driver)
}
