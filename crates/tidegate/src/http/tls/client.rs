//! TLS towards a server.

use std::fmt;
use std::sync::{Arc, LazyLock, OnceLock};

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use rustls_platform_verifier::BuilderVerifierExt as _;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::alpn::Alpn;
use super::error::TlsError;
use super::provider::provider;
use super::setup::{self, InvalidTls};

/// How a client trusts servers and shows itself to them.
///
/// By default it trusts what the platform trusts, and has no certificate. The authorities of the platform are
/// loaded once for the process, at the first connection. Clones share what has been loaded and the sessions to
/// resume, so keep one value and clone it.
#[derive(Clone)]
pub struct ClientTls {
    trust: Trust,
    identity: Option<Arc<CertifiedKey>>,
    /// Made at the first connection from the two above; a setter begins a new one.
    config: Arc<OnceLock<Arc<ClientConfig>>>,
}

#[derive(Clone)]
enum Trust {
    Platform,
    Authorities(Arc<RootCertStore>),
    Anything,
}

impl Default for ClientTls {
    fn default() -> Self {
        static SHARED: LazyLock<Arc<OnceLock<Arc<ClientConfig>>>> = LazyLock::new(Arc::default);
        Self { trust: Trust::Platform, identity: None, config: SHARED.clone() }
    }
}

impl fmt::Debug for ClientTls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let trust = match &self.trust {
            Trust::Platform => "platform".to_owned(),
            Trust::Authorities(roots) => format!("{} own authorities", roots.len()),
            Trust::Anything => "anything".to_owned(),
        };
        let certificate = self.identity.is_some();
        f.debug_struct("ClientTls").field("trust", &trust).field("client_certificate", &certificate).finish()
    }
}

impl ClientTls {
    /// Trusts these authorities instead of those of the platform.
    ///
    /// # Errors
    ///
    /// None given, or one that cannot be decoded.
    pub fn root_certificates(self, authorities: Vec<CertificateDer<'static>>) -> Result<Self, InvalidTls> {
        Ok(self.trusting(Trust::Authorities(setup::roots(authorities)?)))
    }

    /// Trusts the authorities of a PEM text instead of those of the platform.
    ///
    /// # Errors
    ///
    /// As [`ClientTls::root_certificates`], and for text that is not PEM.
    pub fn root_certificates_pem(self, pem: &[u8]) -> Result<Self, InvalidTls> {
        self.root_certificates(setup::certificates(pem)?)
    }

    /// Shows this certificate to servers that ask for one; `chain` begins with the certificate of `key`.
    ///
    /// # Errors
    ///
    /// An empty chain, a key that cannot be used, or one that belongs to another certificate.
    pub fn client_certificate(
        mut self,
        chain: Vec<CertificateDer<'static>>,
        key: PrivateKeyDer<'static>,
    ) -> Result<Self, InvalidTls> {
        self.identity = Some(setup::identity(chain, key)?);
        self.config = Arc::default();
        Ok(self)
    }

    /// Shows the certificate of a PEM text to servers that ask for one.
    ///
    /// # Errors
    ///
    /// As [`ClientTls::client_certificate`], and for text that is not PEM.
    pub fn client_certificate_pem(self, chain: &[u8], key: &[u8]) -> Result<Self, InvalidTls> {
        self.client_certificate(setup::certificates(chain)?, setup::private_key(key)?)
    }

    /// Accepts every certificate, whoever has issued it and whatever its name: anybody on the way can then read
    /// and change everything. For experiments on one's own machine only.
    #[must_use]
    pub fn dangerous_accept_any_certificate(self) -> Self {
        self.trusting(Trust::Anything)
    }

    /// The same trust, but nothing to show: for whoever the certificate was not given for.
    pub(crate) fn without_client_certificate(&self) -> Self {
        match (&self.identity, &self.trust) {
            (None, _) => self.clone(),
            (Some(_), Trust::Platform) => Self::default(),
            (Some(_), trust) => Self { trust: trust.clone(), identity: None, config: Arc::default() },
        }
    }

    /// Makes the TLS handshake with `host`, a name or an address as a URL has it.
    ///
    /// # Cancellation
    ///
    /// Dropping the future drops `io`.
    pub(crate) async fn connect<S>(&self, host: &str, io: S, alpn: Alpn) -> Result<TlsStream<S>, TlsError>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let address = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
        let name = ServerName::try_from(address).map_err(|_| TlsError::InvalidName(host.to_owned()))?;
        let mut config = self.config()?;
        if alpn != Alpn::Http1 {
            Arc::make_mut(&mut config).alpn_protocols = alpn.names();
        }
        let connector = TlsConnector::from(config);
        connector.connect(name.to_owned(), io).await.map_err(TlsError::from_handshake)
    }

    /// Whether `other` is a clone of this, so that both trust and show the same.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.config, &other.config)
    }

    fn trusting(mut self, trust: Trust) -> Self {
        self.trust = trust;
        self.config = Arc::default();
        self
    }

    /// The configuration, made at the first call. Calls at the same time may make it twice and keep one.
    pub(super) fn config(&self) -> Result<Arc<ClientConfig>, InvalidTls> {
        if let Some(config) = self.config.get() {
            return Ok(config.clone());
        }
        let config = Arc::new(self.build()?);
        Ok(self.config.get_or_init(|| config).clone())
    }

    fn build(&self) -> Result<ClientConfig, InvalidTls> {
        let provider = provider();
        let builder = ClientConfig::builder_with_provider(provider.clone())
            .with_safe_default_protocol_versions()
            .map_err(|error| InvalidTls::Provider(error.into()))?;
        let builder = match &self.trust {
            Trust::Platform => {
                builder.with_platform_verifier().map_err(|error| InvalidTls::Platform(error.into()))?
            }
            Trust::Authorities(roots) => builder.with_root_certificates(roots.clone()),
            Trust::Anything => {
                builder.dangerous().with_custom_certificate_verifier(Arc::new(AnyCertificate(provider)))
            }
        };
        let mut config = match &self.identity {
            Some(identity) => {
                builder.with_client_cert_resolver(Arc::new(SingleCertAndKey::from(identity.clone())))
            }
            None => builder.with_no_client_auth(),
        };
        config.alpn_protocols = Alpn::Http1.names();
        Ok(config)
    }
}

/// Accepts every certificate. Signatures are still checked: the peer must hold the key of what it shows.
#[derive(Debug)]
struct AnyCertificate(Arc<CryptoProvider>);

impl ServerCertVerifier for AnyCertificate {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, cert, signed, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, cert, signed, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
