//! From the command line to a client.

use tidegate::{
    Cause, ClientBuilder, Config, Connection, ConnectionBuilder, Credits, DeflateConfig, WebSocketError,
    WebSocketStream,
};

use crate::args::{ConnectArgs, on_the_wire};
use crate::exit::{Failure, explain};
use crate::tls::Trust;

/// What to connect with.
fn builder(args: &ConnectArgs) -> Result<ClientBuilder, Failure> {
    let config = Config::default()
        .max_message_bytes(args.max_message)
        .max_frame_bytes(on_the_wire(args.max_message))
        .close_timeout(args.timeout)
        .deflate((!args.no_compress).then(DeflateConfig::default));
    let mut builder = WebSocketStream::builder(&args.url)
        .protocols(args.protocols.iter().cloned())
        .config(config)
        .tls(trust(args).tls()?)
        .connect_timeout(args.timeout)
        .handshake_timeout(args.timeout);
    if args.credits || args.transport.is_some() {
        builder = builder.credits(Credits::default().max_message(args.max_message));
    }
    for (name, value) in &args.headers {
        builder = builder.header(name.clone(), value.clone());
    }
    if let Some(origin) = &args.origin {
        builder = builder.origin(origin.clone());
    }
    Ok(builder)
}

/// Starts to connect as the command line says: by a session, or by a WebSocket as any other.
pub(super) fn connect(args: &ConnectArgs) -> Result<Connection, Failure> {
    let client = builder(args)?;
    let connected = match args.transport {
        None => client.connect().map(Connection::from),
        Some(name) => ConnectionBuilder::from(client).transports(name.transports()).connect(),
    };
    connected.map_err(|error| misuse_or_failure(&error))
}

/// What a call to connect fails with before anything is sent: mostly the command line is to blame.
fn misuse_or_failure(error: &WebSocketError) -> Failure {
    match error.cause() {
        Cause::InvalidUrl(_) => {
            Failure::usage(format!("{}; a URL is needed, as ws://127.0.0.1:9001", explain(error)))
        }
        Cause::InvalidRequest(_) => Failure::usage(explain(error)),
        _ => Failure::failed(explain(error)),
    }
}

fn trust(args: &ConnectArgs) -> Trust<'_> {
    Trust {
        authorities: args.ca.as_deref(),
        accepts_any: args.insecure,
        identity: args.cert.as_deref().zip(args.key.as_deref()),
    }
}
