//! Reads the certificate authorities an upstream's certificates are checked against.
//!
//! Whatever is wrong with the file is found here, when the configuration is checked: Pingora itself would panic on a
//! broken certificate, and would report an untrusted one only when the first request fails.

use std::{path::Path, sync::Arc};

use pingora_core::{
    protocols::tls::CaType,
    utils::tls::{WrappedX509, parse_x509},
};
use rustls::RootCertStore;
use rustls_pki_types::{CertificateDer, pem::PemObject};
use x509_parser::{certificate::X509Certificate, prelude::FromDer};

/// The PEM file's bytes and the certificates in it; at least one.
pub fn read(path: &Path) -> Result<(Vec<u8>, Arc<CaType>), String> {
    let pem = std::fs::read(path).map_err(|error| format!("{error}; check the path"))?;
    let authorities = parse(&pem)?;
    Ok((pem, authorities))
}

fn parse(pem: &[u8]) -> Result<Arc<CaType>, String> {
    let certificates = CertificateDer::pem_slice_iter(pem)
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| format!("it is not valid PEM ({error}); write a file of certificates"))?;
    if certificates.is_empty() {
        return Err("it contains no certificate; write a PEM file of certificates".into());
    }
    let mut store = RootCertStore::empty();
    for certificate in &certificates {
        let usable = store.add(certificate.clone()).map_err(|error| error.to_string());
        let readable = X509Certificate::from_der(certificate).map_err(|error| error.to_string());
        usable.and(readable.map(drop)).map_err(|error| {
            format!("a certificate in it cannot be used ({error}); write a file of authorities")
        })?;
    }
    Ok(certificates.iter().map(|certificate| WrappedX509::new(certificate.to_vec(), parse_x509)).collect())
}
