//! From the command line to a client.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use tidegate::{
    Cause, ClientBuilder, ClientTls, Config, Connection, ConnectionBuilder, Credits, DeflateConfig,
    WebSocketError, WebSocketStream,
};

use crate::args::{ConnectArgs, on_the_wire};
use crate::exit::{Failure, explain};

/// Bytes of a PEM file, far beyond every bundle of authorities in use.
const MAX_PEM_BYTES: u64 = 4 * 1024 * 1024;

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
        .tls(tls(args)?)
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
        Cause::InvalidUrl(_) | Cause::InvalidRequest(_) => Failure::usage(explain(error)),
        _ => Failure::failed(explain(error)),
    }
}

fn tls(args: &ConnectArgs) -> Result<ClientTls, Failure> {
    let mut tls = ClientTls::default();
    if let Some(path) = &args.ca {
        tls = tls.root_certificates_pem(&read(path)?).map_err(|error| about(path, &error))?;
    }
    if args.insecure {
        tls = tls.dangerous_accept_any_certificate();
    }
    if let (Some(chain), Some(key)) = (&args.cert, &args.key) {
        tls = tls.client_certificate_pem(&read(chain)?, &read(key)?).map_err(|error| about(chain, &error))?;
    }
    Ok(tls)
}

fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    let read = File::open(path).and_then(|file| file.take(MAX_PEM_BYTES + 1).read_to_end(&mut bytes));
    match read {
        Ok(_) if bytes.len() as u64 > MAX_PEM_BYTES => {
            Err(Failure::usage(format!("{}: longer than {MAX_PEM_BYTES} bytes", path.display())))
        }
        Ok(_) => Ok(bytes),
        Err(error) => Err(Failure::usage(format!("cannot read {}: {error}", path.display()))),
    }
}

fn about(path: &Path, error: &tidegate::InvalidTls) -> Failure {
    Failure::usage(format!("{}: {}", path.display(), explain(error)))
}
