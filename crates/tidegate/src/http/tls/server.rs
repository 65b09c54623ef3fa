//! TLS towards clients.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::ClientCertVerifier;
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::alpn::Alpn;
use super::error::TlsError;
use super::provider::provider;
use super::setup::{self, InvalidTls};

/// The certificate of a server, and whom it lets in.
///
/// Clones share the sessions that clients resume. For a renewed certificate, make a new value.
#[derive(Clone)]
pub struct ServerTls {
    identity: Arc<CertifiedKey>,
    client_verifier: Arc<dyn ClientCertVerifier>,
    /// For HTTP/1.1 alone, and for HTTP/2 too.
    configs: [Arc<ServerConfig>; 2],
}

impl fmt::Debug for ServerTls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let required = self.client_verifier.client_auth_mandatory();
        f.debug_struct("ServerTls").field("client_certificate_required", &required).finish_non_exhaustive()
    }
}

impl ServerTls {
    /// Shows the certificate that begins `chain`, which belongs to `key`.
    ///
    /// # Errors
    ///
    /// An empty chain, a key that cannot be used, or one that belongs to another certificate.
    pub fn new(chain: Vec<CertificateDer<'static>>, key: PrivateKeyDer<'static>) -> Result<Self, InvalidTls> {
        Self::build(setup::identity(chain, key)?, WebPkiClientVerifier::no_client_auth())
    }

    /// Shows the certificate of a PEM text, its intermediates behind it.
    ///
    /// # Errors
    ///
    /// As [`ServerTls::new`], and for text that is not PEM.
    pub fn from_pem(chain: &[u8], key: &[u8]) -> Result<Self, InvalidTls> {
        Self::new(setup::certificates(chain)?, setup::private_key(key)?)
    }

    /// Shows the certificate of a PEM file of at most 4 MiB; both may be one file. Blocks while it reads.
    ///
    /// # Errors
    ///
    /// As [`ServerTls::from_pem`], and for files that cannot be read.
    pub fn from_pem_files(chain: impl AsRef<Path>, key: impl AsRef<Path>) -> Result<Self, InvalidTls> {
        Self::from_pem(&setup::read_file(chain.as_ref())?, &setup::read_file(key.as_ref())?)
    }

    /// Lets in only clients with a certificate that one of these authorities has issued.
    ///
    /// # Errors
    ///
    /// None given, or one that cannot be decoded.
    pub fn require_client_certificate(
        self,
        authorities: Vec<CertificateDer<'static>>,
    ) -> Result<Self, InvalidTls> {
        let verifier = WebPkiClientVerifier::builder_with_provider(setup::roots(authorities)?, provider())
            .build()
            .map_err(|error| InvalidTls::Certificate(error.into()))?;
        Self::build(self.identity, verifier)
    }

    /// Lets in only clients with a certificate that an authority of a PEM text has issued.
    ///
    /// # Errors
    ///
    /// As [`ServerTls::require_client_certificate`], and for text that is not PEM.
    pub fn require_client_certificate_pem(self, authorities: &[u8]) -> Result<Self, InvalidTls> {
        self.require_client_certificate(setup::certificates(authorities)?)
    }

    /// Makes the TLS handshake with a client.
    ///
    /// # Cancellation
    ///
    /// Dropping the future drops `io`.
    pub(crate) async fn accept<S>(&self, io: S, alpn: Alpn) -> Result<TlsStream<S>, TlsError>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let acceptor = TlsAcceptor::from(self.configs[alpn as usize].clone());
        acceptor.accept(io).await.map_err(TlsError::from_handshake)
    }

    fn build(
        identity: Arc<CertifiedKey>,
        client_verifier: Arc<dyn ClientCertVerifier>,
    ) -> Result<Self, InvalidTls> {
        let config = ServerConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()
            .map_err(|error| InvalidTls::Provider(error.into()))?
            .with_client_cert_verifier(client_verifier.clone())
            .with_cert_resolver(Arc::new(SingleCertAndKey::from(identity.clone())));
        let configs = [Alpn::Http1, Alpn::Http2].map(|alpn| {
            let mut config = config.clone();
            config.alpn_protocols = alpn.names();
            Arc::new(config)
        });
        Ok(Self { identity, client_verifier, configs })
    }
}
