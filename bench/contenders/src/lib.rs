//! What every contender takes on its command line, and how it says where it listens.
//!
//! `NAME TASK ADDRESS [CERTIFICATE KEY]`; the files make it serve TLS. The first line of standard output is the
//! address really used.

pub mod epoll;
#[cfg(feature = "peers")]
pub mod streams;
#[cfg(feature = "peers")]
pub mod tungstenite;

use std::env;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;

/// What a contender is asked to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Task {
    /// Send every message back.
    Echo,
    /// Echo with permessage-deflate at the fastest setting that there is.
    DeflateFast,
    /// Echo with permessage-deflate at the smallest setting that there is.
    DeflateSmall,
    /// Send every message to every other connection.
    Broadcast,
    /// Send messages of 16 KiB as fast as the peer takes them.
    Firehose,
}

/// The length of a message of the fire hose.
pub const FIREHOSE_BYTES: usize = 16 * 1024;

/// The command line.
#[derive(Clone, Debug)]
pub struct Setup {
    /// What to do.
    pub task: Task,
    /// Where to listen.
    pub address: SocketAddr,
    /// The certificate's PEM file and the key's.
    pub tls: Option<(PathBuf, PathBuf)>,
}

impl Setup {
    /// Reads the command line.
    pub fn from_args() -> io::Result<Self> {
        let mut args = env::args().skip(1);
        let task = args.next().and_then(|name| task(&name)).ok_or_else(|| usage("which task?"))?;
        let address =
            args.next().and_then(|text| text.parse().ok()).ok_or_else(|| usage("which address?"))?;
        let tls = args.next().zip(args.next()).map(|(chain, key)| (chain.into(), key.into()));
        Ok(Self { task, address, tls })
    }

    /// Listens, and says where. The listener does not block.
    pub fn listen(&self) -> io::Result<TcpListener> {
        let listener = TcpListener::bind(self.address)?;
        listener.set_nonblocking(true)?;
        let scheme = if self.tls.is_some() { "wss" } else { "ws" };
        println!("{scheme}://{}", listener.local_addr()?);
        Ok(listener)
    }

    /// The same for tokio.
    pub fn listen_on_tokio(&self) -> io::Result<tokio::net::TcpListener> {
        tokio::net::TcpListener::from_std(self.listen()?)
    }
}

/// A contender that has no such task ends with this.
pub fn cannot(task: Task) -> io::Error {
    usage(&format!("{task:?} is not something this contender does"))
}

fn usage(what: &str) -> io::Error {
    let form = "NAME echo|deflate-fast|deflate-small|broadcast|firehose ADDRESS [CERTIFICATE KEY]";
    io::Error::new(io::ErrorKind::InvalidInput, format!("{what} usage: {form}"))
}

fn task(name: &str) -> Option<Task> {
    Some(match name {
        "echo" => Task::Echo,
        "deflate-fast" => Task::DeflateFast,
        "deflate-small" => Task::DeflateSmall,
        "broadcast" => Task::Broadcast,
        "firehose" => Task::Firehose,
        _ => return None,
    })
}
