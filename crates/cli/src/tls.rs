//! Whom to trust, and who this is, as the command line says.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use tidegate::{ClientTls, InvalidTls};

use crate::exit::{Failure, explain};

/// How a server is to prove who it is, and this end.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Trust<'a> {
    /// A PEM file with the authorities, in place of the system's.
    pub(crate) authorities: Option<&'a Path>,
    /// Whether any certificate will do.
    pub(crate) accepts_any: bool,
    /// PEM files with the certificate of this end and its key.
    pub(crate) identity: Option<(&'a Path, &'a Path)>,
}

/// Bytes of a PEM file, far beyond every bundle of authorities in use.
const MAX_PEM_BYTES: u64 = 4 * 1024 * 1024;

impl Trust<'_> {
    /// The same, with the files read.
    pub(crate) fn tls(&self) -> Result<ClientTls, Failure> {
        let mut tls = ClientTls::default();
        if let Some(path) = self.authorities {
            tls = tls.root_certificates_pem(&read(path)?).map_err(|error| about(path, &error))?;
        }
        if self.accepts_any {
            tls = tls.dangerous_accept_any_certificate();
        }
        if let Some((chain, key)) = self.identity {
            tls = tls
                .client_certificate_pem(&read(chain)?, &read(key)?)
                .map_err(|error| about(chain, &error))?;
        }
        Ok(tls)
    }
}

fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    let read = File::open(path).and_then(|file| file.take(MAX_PEM_BYTES + 1).read_to_end(&mut bytes));
    match read {
        Ok(_) if bytes.len() as u64 > MAX_PEM_BYTES => {
            Err(Failure::usage(format!("{}: longer than {MAX_PEM_BYTES} bytes", path.display())))
        }
        Ok(_) => Ok(bytes),
        Err(error) => Err(Failure::usage(format!("cannot read {}: {error}", path.display()))),
    }
}

fn about(path: &Path, error: &InvalidTls) -> Failure {
    Failure::usage(format!("{}: {}", path.display(), explain(error)))
}
