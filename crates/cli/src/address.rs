//! Where to listen, and the URL of where one does.

use std::io::{self, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::num::NonZeroUsize;
use std::str::FromStr;

use tidegate::PerCore;
use tokio::net::{TcpListener, lookup_host};

use crate::exit::Failure;

/// An address to listen on: a host, or nothing for this machine alone, and a port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ListenAddress {
    /// A name or an IP address, without brackets.
    host: String,
    port: u16,
}

impl FromStr for ListenAddress {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (host, port) = text.rsplit_once(':').ok_or("HOST:PORT is needed, or :PORT")?;
        let port = port.parse().map_err(|_| format!("{port:?} is not a port: 0 to 65535"))?;
        let host = match host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
            Some(address) if address.parse::<Ipv6Addr>().is_ok() => address,
            Some(address) => return Err(format!("{address:?} is not an IPv6 address")),
            None if host.contains(':') => {
                return Err(format!("write the IPv6 address in brackets: [{host}]"));
            }
            None if host.is_empty() => "127.0.0.1",
            None => host,
        };
        Ok(Self { host: host.to_owned(), port })
    }
}

impl std::fmt::Display for ListenAddress {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

impl ListenAddress {
    /// Listens here, for this many threads. The address is an argument of the command.
    pub(crate) async fn bind_for(&self, threads: NonZeroUsize) -> Result<PerCore, Failure> {
        let bind = async {
            let mut failure = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
            for address in lookup_host((self.host.as_str(), self.port)).await? {
                match PerCore::bind(address, threads) {
                    Ok(listeners) => return Ok(listeners),
                    Err(error) => failure = error,
                }
            }
            Err(failure)
        };
        bind.await.map_err(|error| self.cannot(&error, ""))
    }

    /// Listens here. The address was given with `--listen`.
    pub(crate) async fn bind(&self) -> Result<TcpListener, Failure> {
        let bound = TcpListener::bind((self.host.as_str(), self.port)).await;
        bound.map_err(|error| self.cannot(&error, "--listen "))
    }

    /// What to tell when the address is no good: why, and the way out.
    fn cannot(&self, error: &io::Error, option: &str) -> Failure {
        let way = match error.kind() {
            io::ErrorKind::AddrInUse => {
                format!("choose another port, or any free one with {option}127.0.0.1:0")
            }
            _ => format!("choose another address, as {option}127.0.0.1:8080"),
        };
        Failure::failed(format!("cannot listen on {self}: {error}; {way}"))
    }
}

/// Prints the URL of where `listener` is as the one line on standard output, for scripts to read.
pub(crate) fn announce(scheme: &str, listener: &TcpListener) -> Result<(), Failure> {
    let address = listener.local_addr();
    announce_at(
        scheme,
        address.map_err(|error| Failure::failed(format!("cannot tell the address: {error}")))?,
    )
}

/// The same for an address.
pub(crate) fn announce_at(scheme: &str, address: SocketAddr) -> Result<(), Failure> {
    let print = || {
        let mut stdout = io::stdout().lock();
        writeln!(stdout, "{}", url(scheme, address))?;
        stdout.flush()
    };
    print().map_err(|error| Failure::failed(format!("cannot tell the address on standard output: {error}")))
}

/// The URL at which a program on this machine reaches `address`: a listener on every interface is reached on the
/// loopback interface, since no URL leads to 0.0.0.0.
fn url(scheme: &str, address: SocketAddr) -> String {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    format!("{scheme}://{}", SocketAddr::new(ip, address.port()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_and_written() {
        for (text, written) in [
            ("127.0.0.1:9001", "127.0.0.1:9001"),
            (":9001", "127.0.0.1:9001"),
            (":0", "127.0.0.1:0"),
            ("0.0.0.0:80", "0.0.0.0:80"),
            ("[::1]:0", "[::1]:0"),
            ("localhost:65535", "localhost:65535"),
        ] {
            assert_eq!(text.parse::<ListenAddress>().unwrap().to_string(), written, "{text}");
        }
        for text in ["", "9001", "localhost", "::1:80", "[a]:1", "h:", "h:65536", "h:-1", "h:x"] {
            assert!(text.parse::<ListenAddress>().is_err(), "{text}");
        }
    }

    #[test]
    fn urls_can_be_connected_to() {
        for (address, expected) in [
            ("127.0.0.1:9001", "ws://127.0.0.1:9001"),
            ("0.0.0.0:9001", "ws://127.0.0.1:9001"),
            ("[::]:9001", "ws://[::1]:9001"),
            ("[::1]:9001", "ws://[::1]:9001"),
            ("192.0.2.1:9001", "ws://192.0.2.1:9001"),
        ] {
            assert_eq!(url("ws", address.parse().unwrap()), expected);
        }
    }
}
