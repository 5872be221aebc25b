//! The certificates that a client trusts: the system's, and an additional authority.

use std::sync::Arc;

use ureq::tls::{Certificate, PemItem, RootCerts, TlsConfig, parse_pem};

use crate::error::{Error, Fault};

/// ureq's TLS configuration with the system's certificates and those of a PEM text.
pub(super) fn tls_config(authority: Option<&[u8]>) -> Result<TlsConfig, Error> {
    // Certificates of the system's store that do not parse are skipped.
    let system = rustls_native_certs::load_native_certs();
    let mut roots: Vec<_> = system.certs.iter().map(|der| Certificate::from_der(der).to_owned()).collect();
    if let Some(pem) = authority {
        let before = roots.len();
        for item in parse_pem(pem) {
            if let PemItem::Certificate(certificate) = item.map_err(|error| Fault::Tls { source: error.into() })? {
                roots.push(certificate);
            }
        }
        if roots.len() == before {
            return Err(Fault::Tls { source: "the given authority holds no certificate in PEM form".into() }.into());
        }
    }
    Ok(TlsConfig::builder().root_certs(RootCerts::Specific(Arc::new(roots))).build())
}
