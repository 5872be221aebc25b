//! HTTPS on the same port: a certificate for this machine, signed by an authority made for it, kept in a folder.
//!
//! | file in the folder | what it is |
//! |---|---|
//! | `ca.pem` | the authority's certificate, for clients to trust |
//! | `server.pem`, `server.key` | the server's certificate and its key |
//!
//! The authority's key is discarded after the first signature, so that nothing else can be signed with it.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, KeyUsagePurpose};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::{self, PemObject as _};
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::{self, ServerConfig};

/// The names under which the emulator is reached.
const NAMES: [&str; 3] = ["localhost", "127.0.0.1", "::1"];

/// Why HTTPS cannot be served.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TlsError {
    /// The certificates could not be created.
    #[error("a certificate cannot be made")]
    Certificate(#[from] rcgen::Error),
    /// The certificate or its key is not usable for TLS.
    #[error("the certificate is refused; remove server.pem and server.key, and start again")]
    Config(#[from] rustls::Error),
    /// A file cannot be read or written.
    #[error("{} cannot be used", .path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
    /// A file holds no PEM.
    #[error("{} is not PEM; remove it, and start again", .path.display())]
    Pem {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: pem::Error,
    },
}

/// The path of the certificate that clients have to trust.
pub(crate) fn authority(folder: &Path) -> PathBuf {
    folder.join("ca.pem")
}

/// Accepts TLS with the certificates in the folder; they are created if one is missing.
pub(crate) fn acceptor(folder: &Path) -> Result<TlsAcceptor, TlsError> {
    let (certificate, key) = (folder.join("server.pem"), folder.join("server.key"));
    if !(authority(folder).is_file() && certificate.is_file() && key.is_file()) {
        make(folder)?;
    }
    let chain = CertificateDer::from_pem_slice(&read(&certificate)?)
        .map_err(|source| TlsError::Pem { path: certificate, source })?;
    let key = PrivateKeyDer::from_pem_slice(&read(&key)?).map_err(|source| TlsError::Pem { path: key, source })?;
    let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(vec![chain], key)?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}

fn make(folder: &Path) -> Result<(), TlsError> {
    std::fs::create_dir_all(folder).map_err(|source| TlsError::Io { path: folder.to_owned(), source })?;
    let mut params = CertificateParams::new(Vec::new())?;
    params.distinguished_name.push(DnType::CommonName, "zerobus-emulator");
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    let authority_issuer = CertifiedIssuer::self_signed(params, KeyPair::generate()?)?;
    let key = KeyPair::generate()?;
    let names: Vec<String> = NAMES.map(str::to_owned).into();
    let certificate = CertificateParams::new(names)?.signed_by(&key, &authority_issuer)?;
    write(&authority(folder), &authority_issuer.pem())?;
    write(&folder.join("server.pem"), &certificate.pem())?;
    write_secret(&folder.join("server.key"), &key.serialize_pem())
}

fn read(path: &Path) -> Result<Vec<u8>, TlsError> {
    std::fs::read(path).map_err(|source| TlsError::Io { path: path.to_owned(), source })
}

fn write(path: &Path, text: &str) -> Result<(), TlsError> {
    std::fs::write(path, text).map_err(|source| TlsError::Io { path: path.to_owned(), source })
}

/// Creates the file readable by its owner only.
fn write_secret(path: &Path, text: &str) -> Result<(), TlsError> {
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let written = options.open(path).and_then(|mut file| io::Write::write_all(&mut file, text.as_bytes()));
    written.map_err(|source| TlsError::Io { path: path.to_owned(), source })
}
