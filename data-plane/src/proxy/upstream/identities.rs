//! The client certificates that the node holds itself, with their keys, by name: NAME.crt and
//! NAME.key of one directory. Read when they are first needed, and again when they have changed.
//! A key leaves this file only as something that signs.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use countersign_shared::api::IdentityName;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use tracing::{info, warn};

#[derive(Debug)]
pub(super) struct Identities {
    dir: Option<PathBuf>,
    held: Mutex<HashMap<IdentityName, Held>>,
}

#[derive(Debug)]
struct Held {
    changed_at: [Option<SystemTime>; 2],
    identity: Arc<CertifiedKey>,
}

/// Why a client certificate cannot be shown.
#[derive(Debug, thiserror::Error)]
pub(in crate::proxy) enum NoIdentity {
    #[error("no directory of client certificates was given (--backend-identity-dir)")]
    NoDirectory,
    #[error("{} cannot be read: {source}", path.display())]
    Unreadable { path: PathBuf, source: rustls::pki_types::pem::Error },
    #[error("{} holds no certificate", .0.display())]
    Empty(PathBuf),
    #[error("certificate and key do not go together: {0}")]
    Unusable(rustls::Error),
}

impl Identities {
    pub(super) fn new(dir: Option<PathBuf>) -> Self {
        Self { dir, held: Mutex::default() }
    }

    /// The identity of this name; reads its files where that has not been done yet.
    pub(super) fn identity(
        &self,
        name: &IdentityName,
        provider: &CryptoProvider,
    ) -> Result<Arc<CertifiedKey>, NoIdentity> {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(held) = held.get(name) {
            return Ok(Arc::clone(&held.identity));
        }
        let files = self.files(name)?;
        let changed_at = changed_at(&files);
        let identity = Arc::new(read(&files, provider)?);
        held.insert(name.clone(), Held { changed_at, identity: Arc::clone(&identity) });
        Ok(identity)
    }

    /// Reads again what has changed and returns whose it is. What cannot be used changes nothing.
    pub(super) fn renew(&self, provider: &CryptoProvider) -> Vec<IdentityName> {
        let mut renewed = Vec::new();
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        for (name, held) in held.iter_mut() {
            let Ok(files) = self.files(name) else { continue };
            let changed_at = changed_at(&files);
            if changed_at == held.changed_at {
                continue;
            }
            // Also where it fails: it is said once, and tried again with the next change.
            held.changed_at = changed_at;
            match read(&files, provider) {
                Ok(identity) => {
                    held.identity = Arc::new(identity);
                    info!(
                        name = name.as_str(),
                        "backends get the client certificate that was changed"
                    );
                    renewed.push(name.clone());
                }
                Err(error) => {
                    warn!(name = name.as_str(), %error, "the former client certificate stays in use");
                }
            }
        }
        renewed
    }

    /// Certificate and key.
    fn files(&self, name: &IdentityName) -> Result<[PathBuf; 2], NoIdentity> {
        let dir = self.dir.as_deref().ok_or(NoIdentity::NoDirectory)?;
        Ok(["crt", "key"].map(|kind| dir.join(format!("{}.{kind}", name.as_str()))))
    }
}

fn changed_at(files: &[PathBuf; 2]) -> [Option<SystemTime>; 2] {
    files.each_ref().map(|path| fs::metadata(path).and_then(|file| file.modified()).ok())
}

fn read(
    [certificate, key]: &[PathBuf; 2],
    provider: &CryptoProvider,
) -> Result<CertifiedKey, NoIdentity> {
    let unreadable = |path: &Path| {
        let path = path.to_owned();
        move |source| NoIdentity::Unreadable { path, source }
    };
    let chain = CertificateDer::pem_file_iter(certificate)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(unreadable(certificate))?;
    if chain.is_empty() {
        return Err(NoIdentity::Empty(certificate.clone()));
    }
    let key = PrivateKeyDer::from_pem_file(key).map_err(unreadable(key))?;
    CertifiedKey::from_der(chain, key, provider).map_err(NoIdentity::Unusable)
}
