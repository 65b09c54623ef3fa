//! From a proxy's URL to a byte stream that leads to the server.

use std::io;
use std::net::IpAddr;
use std::time::Duration;

use super::error::{ProxyError, ProxyFailure};
use super::server::{Kind, ProxyServer};
use super::socks5::{self, Address};
use super::tunnel;
use crate::http::h1::HeadLimits;
use crate::http::io::Io;
use crate::http::tcp;
use crate::http::tls::{Alpn, ClientTls};

/// Connects to `host` and `port` through `proxy`. `timeout` is for TCP to the proxy; nothing bounds the rest.
///
/// # Cancellation
///
/// Dropping the future closes the socket.
pub(crate) async fn connect(
    proxy: &ProxyServer,
    (host, port): (&str, u16),
    timeout: Duration,
    tls: &ClientTls,
    limits: &HeadLimits,
) -> Result<Box<dyn Io>, ProxyError> {
    let opened: Result<Box<dyn Io>, ProxyFailure> = async {
        let stream = tcp::connect(&proxy.host, proxy.port, timeout).await?;
        if proxy.kind == Kind::Https {
            let stream = tls.without_client_certificate().connect(&proxy.host, stream, Alpn::Http1).await?;
            open(proxy, (host, port), limits, stream).await
        } else {
            open(proxy, (host, port), limits, stream).await
        }
    }
    .await;
    opened.map_err(|failure| ProxyError {
        proxy: proxy.to_string(),
        server: format!("{host}:{port}"),
        failure,
    })
}

async fn open<S: Io>(
    proxy: &ProxyServer,
    (host, port): (&str, u16),
    limits: &HeadLimits,
    mut io: S,
) -> Result<Box<dyn Io>, ProxyFailure> {
    let credentials = proxy.credentials.as_ref();
    match proxy.kind {
        Kind::Http | Kind::Https => {
            tunnel::open(&mut io, &format!("{host}:{port}"), credentials, limits).await?;
        }
        Kind::Socks5 | Kind::Socks5h => {
            let address = match literal(host) {
                Some(address) => Address::Ip(address),
                None if proxy.kind == Kind::Socks5 => Address::Ip(look_up(host).await?),
                None => Address::Name(host),
            };
            socks5::open(&mut io, &address, port, credentials).await?;
        }
    }
    Ok(Box::new(io))
}

/// The address where the host of a URL is one.
fn literal(host: &str) -> Option<IpAddr> {
    host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host).parse().ok()
}

/// An address of a name: IPv4 if it has one, since more proxies reach that.
async fn look_up(name: &str) -> Result<IpAddr, ProxyFailure> {
    let found = tokio::net::lookup_host((name, 0)).await.map_err(ProxyFailure::Lookup)?;
    let addresses: Vec<IpAddr> = found.map(|address| address.ip()).collect();
    let chosen = addresses.iter().find(|address| address.is_ipv4()).or(addresses.first());
    chosen.copied().ok_or_else(|| ProxyFailure::Lookup(io::ErrorKind::NotFound.into()))
}
