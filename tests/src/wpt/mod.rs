//! A server for the public web-platform-tests of `websockets/`, which lie in a folder that the caller names.
//!
//! It serves the files with what those tests expect of a server, and answers their WebSocket handlers with
//! Tidegate's own acceptor. None of the tests is part of this repository: the handlers are written from what the
//! tests expect of them.
//!
//! ```text
//! lanes → site → catalogue, wrappers → meta      HTTP: files, generated pages, a few endpoints
//!       → names                                  hosts and ports, and their placeholders
//!       → handlers, by_hand → request, gate      WebSockets: with the library; and bytes that it would not send
//! ```

mod by_hand;
mod catalogue;
mod farewell;
mod gate;
mod handlers;
mod lanes;
mod meta;
mod names;
mod request;
mod site;
mod wrappers;

use std::io;
use std::path::PathBuf;

use serde_json::{Value, json};

/// What to serve.
#[derive(Clone, Debug)]
pub struct Options {
    /// The folder that holds `websockets/`, `resources/` and `common/`.
    pub root: PathBuf,
    /// A module that brings a `WebSocketStream` and a `WebSocketError` for the tests to use.
    pub inject: Option<Inject>,
    /// How many times to serve it all, on ports of its own each time. Browsers open one WebSocket at a time to an
    /// address and port, so pages that share them wait for each other.
    pub lanes: usize,
}

/// A module for the tests to use.
#[derive(Clone, Debug)]
pub struct Inject {
    /// Its folder, which is served whole.
    pub folder: PathBuf,
    /// Its file, from there.
    pub module: String,
    /// Options, as JSON, that are given to every `WebSocketStream` beside the test's own.
    pub settings: String,
}

/// Starts serving on the loopback interface, in tasks of the runtime, until that ends; and tells what there is: the
/// authority to trust, the ports of each lane, and the pages with tests.
///
/// # Errors
///
/// When there is no port to listen on, or the folder cannot be read.
pub async fn start(options: &Options) -> io::Result<Value> {
    let pages = catalogue::read(&options.root)?;
    let certificates = names::certificates();
    let mut lanes = Vec::new();
    for _ in 0..options.lanes.max(1) {
        lanes.push(lanes::open(options, &certificates).await?);
    }
    Ok(
        json!({ "host": names::HOST, "hosts": names::all(), "ca": certificates.ca, "lanes": lanes, "pages": pages }),
    )
}
