//! The root certificates for TLS to a catalog.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use ureq::tls::{Certificate, PemItem, RootCerts, TlsConfig, parse_pem};

use super::CatalogError;

/// Trusts the system's certificates, or those of `SSL_CERT_FILE` and `SSL_CERT_DIR`, and in addition those of a file.
///
/// If the system has none, as in a minimal container, the built-in certificates of Mozilla are trusted.
pub(super) fn tls_config(ca_file: Option<&Path>) -> Result<TlsConfig, CatalogError> {
    let system = rustls_native_certs::load_native_certs();
    for name in ["SSL_CERT_FILE", "SSL_CERT_DIR"] {
        let Some(path) = std::env::var_os(name).filter(|path| !path.is_empty()) else { continue };
        if system.certs.is_empty() {
            let reason = system.errors.first().map_or_else(|| "it has no certificate".to_owned(), ToString::to_string);
            return Err(CatalogError::Certificates { path: path.into(), reason: format!("{reason} ({name})") });
        }
    }
    let mut roots: Vec<_> = system.certs.iter().map(|der| Certificate::from_der(der).to_owned()).collect();
    if let Some(path) = ca_file {
        roots.extend(read(path)?);
    }
    let roots = if roots.is_empty() { RootCerts::WebPki } else { RootCerts::Specific(Arc::new(roots)) };
    Ok(TlsConfig::builder().root_certs(roots).build())
}

fn read(path: &Path) -> Result<Vec<Certificate<'static>>, CatalogError> {
    let wrong = |reason: String| CatalogError::Certificates { path: path.to_owned(), reason };
    let pem = fs::read(path).map_err(|error| wrong(format!("cannot be read: {error}")))?;
    let mut certificates = Vec::new();
    for item in parse_pem(&pem) {
        if let PemItem::Certificate(certificate) = item.map_err(|error| wrong(error.to_string()))? {
            certificates.push(certificate);
        }
    }
    if certificates.is_empty() {
        return Err(wrong("it has no certificate in PEM form (-----BEGIN CERTIFICATE-----)".to_owned()));
    }
    Ok(certificates)
}
