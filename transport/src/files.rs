//! Certificates and keys as they lie on the disk, in PEM, and whether they have changed. Nothing of
//! a key is kept here or told.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use rustls::RootCertStore;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

/// A certificate and its key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CertificateFiles {
    /// The certificate, then those that lead to its authority.
    pub certificate: PathBuf,
    pub key: PathBuf,
}

/// A file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum InvalidFile {
    #[error("{} cannot be read: {source}; give a file in PEM that this process may read", path.display())]
    Unreadable { path: PathBuf, source: rustls::pki_types::pem::Error },
    #[error("{} holds no certificate", .0.display())]
    Empty(PathBuf),
    #[error("a certificate in {} is not one of an authority: {source}", path.display())]
    Authority { path: PathBuf, source: rustls::Error },
    #[error("{} and {} do not go together: {source}", certificate.display(), key.display())]
    Pair { certificate: PathBuf, key: PathBuf, source: rustls::Error },
    #[error("what the files hold cannot be spoken TLS with: {0}")]
    Tls(String),
}

pub(crate) type Chain = Vec<CertificateDer<'static>>;

pub(crate) fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::aws_lc_rs::default_provider())
}

/// The certificate with its chain, and the key.
pub(crate) fn read(
    files: &CertificateFiles,
) -> Result<(Chain, PrivateKeyDer<'static>), InvalidFile> {
    let key = PrivateKeyDer::from_pem_file(&files.key).map_err(unreadable(&files.key))?;
    Ok((certificates(&files.certificate)?, key))
}

/// The authorities that a file names.
pub(crate) fn authorities(path: &Path) -> Result<RootCertStore, InvalidFile> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(path)? {
        let path = path.to_owned();
        roots.add(certificate).map_err(|source| InvalidFile::Authority { path, source })?;
    }
    Ok(roots)
}

fn certificates(path: &Path) -> Result<Chain, InvalidFile> {
    let chain = CertificateDer::pem_file_iter(path)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(unreadable(path))?;
    if chain.is_empty() { Err(InvalidFile::Empty(path.to_owned())) } else { Ok(chain) }
}

fn unreadable(path: &Path) -> impl Fn(rustls::pki_types::pem::Error) -> InvalidFile {
    let path = path.to_owned();
    move |source| InvalidFile::Unreadable { path: path.clone(), source }
}

/// When each was changed last, and how long it is.
pub(crate) fn stamps(paths: &[&Path]) -> Vec<Option<(SystemTime, u64)>> {
    let stamp = |path: &&Path| {
        let file = fs::metadata(path).ok()?;
        Some((file.modified().ok()?, file.len()))
    };
    paths.iter().map(stamp).collect()
}
