//! A byte stream to a peer: from a URL or a socket to the heads of an opening handshake.

pub(crate) mod asked;
pub(crate) mod credentials;
pub(crate) mod h1;
pub(crate) mod h2;
pub(crate) mod io;
pub(crate) mod proxy;
pub(crate) mod redirect;
mod rejoined;
pub(crate) mod tcp;
pub(crate) mod tls;
pub(crate) mod url;

pub(crate) use asked::Asked;
pub use asked::PeerAddress;
pub use h1::{HeadError, HeadLimits, MalformedHead};
pub use h2::{Http2, Http2Error, Http2Pool};
pub(crate) use io::Io;
pub use proxy::{InvalidProxy, Proxy, ProxyError, ProxyFailure, SocksReply};
pub use redirect::RedirectError;
pub(crate) use rejoined::Rejoined;
pub use tcp::{TcpError, tune};
pub use tls::{ClientTls, InvalidTls, ServerTls, TlsError};
pub use url::InvalidUrl;
pub(crate) use url::{parse_url, take_credentials};

use std::time::Duration;

use ::url::Url;

/// Why no byte stream to a server came about.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// No TCP connection.
    #[error(transparent)]
    Tcp(#[from] tcp::TcpError),
    /// TCP connected, but TLS failed.
    #[error(transparent)]
    Tls(#[from] tls::TlsError),
    /// No way through the proxy.
    #[error(transparent)]
    Proxy(#[from] ProxyError),
    /// The setting of the proxy cannot be understood: the caller's doing, or the environment's.
    #[error(transparent)]
    InvalidProxy(#[from] InvalidProxy),
}

/// How to reach a server.
#[derive(Clone, Debug)]
pub(crate) struct ConnectOptions {
    /// Time for TCP to connect, 10 s by default, divided among the addresses of a family so that one that never
    /// answers leaves time for the next. Neither the lookup of the name nor TLS counts.
    pub(crate) connect_timeout: Duration,
    /// How to trust the server of a `wss` URL.
    pub(crate) tls: tls::ClientTls,
    /// Which proxy to go through.
    pub(crate) proxy: Proxy,
    /// How large a head may be, of a server as of a proxy.
    pub(crate) head_limits: HeadLimits,
}

impl Default for ConnectOptions {
    fn default() -> Self {
        Self {
            connect_timeout: Duration::from_secs(10),
            tls: tls::ClientTls::default(),
            proxy: Proxy::default(),
            head_limits: HeadLimits::default(),
        }
    }
}

/// Connects to the server of `url`, through a proxy where there is one, and TLS where the URL says so.
///
/// The stream writes vectored. Nothing bounds the whole: give it a deadline.
///
/// # Cancellation
///
/// Dropping the future closes the socket.
pub(crate) async fn connect(url: &Url, options: &ConnectOptions) -> Result<Box<dyn Io>, ConnectError> {
    let (io, _) = connect_offering(url, options, tls::Alpn::Http1).await?;
    Ok(io)
}

/// As [`connect`], offering `alpn` to a TLS server, and tells whether HTTP/2 was agreed on by it.
pub(crate) async fn connect_offering(
    url: &Url,
    options: &ConnectOptions,
    alpn: tls::Alpn,
) -> Result<(Box<dyn Io>, bool), ConnectError> {
    let (host, port, timeout) = (url::host(url), url::port(url), options.connect_timeout);
    match options.proxy.server(url)? {
        None => secure(url, options, alpn, tcp::connect(host, port, timeout).await?).await,
        Some(proxy) => {
            let limits = &options.head_limits;
            let stream = proxy::connect(&proxy, (host, port), timeout, &options.tls, limits).await?;
            secure(url, options, alpn, stream).await
        }
    }
}

/// Adds TLS where the URL says so.
async fn secure(
    url: &Url,
    options: &ConnectOptions,
    alpn: tls::Alpn,
    stream: impl Io,
) -> Result<(Box<dyn Io>, bool), ConnectError> {
    if url::is_secure(url) {
        let stream = options.tls.connect(url::host(url), stream, alpn).await?;
        let is_http2 = tls::is_http2(stream.get_ref().1);
        Ok((Box::new(stream), is_http2))
    } else {
        Ok((Box::new(stream), false))
    }
}

#[cfg(test)]
mod tests {
    use std::io::IoSlice;

    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::*;

    #[tokio::test]
    async fn a_plain_stream_writes_vectored_through_its_box() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = url::parse_url(&format!("ws://{}/", listener.local_addr().unwrap())).unwrap();
        let mut stream = connect(&url, &ConnectOptions::default()).await.unwrap();
        let (mut peer, _) = listener.accept().await.unwrap();
        assert!(stream.is_write_vectored());
        // The default of the trait would write the first slice alone.
        assert_eq!(stream.write_vectored(&[IoSlice::new(b"ab"), IoSlice::new(b"cd")]).await.unwrap(), 4);
        let mut received = [0; 4];
        peer.read_exact(&mut received).await.unwrap();
        assert_eq!(&received, b"abcd");
    }

    #[tokio::test]
    async fn dropping_a_connect_closes_the_socket() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = url::parse_url(&format!("wss://{}/", listener.local_addr().unwrap())).unwrap();
        let options = ConnectOptions {
            tls: tls::ClientTls::default().dangerous_accept_any_certificate(),
            ..ConnectOptions::default()
        };
        // The server reads the ClientHello and answers nothing, so that the handshake is under way when dropped.
        let (mut peer, mut record) = tokio::select! {
            _ = connect(&url, &options) => panic!("nobody has answered"),
            accepted = async {
                let (mut peer, _) = listener.accept().await.unwrap();
                let mut record = vec![0; 5];
                peer.read_exact(&mut record).await.unwrap();
                (peer, record)
            } => accepted,
        };
        assert_eq!(record[0], 0x16);
        peer.read_to_end(&mut record).await.unwrap();
    }
}
