//! The CA that a control plane gives nodes their certificates with. Its key stays here: it is read once,
//! and never told. It reads no clock.

use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::time::Duration;

use data_encoding::HEXLOWER;
use rcgen::{
    CertificateParams, ExtendedKeyUsagePurpose, Issuer, KeyPair, KeyUsagePurpose, PublicKeyData,
    SanType, SerialNumber, SubjectPublicKeyInfo,
};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use time::OffsetDateTime;
use x509_parser::prelude::{FromDer, X509Certificate};
use zeroize::Zeroizing;

use crate::ca::{CaError, called};
use crate::files::CertificateFiles;
use crate::identity::Identity;
use crate::request::SigningRequest;

/// How far clocks may be apart; of what is good for less than an hour, a twelfth of that.
const CLOCKS_APART: Duration = Duration::from_mins(5);
const OTHERS: u32 = 0o077;

#[derive(Debug, thiserror::Error)]
pub enum NodeCaError {
    #[error("{} cannot be read: {source}", path.display())]
    Unreadable { path: PathBuf, source: std::io::Error },
    #[error("{} may be read by others than its owner: chmod 600 {}", .0.display(), .0.display())]
    Exposed(PathBuf),
    #[error("{} and {} are not a CA's certificate and its key: {why}", certificate.display(), key.display())]
    Unusable { certificate: PathBuf, key: PathBuf, why: String },
}

pub struct NodeCa {
    certificate_pem: String,
    issuer: Issuer<'static, KeyPair>,
    /// In seconds since 1970 (UTC).
    expires: i64,
}

/// Without the key.
impl std::fmt::Debug for NodeCa {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NodeCa").field("expires", &self.expires).finish_non_exhaustive()
    }
}

/// A certificate as it goes to its node.
#[derive(Debug, Clone)]
pub struct Issued {
    /// The certificate, then that of the CA, in PEM.
    pub chain_pem: String,
    pub ca_pem: String,
    /// In hex digits.
    pub serial: String,
    pub expires_ms: i64,
}

impl NodeCa {
    pub fn load(files: &CertificateFiles) -> Result<Self, NodeCaError> {
        let read = |path: &PathBuf| {
            std::fs::read_to_string(path)
                .map_err(|source| NodeCaError::Unreadable { path: path.clone(), source })
        };
        let metadata = std::fs::metadata(&files.key)
            .map_err(|source| NodeCaError::Unreadable { path: files.key.clone(), source })?;
        if metadata.permissions().mode() & OTHERS != 0 {
            return Err(NodeCaError::Exposed(files.key.clone()));
        }
        let (certificate_pem, key) = (read(&files.certificate)?, Zeroizing::new(read(&files.key)?));
        let CertificateFiles { certificate, key: key_file } = files.clone();
        Self::of(certificate_pem, &key).map_err(|why| NodeCaError::Unusable {
            certificate,
            key: key_file,
            why,
        })
    }

    fn of(certificate_pem: String, key: &str) -> Result<Self, String> {
        let key = KeyPair::from_pem(key).map_err(|error| error.to_string())?;
        let der = CertificateDer::from_pem_slice(certificate_pem.as_bytes())
            .map_err(|error| error.to_string())?;
        let (_, read) = X509Certificate::from_der(&der).map_err(|error| error.to_string())?;
        if !read.is_ca() {
            return Err("the certificate is not a CA's".to_owned());
        }
        if read.public_key().raw != key.subject_public_key_info() {
            return Err("the key is another's".to_owned());
        }
        let expires = read.validity().not_after.timestamp();
        let issuer = Issuer::from_ca_cert_der(&der, key).map_err(|error| error.to_string())?;
        Ok(Self { certificate_pem, issuer, expires })
    }

