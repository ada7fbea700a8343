//! What a node that was enrolled keeps on its disk: one file with its key and its certificate, written
//! whole or not at all, and, until it has a certificate, the key that it asks for one with. Its owner alone
//! may read them.

use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use countersign_transport::{CertificateFiles, Held, request};
use zeroize::Zeroizing;

use super::NotEnrolled;

const OWNER_ALONE: u32 = 0o600;
const OWNERS_DIRECTORY: u32 = 0o700;

#[derive(Debug, Clone)]
pub(super) struct IdentityDir(pub(super) PathBuf);

impl IdentityDir {
    /// Key and certificate in one file, so that no connection is made with one of each of two.
    pub(super) fn files(&self) -> CertificateFiles {
        let both = self.0.join("identity.pem");
        CertificateFiles { certificate: both.clone(), key: both }
    }

    fn pending(&self) -> PathBuf {
        self.0.join("enrolling.key")
    }

    /// The certificate that is held; none where there is none yet.
    pub(super) fn held(&self) -> Result<Option<Held>, NotEnrolled> {
        let path = self.files().certificate;
        if !path.try_exists().map_err(at("looked for", &path))? {
            return Ok(None);
        }
        let held = Held::read(&self.files());
        held.map(Some).map_err(|error| NotEnrolled::Held(error.to_string()))
    }

    /// The key that a certificate is asked for with: the same until there is one.
    pub(super) fn pending_key(&self) -> Result<Zeroizing<String>, NotEnrolled> {
        let mut builder = fs::DirBuilder::new();
        let made = builder.recursive(true).mode(OWNERS_DIRECTORY).create(&self.0);
        made.map_err(at("made", &self.0))?;
        let path = self.pending();
        match fs::read_to_string(&path) {
            Ok(key) => return Ok(Zeroizing::new(key)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(at("read", &path)(error)),
        }
        let key = request::new_key().map_err(|error| NotEnrolled::Key(error.to_string()))?;
        write(&path, key.as_bytes())?;
        Ok(key)
    }

    pub(super) fn drop_pending(&self) {
        if let Err(error) = fs::remove_file(self.pending()) {
            tracing::warn!(%error, path = %self.pending().display(), "a key that was used stays");
        }
    }

    /// The key of the certificate that is held.
    pub(super) fn key(&self) -> Result<Zeroizing<String>, NotEnrolled> {
        let path = self.files().key;
        fs::read_to_string(&path).map(Zeroizing::new).map_err(at("read", &path))
    }

    /// Holds this from now on: `key` may have other sections behind it.
    pub(super) fn hold(&self, key: &str, chain_pem: &str, ca_pem: &str) -> Result<(), NotEnrolled> {
        const END: &str = "-----END PRIVATE KEY-----";
        let end = key.find(END).map(|at| at + END.len());
        let key = end.and_then(|end| key.get(..end));
        let key = key.ok_or_else(|| NotEnrolled::Key("there is none in its file".to_owned()))?;
        let both = Zeroizing::new(format!("{key}\n{chain_pem}"));
        write(&self.files().certificate, both.as_bytes())?;
        write(&self.0.join("node-ca.crt"), ca_pem.as_bytes())
    }
}

/// Whole or not at all.
fn write(path: &Path, bytes: &[u8]) -> Result<(), NotEnrolled> {
    let beside = path.with_extension("new");
    let written = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(OWNER_ALONE)
        .open(&beside)
        .and_then(|mut file| {
            file.write_all(bytes)?;
            file.sync_all()
        });
    written.and_then(|()| fs::rename(&beside, path)).map_err(at("written", path))
}

fn at(what: &'static str, path: &Path) -> impl Fn(io::Error) -> NotEnrolled {
    let path = path.to_owned();
    move |source| NotEnrolled::File { what, path: path.clone(), source }
}
