//! The certificate that a server presents, trusted or not. A proxy in between may present its own.

use std::io::Write as _;
use std::net::TcpStream;
use std::sync::{Arc, Mutex, PoisonError};

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, ClientConnection, DigitallySignedStruct, RootCertStore, SignatureScheme, StreamOwned};
use x509_parser::prelude::{FromDer as _, X509Certificate};

/// The certificate that a server presented.
pub(super) struct Shown {
    /// The authority that issued it.
    pub(super) issuer: String,
    /// Why it is not trusted, if it is not.
    pub(super) problem: Option<String>,
}

/// Runs the TLS handshake with a server up to its certificate.
pub(super) fn shown(host: &str, socket: TcpStream, authority: Option<&[u8]>) -> Result<Shown, String> {
    let verifier =
        WebPkiServerVerifier::builder_with_provider(Arc::new(roots(authority)), Arc::new(ring::default_provider()));
    let inner = verifier.build().map_err(|error| error.to_string())?;
    let verifier = Arc::new(Verifier { inner, seen: Mutex::default() });
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?
        .dangerous()
        .with_custom_certificate_verifier(Arc::<Verifier>::clone(&verifier))
        .with_no_client_auth();
    let name = ServerName::try_from(host.to_owned()).map_err(|error| error.to_string())?;
    let connection = ClientConnection::new(Arc::new(config), name).map_err(|error| error.to_string())?;
    let spoken = StreamOwned::new(connection, socket).flush();
    let seen = verifier.seen.lock().unwrap_or_else(PoisonError::into_inner).take();
    match (seen, spoken) {
        (Some(shown), _) => Ok(shown),
        (None, Err(error)) => Err(error.to_string()),
        (None, Ok(())) => Err("it shows no certificate".to_owned()),
    }
}

/// The authorities that the client of the service trusts: the system's, and the given one.
fn roots(authority: Option<&[u8]>) -> RootCertStore {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    let named = authority.into_iter().flat_map(CertificateDer::pem_slice_iter).filter_map(Result::ok);
    roots.add_parsable_certificates(named);
    roots
}

/// Verifies as usual, and also keeps the certificate's data.
#[derive(Debug)]
struct Verifier {
    inner: Arc<WebPkiServerVerifier>,
    seen: Mutex<Option<Shown>>,
}

impl std::fmt::Debug for Shown {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shown").field("issuer", &self.issuer).finish_non_exhaustive()
    }
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let verified = self.inner.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now);
        let problem = verified.as_ref().err().map(ToString::to_string);
        let shown = Shown { issuer: issuer(end_entity), problem };
        *self.seen.lock().unwrap_or_else(PoisonError::into_inner) = Some(shown);
        verified
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.inner.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.inner.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.inner.supported_verify_schemes()
    }
}

/// The issuer that the certificate names.
fn issuer(certificate: &CertificateDer<'_>) -> String {
    X509Certificate::from_der(certificate)
        .map_or_else(|_| "an unreadable issuer".to_owned(), |(_, certificate)| certificate.issuer().to_string())
}