    /// A certificate for the key of a request, by which its holder is this node or relay, and nothing
    /// else. It ends with the CA at the latest.
    pub fn certify(
        &self,
        request: &SigningRequest,
        identity: &Identity,
        serial: [u8; 16],
        now_ms: i64,
        lifetime: Duration,
    ) -> Result<Issued, CaError> {
        let at = |seconds| OffsetDateTime::from_unix_timestamp(seconds).map_err(|_| CaError::Time);
        let seconds =
            |lasting: Duration| i64::try_from(lasting.as_secs()).map_err(|_| CaError::Time);
        let apart = seconds(CLOCKS_APART.min(lifetime / 12))?;
        let expires = (now_ms / 1000).saturating_add(seconds(lifetime)?).min(self.expires);
        let mut params = CertificateParams::default();
        params.not_before = at((now_ms / 1000).saturating_sub(apart))?;
        params.not_after = at(expires)?;
        params.serial_number = Some(SerialNumber::from_slice(&serial));
        params.use_authority_key_identifier_extension = true;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        params.subject_alt_names = vec![SanType::URI(identity.to_string().try_into()?)];
        params.distinguished_name = called(&identity.name);
        let public_key = SubjectPublicKeyInfo::from_der(&request.public_key)?;
        let certificate = params.signed_by(&public_key, &self.issuer)?.pem();
        Ok(Issued {
            chain_pem: format!("{certificate}{}", self.certificate_pem),
            ca_pem: self.certificate_pem.clone(),
            serial: HEXLOWER.encode(&serial),
            expires_ms: expires.saturating_mul(1000),
        })
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::{PeerCertificate, Role, ca, request};

    const NOW_MS: i64 = 1_800_000_000_000;
    const DAY: Duration = Duration::from_hours(24);

    fn node_ca(lifetime: Duration) -> NodeCa {
        let pair = ca::create(NOW_MS, lifetime).unwrap();
        NodeCa::of(pair.certificate.clone(), &pair.key).unwrap()
    }

    fn asked() -> SigningRequest {
        let der = request::request_for(&request::new_key().unwrap()).unwrap();
        SigningRequest::parse(&der).unwrap()
    }

    #[test]
    fn a_certificate_says_what_the_ca_says_for_the_key_of_the_request() {
        let (ca, request) = (node_ca(2 * DAY), asked());
        let edge = Identity::new(Role::Node, "edge-1").unwrap();
        let issued = ca.certify(&request, &edge, [1; 16], NOW_MS, DAY).unwrap();
        let der = CertificateDer::from_pem_slice(issued.chain_pem.as_bytes()).unwrap();
        assert_eq!(Identity::of(&der).unwrap(), edge);
        let shown = PeerCertificate::of(&der).unwrap();
        assert_eq!(shown.public_key_digest, request.public_key_digest());
        assert_eq!(shown.serial, issued.serial);
        assert_eq!(shown.expires_ms, issued.expires_ms + 999);
        assert_eq!(issued.expires_ms, NOW_MS + 24 * 3600 * 1000);
        let (_, read) = X509Certificate::from_der(&der).unwrap();
        assert!(!read.is_ca());
        assert!(read.extended_key_usage().unwrap().unwrap().value.client_auth);
        assert!(!read.extended_key_usage().unwrap().unwrap().value.server_auth);
    }

    #[test]
    fn no_certificate_outlives_the_ca() {
        let edge = Identity::new(Role::Node, "edge-1").unwrap();
        let issued = node_ca(DAY / 2).certify(&asked(), &edge, [1; 16], NOW_MS, DAY).unwrap();
        assert_eq!(issued.expires_ms, NOW_MS + 12 * 3600 * 1000);
    }

    #[test]
    fn what_is_not_a_ca_with_its_key_is_refused() {
        let (one, other) = (ca::create(NOW_MS, DAY).unwrap(), ca::create(NOW_MS, DAY).unwrap());
        assert!(NodeCa::of(one.certificate.clone(), &other.key).unwrap_err().contains("another"));
        let subject = ca::Subject { client: Identity::new(Role::Node, "a"), server: vec![] };
        let leaf = ca::issue(&one, &subject, NOW_MS, DAY).unwrap();
        assert!(NodeCa::of(leaf.certificate, &leaf.key).unwrap_err().contains("not a CA"));
    }
}
