//! A throwaway authority, made when a test asks for it, and a certificate for this machine.

use std::sync::OnceLock;

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    KeyUsagePurpose, date_time_ymd,
};
use tidegate::{ClientTls, ServerTls};

/// An authority, and what it has issued for `localhost`, `127.0.0.1` and `::1`, all as PEM.
pub struct Certificates {
    /// Whom to trust.
    pub ca: String,
    /// What a server shows.
    pub chain: String,
    /// The key that belongs to it.
    pub key: String,
}

impl Certificates {
    /// The same for the whole process.
    #[must_use]
    pub fn shared() -> &'static Self {
        static SHARED: OnceLock<Certificates> = OnceLock::new();
        SHARED.get_or_init(Self::make)
    }

    /// A new authority with a new certificate.
    ///
    /// # Panics
    ///
    /// When the cryptography fails to make a key.
    #[must_use]
    pub fn make() -> Self {
        Self::make_for(["localhost", "127.0.0.1", "::1"])
    }

    /// A new authority with a new certificate for these names and addresses.
    ///
    /// # Panics
    ///
    /// When the cryptography fails to make a key, or one of them cannot stand in a certificate.
    #[must_use]
    pub fn make_for<const N: usize>(names: [&str; N]) -> Self {
        let mut authority = params("Tidegate throwaway authority", Vec::new());
        authority.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        authority.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let issuer = CertifiedIssuer::self_signed(authority, new_key()).expect("an authority signs itself");

        let mut server = params("localhost", names.map(str::to_owned).to_vec());
        server.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        server.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        server.use_authority_key_identifier_extension = true;
        let key = new_key();
        let certificate = server.signed_by(&key, &issuer).expect("an authority signs a certificate");
        Self { ca: issuer.pem(), chain: certificate.pem(), key: key.serialize_pem() }
    }

    /// How a server of ours shows the certificate.
    ///
    /// # Panics
    ///
    /// Never, as long as the library reads what was made here.
    #[must_use]
    pub fn server(&self) -> ServerTls {
        ServerTls::from_pem(self.chain.as_bytes(), self.key.as_bytes()).expect("a chain and its key")
    }

    /// How a client of ours trusts the authority, and nobody else.
    ///
    /// # Panics
    ///
    /// Never, as long as the library reads what was made here.
    #[must_use]
    pub fn client(&self) -> ClientTls {
        ClientTls::default().root_certificates_pem(self.ca.as_bytes()).expect("an authority")
    }
}

fn params(name: &str, names: Vec<String>) -> CertificateParams {
    let mut params = CertificateParams::new(names).expect("names that can stand in a certificate");
    params.distinguished_name.push(DnType::CommonName, name);
    params.not_before = date_time_ymd(2020, 1, 1);
    params.not_after = date_time_ymd(2049, 12, 31);
    params
}

fn new_key() -> KeyPair {
    KeyPair::generate().expect("a new key")
}
