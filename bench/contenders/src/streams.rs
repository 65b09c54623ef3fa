//! What the peers need to serve TCP and TLS alike.

use std::future::Future;
use std::io;
use std::sync::Arc;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

use crate::Setup;

/// TCP, or TLS over it.
pub trait Stream: AsyncRead + AsyncWrite + Send + Unpin + 'static {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin + 'static> Stream for T {}

/// What is done with a connection.
pub trait Serve: Clone + Send + 'static {
    /// Serves until the peer goes away. How it ends is of no interest here.
    fn serve(self, stream: impl Stream) -> impl Future<Output = ()> + Send;
}

/// Accepts for ever, a task for each connection.
pub async fn run(setup: &Setup, server: impl Serve) -> io::Result<()> {
    let listener = setup.listen_on_tokio()?;
    let tls = tls(setup)?;
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let (server, tls) = (server.clone(), tls.clone());
        match tls {
            None => drop(tokio::spawn(server.serve(stream))),
            Some(tls) => drop(tokio::spawn(async move {
                if let Ok(stream) = tls.accept(stream).await {
                    server.serve(stream).await;
                }
            })),
        }
    }
}

fn tls(setup: &Setup) -> io::Result<Option<TlsAcceptor>> {
    let Some((chain, key)) = &setup.tls else { return Ok(None) };
    let chain = CertificateDer::pem_file_iter(chain).map_err(io::Error::other)?;
    let chain = chain.collect::<Result<Vec<_>, _>>().map_err(io::Error::other)?;
    let key = PrivateKeyDer::from_pem_file(key).map_err(io::Error::other)?;
    let config = ServerConfig::builder().with_no_client_auth().with_single_cert(chain, key);
    Ok(Some(TlsAcceptor::from(Arc::new(config.map_err(io::Error::other)?))))
}
