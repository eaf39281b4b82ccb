//! Certificate authorities of a PEM file.

use std::{fmt, sync::Arc};

use rustls::RootCertStore;
use rustls_pki_types::{CertificateDer, pem::PemObject};

use super::Invalid;

/// Authorities that certificates of servers are checked against; at least one. Equal while the file's content is. Clones
/// share them.
#[derive(Clone)]
pub struct Authorities {
    pem: Arc<[u8]>,
    roots: Arc<RootCertStore>,
}

impl Authorities {
    /// Those in the content of a PEM file.
    ///
    /// # Errors
    /// It is no PEM file, holds no certificate, or one that cannot be used.
    pub fn read(pem: Vec<u8>) -> Result<Self, Invalid> {
        let mut roots = RootCertStore::empty();
        for certificate in CertificateDer::pem_slice_iter(&pem) {
            let certificate = certificate.map_err(|error| {
                Invalid::new(format!("it is not valid PEM ({error}); write a file of certificates"))
            })?;
            roots.add(certificate).map_err(|error| {
                Invalid::new(format!(
                    "a certificate in it cannot be used ({error}); write a file of authorities"
                ))
            })?;
        }
        if roots.is_empty() {
            return Err(Invalid::new("it contains no certificate; write a PEM file of certificates"));
        }
        Ok(Self { pem: pem.into(), roots: Arc::new(roots) })
    }

    /// The file's content.
    pub fn pem(&self) -> &[u8] {
        &self.pem
    }

    /// For clients.
    pub fn roots(&self) -> Arc<RootCertStore> {
        self.roots.clone()
    }
}

impl PartialEq for Authorities {
    fn eq(&self, other: &Self) -> bool {
        self.pem == other.pem
    }
}

impl Eq for Authorities {}

impl fmt::Debug for Authorities {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Authorities({})", self.roots.len())
    }
}
