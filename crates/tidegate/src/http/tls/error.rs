//! Why a TLS handshake failed, in words for the person who has to act on it.

use std::io;

use rustls::{AlertDescription, CertificateError, InvalidMessage};

use super::setup::InvalidTls;

type Source = Box<dyn std::error::Error + Send + Sync>;

/// Names of a foreign certificate in an error: some certificates hold hundreds.
const MAX_NAMES: usize = 10;

/// Why a TLS handshake failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TlsError {
    /// No trusted authority has issued the certificate of the peer.
    #[error("certificate of the peer is not trusted: no known authority has issued it")]
    Untrusted,
    /// The certificate of the peer has expired.
    #[error("certificate of the peer has expired")]
    Expired,
    /// The certificate of the peer is not valid yet; a wrong clock on this machine looks the same.
    #[error("certificate of the peer is not valid yet")]
    NotYetValid,
    /// The certificate of the peer is for other names.
    #[error("certificate of the peer is not for {expected:?} but for {}", list(presented))]
    WrongName {
        /// The host of the URL.
        expected: String,
        /// The first names in the certificate, ten at most.
        presented: Vec<String>,
    },
    /// The authority has revoked the certificate of the peer.
    #[error("certificate of the peer has been revoked")]
    Revoked,
    /// A signature of the peer is wrong: mostly an authority that was made anew under its old name.
    #[error("certificate of the peer is not signed by the trusted authority of that name")]
    BadSignature,
    /// The certificate of the peer breaks some other rule.
    #[error("certificate of the peer is not acceptable")]
    BadCertificate(#[source] Source),
    /// The server asks for a client certificate and none was given; a server sees this when a client has none.
    #[error("client certificate is required")]
    CertificateRequired,
    /// The peer does not accept our certificate.
    #[error("peer refused our certificate: {reason}")]
    CertificateRefused {
        /// The alert of the peer.
        reason: String,
    },
    /// The peer does not speak TLS, as when `wss` goes to a port for `ws`.
    #[error("peer does not speak TLS")]
    NotTls,
    /// The peer speaks TLS, but not HTTP/1.1 within it.
    #[error("peer does not offer HTTP/1.1")]
    NoCommonProtocol,
    /// There is no TLS version or cipher suite that both sides have.
    #[error("no TLS version or cipher suite in common with the peer")]
    Incompatible(#[source] Source),
    /// The host can be neither a DNS name nor an IP address.
    #[error("{0:?} is not a name that a certificate can hold")]
    InvalidName(String),
    /// Our own settings cannot work.
    #[error("TLS settings cannot work")]
    Setup(#[from] InvalidTls),
    /// The peer closed the connection during the handshake.
    #[error("peer closed the connection during the TLS handshake")]
    Closed,
    /// The stream failed.
    #[error("connection failed during the TLS handshake")]
    Io(#[source] io::Error),
    /// Any other breach of the TLS protocol.
    #[error("TLS failed")]
    Protocol(#[source] Source),
}

impl TlsError {
    /// Takes apart what a handshake ended with.
    pub(super) fn from_handshake(error: io::Error) -> Self {
        match Self::within(error) {
            Ok(error) => error,
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Self::Closed,
            Err(error) => Self::Io(error),
        }
    }

    /// Finds what TLS has to say in an error of a stream, or gives the error back.
    ///
    /// In TLS 1.3 a server judges the certificate of its client after the handshake has ended for the client,
    /// so that [`TlsError::CertificateRequired`] comes out of the first read.
    pub(crate) fn within(error: io::Error) -> Result<Self, io::Error> {
        error.downcast::<rustls::Error>().map(Self::from_rustls)
    }

    fn from_rustls(error: rustls::Error) -> Self {
        match error {
            rustls::Error::InvalidCertificate(error) => Self::from_certificate(error),
            rustls::Error::AlertReceived(alert) => Self::from_alert(alert),
            rustls::Error::NoCertificatesPresented => Self::CertificateRequired,
            rustls::Error::NoApplicationProtocol => Self::NoCommonProtocol,
            rustls::Error::InvalidMessage(InvalidMessage::InvalidContentType) => Self::NotTls,
            rustls::Error::PeerIncompatible(_) => Self::Incompatible(error.into()),
            error => Self::Protocol(error.into()),
        }
    }

    fn from_certificate(error: CertificateError) -> Self {
        match error {
            CertificateError::UnknownIssuer => Self::Untrusted,
            CertificateError::Expired | CertificateError::ExpiredContext { .. } => Self::Expired,
            CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => Self::NotYetValid,
            CertificateError::NotValidForNameContext { expected, presented } => {
                let presented = presented.iter().take(MAX_NAMES).map(|name| bare(name)).collect();
                Self::WrongName { expected: expected.to_str().into_owned(), presented }
            }
            CertificateError::Revoked => Self::Revoked,
            CertificateError::BadSignature => Self::BadSignature,
            error => Self::BadCertificate(rustls::Error::InvalidCertificate(error).into()),
        }
    }

    fn from_alert(alert: AlertDescription) -> Self {
        match alert {
            AlertDescription::CertificateRequired => Self::CertificateRequired,
            AlertDescription::NoApplicationProtocol => Self::NoCommonProtocol,
            AlertDescription::ProtocolVersion | AlertDescription::InsufficientSecurity => {
                Self::Incompatible(rustls::Error::AlertReceived(alert).into())
            }
            AlertDescription::BadCertificate
            | AlertDescription::UnsupportedCertificate
            | AlertDescription::CertificateRevoked
            | AlertDescription::CertificateExpired
            | AlertDescription::CertificateUnknown
            | AlertDescription::UnknownCA
            | AlertDescription::AccessDenied => Self::CertificateRefused { reason: format!("{alert:?}") },
            _ => Self::Protocol(rustls::Error::AlertReceived(alert).into()),
        }
    }
}

/// The name in `DnsName("h.example")`, which is how rustls writes what a certificate holds.
///
/// What a peer has put there may reach a terminal, so control characters are escaped.
fn bare(name: &str) -> String {
    let inner = name.split_once('(').and_then(|(_, name)| name.strip_suffix(')')).unwrap_or(name);
    inner.trim_matches('"').escape_debug().to_string()
}

fn list(names: &[String]) -> String {
    if names.is_empty() { "no name at all".to_owned() } else { names.join(", ") }
}
