use std::convert::Infallible;
use std::future::{Ready, ready};
use std::net::{IpAddr, SocketAddr};
use std::time::Instant;

use tokio::net::{TcpListener, TcpSocket};

use super::*;

const SOON: Duration = Duration::from_secs(10);

async fn connect_to(bind: &str, host: &str) -> TcpStream {
    let listener = TcpListener::bind(bind).await.unwrap();
    let stream = connect(host, listener.local_addr().unwrap().port(), SOON).await.unwrap();
    listener.accept().await.unwrap();
    stream
}

#[tokio::test]
async fn names_and_addresses_connect_and_are_tuned() {
    let stream = connect_to("127.0.0.1:0", "127.0.0.1").await;
    assert!(stream.nodelay().unwrap());
    #[cfg(target_os = "linux")]
    assert_eq!(socket2::SockRef::from(&stream).tcp_notsent_lowat().unwrap(), 128 * 1024);
    // The IPv6 address of localhost refuses, so that the IPv4 address is tried.
    connect_to("127.0.0.1:0", "localhost").await;
    if TcpListener::bind("[::1]:0").await.is_ok() {
        connect_to("[::1]:0", "[::1]").await;
    }
}

#[tokio::test]
async fn failures_are_told_apart() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    let refused = connect("127.0.0.1", port, SOON).await.unwrap_err();
    assert!(matches!(refused, TcpError::Refused { .. }), "{refused:?}");
    let unknown = connect("no-such-host.invalid", 80, SOON).await.unwrap_err();
    assert!(matches!(unknown, TcpError::Lookup { .. }), "{unknown:?}");
    assert_eq!(unknown.to_string(), "cannot look up no-such-host.invalid");
    let invalid = connect("a b", 80, SOON).await.unwrap_err();
    assert!(matches!(invalid, TcpError::InvalidHost { .. }), "{invalid:?}");
}

/// A listener that never answers: a full backlog on Linux drops further SYNs, so that connections hang.
#[cfg(target_os = "linux")]
struct Silent {
    address: SocketAddr,
    _listener: TcpListener,
    _held: Vec<TcpStream>,
}

#[cfg(target_os = "linux")]
impl Silent {
    async fn bind(address: SocketAddr) -> io::Result<Self> {
        let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
        socket.bind(address)?;
        let listener = socket.listen(1)?;
        let address = listener.local_addr()?;
        let mut held = Vec::new();
        while let Ok(stream) = connect(&host(address.ip()), address.port(), Duration::from_millis(50)).await {
            held.push(stream);
            assert!(held.len() < 100, "the backlog never filled");
        }
        Ok(Self { address, _listener: listener, _held: held })
    }
}

fn host(address: IpAddr) -> String {
    if address.is_ipv6() { format!("[{address}]") } else { address.to_string() }
}

/// A resolver to which every name has these addresses.
#[derive(Clone)]
struct Known(Vec<SocketAddr>);

impl Known {
    fn new(addresses: &[&str]) -> Self {
        Self(addresses.iter().map(|address| SocketAddr::new(address.parse().unwrap(), 0)).collect())
    }
}

impl Service<Name> for Known {
    type Response = std::vec::IntoIter<SocketAddr>;
    type Error = Infallible;
    type Future = Ready<Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Name) -> Self::Future {
        ready(Ok(self.0.clone().into_iter()))
    }
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn an_address_that_never_answers_times_out() {
    let silent = Silent::bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
    let port = silent.address.port();
    let error = connect("127.0.0.1", port, Duration::from_millis(50)).await.unwrap_err();
    assert!(matches!(error, TcpError::TimedOut { .. }), "{error:?}");
}

/// Binds `answering` to the port of a listener on `silent`, which never answers; `None` where there is no such
/// address.
#[cfg(target_os = "linux")]
async fn silent_and_answering(silent: &str, answering: &str) -> Option<(Silent, TcpListener)> {
    for _ in 0..20 {
        let silent = Silent::bind(SocketAddr::new(silent.parse().unwrap(), 0)).await.ok()?;
        let answering = SocketAddr::new(answering.parse().unwrap(), silent.address.port());
        match TcpListener::bind(answering).await {
            Ok(listener) => return Some((silent, listener)),
            // Somebody else has the port there.
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => {}
            Err(_) => return None,
        }
    }
    panic!("no port is free on both addresses");
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn an_address_that_never_answers_does_not_hide_the_next() {
    // Of the other family, after the 300 ms of RFC 8305 §5; of the same, after its share of the timeout.
    for (first, second, timeout, soonest) in [
        ("::1", "127.0.0.1", SOON, 300),
        ("127.0.0.1", "::1", SOON, 300),
        ("127.0.0.2", "127.0.0.1", Duration::from_secs(1), 500),
    ] {
        let Some((silent, listener)) = silent_and_answering(first, second).await else { continue };
        let port = silent.address.port();
        let began = Instant::now();
        let stream = connect_by(Known::new(&[first, second]), "h.example", port, timeout).await.unwrap();
        assert_eq!(stream.peer_addr().unwrap(), listener.local_addr().unwrap());
        let took = began.elapsed();
        assert!(took >= Duration::from_millis(soonest) && took < SOON / 2, "{first}: {took:?}");
        // In the other order nothing is waited for.
        let stream = connect_by(Known::new(&[second, first]), "h.example", port, SOON).await.unwrap();
        assert_eq!(stream.peer_addr().unwrap(), listener.local_addr().unwrap());
    }
}

#[tokio::test]
async fn an_address_that_refuses_does_not_hide_the_next() {
    for (bound, other) in [("127.0.0.1", "::1"), ("::1", "127.0.0.1"), ("127.0.0.1", "127.0.0.2")] {
        let address = SocketAddr::new(bound.parse().unwrap(), 0);
        let Ok(listener) = TcpListener::bind(address).await else { continue };
        let address = listener.local_addr().unwrap();
        for order in [[bound, other], [other, bound]] {
            let stream = connect_by(Known::new(&order), "h.example", address.port(), SOON).await.unwrap();
            assert_eq!(stream.peer_addr().unwrap(), address);
        }
    }
}
