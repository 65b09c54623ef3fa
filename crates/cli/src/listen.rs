//! `tidegate listen`: an echo, a fire hose, or a room in which all hear what one says.

mod broadcast;

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::available_parallelism;
use std::time::Duration;

use bytes::Bytes;
use tidegate::{
    Acceptor, Broadcast, Config, DeflateConfig, Http2, Opened, OriginPolicy, ServerTls, WebSocketError,
    WebSocketStream,
};

use crate::address::announce_at;
use crate::args::{ListenArgs, on_the_wire};
use crate::connect::describe;
use crate::exit::{Failure, Outcome, explain};
use crate::interrupt::{Signal, serve_here};
use crate::log::Log;

/// Serves until somebody wants it to end.
pub(crate) fn run(args: &ListenArgs) -> Outcome {
    let acceptor = acceptor(args)?;
    let threads = args.threads.and_then(|threads| NonZeroUsize::new(threads.into()));
    let threads = threads.or_else(|| available_parallelism().ok()).unwrap_or(NonZeroUsize::MIN);
    // This one waits for signals; the threads that serve have runtimes of their own.
    serve_here(async |signal| serve(args, acceptor, threads, signal).await)
}

async fn serve(args: &ListenArgs, acceptor: Acceptor, threads: NonZeroUsize, signal: Signal) -> Outcome {
    let listeners = args.address.bind_for(threads).await?;
    announce_at(if args.tls_cert.is_some() { "wss" } else { "ws" }, listeners.local_addr())?;
    let deed = Deed::asked_for(args);
    let service = Arc::new(Service { deed, log: Log::new(args.verbose), connections: AtomicU64::new(0) });
    let handler = move |socket| service.clone().attend(socket);
    // A second wish, which ends this, cuts off who has not gone.
    let served = acceptor.serve_per_core(listeners, handler, signal.wait()).await;
    served.map(drop).map_err(|error| Failure::failed(format!("cannot accept connections: {error}")))
}

/// How long clients have to answer the Close when the server ends.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(2);

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
        .max_connections_per_ip(MAX_CONNECTIONS)
        .drain_timeout(DRAIN_TIMEOUT);
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
struct Service {
    deed: Deed,
    log: Log,
    connections: AtomicU64,
}

/// What is done for each connection.
enum Deed {
    Echo,
    Firehose(Bytes),
    Broadcast(Broadcast),
}

impl Deed {
    fn asked_for(args: &ListenArgs) -> Self {
        if args.firehose {
            Self::Firehose(noise(args.size))
        } else if args.broadcast {
            Self::Broadcast(broadcast::room())
        } else {
            Self::Echo
        }
    }
}

impl Service {
    /// What is done for a connection: one block without calls between, since an idle connection costs mostly the size
    /// of this future.
    #[allow(clippy::manual_async_fn, reason = "the future of an `async fn` has room for its arguments twice")]
    fn attend(self: Arc<Self>, socket: WebSocketStream) -> impl Future<Output = ()> + Send + 'static {
        async move {
            if self.log.is_on() {
                return Box::pin(self.attend_and_tell(&socket)).await;
            }
            if let Deed::Broadcast(room) = &self.deed {
                // Apart, for its size.
                return Box::pin(broadcast::visit(&socket, room)).await;
            }
            let Ok(Opened { mut readable, mut writable, .. }) = socket.opened().await else { return };
            // Nobody looks at the request any more.
            drop(socket);
            match &self.deed {
                Deed::Echo => {
                    while let Ok(Some(message)) = readable.read().await {
                        if writable.write(message).await.is_err() {
                            return;
                        }
                    }
                }
                Deed::Firehose(message) => {
                    // What the peer sends is dropped.
                    drop(readable);
                    while writable.write(message.clone()).await.is_ok() {}
                }
                Deed::Broadcast(_) => {}
            }
        }
    }

    async fn attend_and_tell(&self, socket: &WebSocketStream) {
        let number = self.connections.fetch_add(1, Ordering::Relaxed) + 1;
        let Ok(opened) = socket.opened().await else { return };
        let protocol = opened.protocol.clone();
        // How it went is told by `closed`.
        let _ = match &self.deed {
            Deed::Echo => echo(opened).await,
            Deed::Firehose(message) => firehose(opened, message).await,
            Deed::Broadcast(room) => broadcast::take_part(socket, opened, room).await,
        };
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
