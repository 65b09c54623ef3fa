//! `tidegate listen`: an echo, or a fire hose.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::available_parallelism;

use bytes::Bytes;
use tidegate::{
    Acceptor, Config, DeflateConfig, Http2, Opened, OriginPolicy, ServerTls, WebSocketError, WebSocketStream,
};

use crate::address::announce;
use crate::args::{ListenArgs, on_the_wire};
use crate::connect::describe;
use crate::exit::{Failure, Outcome, explain};
use crate::interrupt::Interrupts;
use crate::log::Log;

/// Serves until somebody wants it to end.
pub(crate) fn run(args: &ListenArgs) -> Outcome {
    let acceptor = acceptor(args)?;
    let threads = args.threads.map_or_else(|| available_parallelism().map_or(1, usize::from), usize::from);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(threads)
        .enable_all()
        .build()
        .map_err(|error| Failure::failed(format!("cannot start threads: {error}")))?;
    let outcome = runtime.block_on(serve(args, acceptor));
    runtime.shutdown_background();
    outcome
}

async fn serve(args: &ListenArgs, acceptor: Acceptor) -> Outcome {
    let mut interrupts = Interrupts::catch()?;
    let address = &args.address;
    let listener = address
        .bind()
        .await
        .map_err(|error| Failure::failed(format!("cannot listen on {address}: {error}")))?;
    announce(if args.tls_cert.is_some() { "wss" } else { "ws" }, &listener)?;
    let service = Service {
        deed: if args.firehose { Deed::Firehose(noise(args.size)) } else { Deed::Echo },
        log: Log::new(args.verbose),
        connections: Arc::default(),
    };
    let handler = move |socket| {
        let service = service.clone();
        async move { service.attend(socket).await }
    };
    tokio::select! {
        served = acceptor.serve(listener, handler) => {
            served.map_err(|error| Failure::failed(format!("cannot accept connections: {error}")))
        }
        () = interrupts.next() => Ok(()),
    }
}

/// How many connections there may be at a time.
const MAX_CONNECTIONS: usize = 64 * 1024;

fn acceptor(args: &ListenArgs) -> Result<Acceptor, Failure> {
    let is_compressed = !args.no_compress && !args.firehose;
    let config = Config::default()
        .max_message_bytes(args.max_message)
        .max_frame_bytes(on_the_wire(args.max_message))
        .max_fragments(args.max_fragments)
        .deflate(is_compressed.then(|| DeflateConfig::default().level(args.level)));
    let mut acceptor = Acceptor::new()
        .config(config)
        .protocols(args.protocols.iter().cloned())
        .origins(OriginPolicy::Any)
        // Whoever tries a server from one machine comes from one address.
        .max_connections(MAX_CONNECTIONS)
        .max_connections_per_ip(MAX_CONNECTIONS);
    if args.http2 {
        acceptor = acceptor.http2(Http2::default());
    }
    match (&args.tls_cert, &args.tls_key) {
        (Some(chain), Some(key)) => {
            let tls =
                ServerTls::from_pem_files(chain, key).map_err(|error| Failure::usage(explain(&error)))?;
            Ok(acceptor.tls(tls))
        }
        _ => Ok(acceptor),
    }
}

/// What all connections share.
#[derive(Clone)]
struct Service {
    deed: Deed,
    log: Log,
    connections: Arc<AtomicU64>,
}

/// What is done for each connection.
#[derive(Clone)]
enum Deed {
    Echo,
    Firehose(Bytes),
}

impl Service {
    async fn attend(&self, socket: WebSocketStream) {
        let number = self.connections.fetch_add(1, Ordering::Relaxed) + 1;
        let Ok(opened) = socket.opened().await else { return };
        let protocol = if self.log.is_on() { opened.protocol.clone() } else { String::new() };
        // How it went is told by `closed`.
        let _ = match &self.deed {
            Deed::Echo => echo(opened).await,
            Deed::Firehose(message) => firehose(opened, message).await,
        };
        if self.log.is_on() {
            self.log_end(number, &protocol, &socket).await;
        }
    }

    async fn log_end(&self, number: u64, protocol: &str, socket: &WebSocketStream) {
        let end = match socket.closed().await {
            Ok(info) => describe(&info),
            Err(error) => explain(&error),
        };
        let protocol = if protocol.is_empty() { String::new() } else { format!(" (protocol {protocol})") };
        self.log.line(format!("connection {number} {}{protocol}: {end}", socket.url()));
    }
}

async fn echo(opened: Opened) -> Result<(), WebSocketError> {
    let Opened { mut readable, mut writable, .. } = opened;
    while let Some(message) = readable.read().await? {
        writable.write(message).await?;
    }
    Ok(())
}

/// Writes until the peer closes; what it sends is dropped.
async fn firehose(opened: Opened, message: &Bytes) -> Result<(), WebSocketError> {
    let Opened { readable, mut writable, .. } = opened;
    drop(readable);
    loop {
        writable.write(message.clone()).await?;
    }
}

/// Bytes that no compression shortens (xorshift64).
fn noise(len: usize) -> Bytes {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let byte = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 32) as u8
    };
    std::iter::repeat_with(byte).take(len).collect()
}
