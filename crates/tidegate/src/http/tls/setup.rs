//! Certificates and keys as users hand them over.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::RootCertStore;
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;

use super::provider::provider;

/// Bytes of a PEM file, far beyond every bundle of authorities in use.
const MAX_FILE: u64 = 4 * 1024 * 1024;

/// TLS settings that cannot work.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidTls {
    /// A file cannot be read.
    #[error("cannot read {}", path.display())]
    File {
        /// The file as given.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// The text is not PEM.
    #[error("not PEM: {reason}")]
    Pem {
        /// What is wrong with it.
        reason: String,
    },
    /// The PEM text holds no certificate.
    #[error("no certificate: a section that begins with -----BEGIN CERTIFICATE----- is needed")]
    NoCertificate,
    /// The PEM text holds no private key, or an encrypted one.
    #[error("no private key: an unencrypted PKCS #8, PKCS #1 or SEC 1 section is needed")]
    NoPrivateKey,
    /// A certificate cannot be decoded, or cannot serve as an authority.
    #[error("certificate cannot be used")]
    Certificate(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The private key cannot be decoded, or its algorithm is not supported.
    #[error("private key cannot be used")]
    PrivateKey(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The private key does not belong to the first certificate of the chain.
    #[error("private key does not belong to the first certificate of the chain")]
    KeyMismatch,
    /// The authorities of the platform cannot be loaded, as in an image without CA certificates.
    #[error("trusted authorities of this system cannot be loaded: install CA certificates or give your own")]
    Platform(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The cryptography refuses the settings.
    #[error("cryptography refuses the TLS settings")]
    Provider(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// Reads the certificates of a PEM text, in order; other sections are skipped.
pub(super) fn certificates(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, InvalidTls> {
    CertificateDer::pem_slice_iter(pem).collect::<Result<_, _>>().map_err(|error| not_pem(&error))
}

/// Reads the first private key of a PEM text.
pub(super) fn private_key(pem: &[u8]) -> Result<PrivateKeyDer<'static>, InvalidTls> {
    PrivateKeyDer::from_pem_slice(pem).map_err(|error| match error {
        pem::Error::NoItemsFound => InvalidTls::NoPrivateKey,
        error => not_pem(&error),
    })
}

/// Reads a file that holds PEM.
pub(super) fn read_file(path: &Path) -> Result<Vec<u8>, InvalidTls> {
    let read = || {
        let mut bytes = Vec::new();
        File::open(path)?.take(MAX_FILE + 1).read_to_end(&mut bytes)?;
        if bytes.len() as u64 > MAX_FILE {
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, "longer than 4 MiB"));
        }
        Ok(bytes)
    };
    read().map_err(|source| InvalidTls::File { path: path.to_owned(), source })
}

/// The authorities to trust; one at least.
pub(super) fn roots(certificates: Vec<CertificateDer<'static>>) -> Result<Arc<RootCertStore>, InvalidTls> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates {
        roots.add(certificate).map_err(|error| InvalidTls::Certificate(error.into()))?;
    }
    if roots.is_empty() { Err(InvalidTls::NoCertificate) } else { Ok(Arc::new(roots)) }
}

/// A chain with its key, proven to belong together.
pub(super) fn identity(
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
) -> Result<Arc<CertifiedKey>, InvalidTls> {
    if chain.is_empty() {
        return Err(InvalidTls::NoCertificate);
    }
    let identity = CertifiedKey::from_der(chain, key, &provider()).map_err(|error| match error {
        rustls::Error::InconsistentKeys(_) => InvalidTls::KeyMismatch,
        rustls::Error::InvalidCertificate(_) => InvalidTls::Certificate(error.into()),
        _ => InvalidTls::PrivateKey(error.into()),
    })?;
    Ok(Arc::new(identity))
}

fn not_pem(error: &pem::Error) -> InvalidTls {
    InvalidTls::Pem { reason: error.to_string() }
}
