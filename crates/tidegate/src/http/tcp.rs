//! TCP connections: happy eyeballs towards a server, and the socket options of every stream.

use std::error::Error as StdError;
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use http::Uri;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::connect::dns::{GaiAddrs, GaiResolver, Name};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tower_service::Service;

/// Why no TCP connection came about.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TcpError {
    /// The host cannot be part of an address.
    #[error("{host:?} is not a host name")]
    InvalidHost {
        /// The host as given.
        host: String,
    },
    /// The name has no address, or no name server answered.
    #[error("cannot look up {host}")]
    Lookup {
        /// The name that was looked up.
        host: String,
        /// What the resolver said.
        source: Box<dyn StdError + Send + Sync>,
    },
    /// Nobody listens on the port.
    #[error("{host}:{port} refused the connection")]
    Refused {
        /// The host as given.
        host: String,
        /// The port of the attempt.
        port: u16,
    },
    /// No address of the host answered within the connect timeout.
    #[error("{host}:{port} did not answer in time")]
    TimedOut {
        /// The host as given.
        host: String,
        /// The port of the attempt.
        port: u16,
    },
    /// Any other failure of the network.
    #[error("cannot connect to {host}:{port}")]
    Network {
        /// The host as given.
        host: String,
        /// The port of the attempt.
        port: u16,
        /// What the operating system said.
        source: Box<dyn StdError + Send + Sync>,
    },
}

/// Connects to the first address of `host` that answers, IPv6 and IPv4 in competition (RFC 8305), and tunes it.
///
/// `host` is a name, an IPv4 address or an IPv6 address in brackets. `timeout` bounds the attempts and is
/// divided among the addresses of a family; the lookup is bounded by the resolver of the system alone.
///
/// # Cancellation
///
/// Dropping the future closes every attempt. A lookup that has begun ends on its own thread.
pub(crate) async fn connect(host: &str, port: u16, timeout: Duration) -> Result<TcpStream, TcpError> {
    connect_by(Resolver(GaiResolver::new()), host, port, timeout).await
}

async fn connect_by<R>(resolver: R, host: &str, port: u16, timeout: Duration) -> Result<TcpStream, TcpError>
where
    HttpConnector<R>: Service<Uri, Response = TokioIo<TcpStream>>,
    <HttpConnector<R> as Service<Uri>>::Error: Into<Box<dyn StdError + Send + Sync>>,
{
    let uri = Uri::builder()
        .scheme("http")
        .authority(format!("{host}:{port}"))
        .path_and_query("/")
        .build()
        .map_err(|_| TcpError::InvalidHost { host: host.to_owned() })?;
    let mut connector = HttpConnector::new_with_resolver(resolver);
    connector.set_connect_timeout(Some(timeout));
    // This connector is always ready; the call is the contract of a tower service.
    let connected = match poll_fn(|cx| connector.poll_ready(cx)).await {
        Ok(()) => connector.call(uri).await,
        Err(error) => Err(error),
    };
    let stream = connected.map_err(|error| explain(host, port, error))?.into_inner();
    tune(&stream).map_err(|error| explain(host, port, error))?;
    Ok(stream)
}

/// Sets the options that every stream of this library has: no delay for small messages (`TCP_NODELAY`), and at
/// most 128 KiB unsent in the kernel (`TCP_NOTSENT_LOWAT`), so that backpressure reaches the writer.
///
/// The second is skipped where the system does not have it.
///
/// # Errors
///
/// What the system says of `TCP_NODELAY`: mostly that the peer is gone.
pub fn tune(stream: &TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    limit_unsent(stream);
    Ok(())
}

#[cfg(any(target_os = "android", target_os = "linux"))]
fn limit_unsent(stream: &TcpStream) {
    // Unsent bytes at which the kernel takes no more: else megabytes queue up to a reader that has stopped.
    const UNSENT: u32 = 128 * 1024;
    // Sandboxed kernels may lack the option; the connection works without it, with more bytes in flight.
    let _ = socket2::SockRef::from(stream).set_tcp_notsent_lowat(UNSENT);
}

#[cfg(not(any(target_os = "android", target_os = "linux")))]
fn limit_unsent(_stream: &TcpStream) {}

/// The system's resolver with errors of a type of its own: the connector's error hides where it comes from.
#[derive(Clone)]
struct Resolver(GaiResolver);

#[derive(Debug, thiserror::Error)]
#[error(transparent)]
struct LookupFailed(io::Error);

impl Service<Name> for Resolver {
    type Response = GaiAddrs;
    type Error = LookupFailed;
    type Future = Pin<Box<dyn Future<Output = Result<GaiAddrs, LookupFailed>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), LookupFailed>> {
        self.0.poll_ready(cx).map_err(LookupFailed)
    }

    fn call(&mut self, name: Name) -> Self::Future {
        let lookup = self.0.call(name);
        Box::pin(async move { lookup.await.map_err(LookupFailed) })
    }
}

/// Finds the cause of a failed attempt.
fn explain(host: &str, port: u16, error: impl Into<Box<dyn StdError + Send + Sync>>) -> TcpError {
    let (host, source) = (host.to_owned(), error.into());
    let mut cause: Option<&(dyn StdError + 'static)> = Some(&*source);
    while let Some(error) = cause {
        if error.is::<LookupFailed>() {
            return TcpError::Lookup { host, source };
        }
        match error.downcast_ref::<io::Error>().map(io::Error::kind) {
            Some(io::ErrorKind::ConnectionRefused) => return TcpError::Refused { host, port },
            Some(io::ErrorKind::TimedOut) => return TcpError::TimedOut { host, port },
            _ => cause = error.source(),
        }
    }
    TcpError::Network { host, port, source }
}

#[cfg(test)]
mod tests;
