//! A private CA, for those who have none: its certificate and key, and the certificates that it
//! gives. It writes no files and reads no clock.

use std::net::IpAddr;
use std::time::Duration;

use data_encoding::HEXLOWER;
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa,
    Issuer, KeyPair, KeyUsagePurpose, SanType,
};
use sha2::{Digest, Sha256};
use time::OffsetDateTime;
use zeroize::Zeroizing;

use crate::identity::Identity;

/// How far clocks may be apart.
const CLOCKS_APART: Duration = Duration::from_mins(5);

/// A certificate and its key, in PEM.
pub struct Pair {
    pub certificate: String,
    pub key: Zeroizing<String>,
}

/// Without the key.
impl std::fmt::Debug for Pair {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pair").field("certificate", &self.certificate).finish_non_exhaustive()
    }
}

/// Whom a certificate is for.
#[derive(Debug, Clone, Default)]
pub struct Subject {
    /// As whom it is shown to a control plane.
    pub client: Option<Identity>,
    /// The DNS names and addresses under which it is a server.
    pub server: Vec<String>,
}

#[derive(Debug, thiserror::Error)]
pub enum CaError {
    #[error("`{0}` is neither a DNS name nor an IP address")]
    Name(String),
    #[error("the CA's certificate or key cannot be used: {0}")]
    Authority(rcgen::Error),
    #[error("the certificate cannot be made: {0}")]
    Make(#[from] rcgen::Error),
    #[error("the time cannot be written into a certificate")]
    Time,
}

/// A new authority.
pub fn create(now_ms: i64, lifetime: Duration) -> Result<Pair, CaError> {
    let key = KeyPair::generate()?;
    let mut params = valid(now_ms, lifetime)?;
    // Of its key, so that two of them can be told apart.
    let digest = Sha256::digest(key.public_key_raw());
    let mark = HEXLOWER.encode(digest.get(..4).unwrap_or_default());
    params.distinguished_name = called(&format!("Countersign CA {mark}"));
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    let certificate = params.self_signed(&key)?.pem();
    Ok(Pair { certificate, key: Zeroizing::new(key.serialize_pem()) })
}

/// A new key, and the authority's certificate for it.
pub fn issue(
    ca: &Pair,
    subject: &Subject,
    now_ms: i64,
    lifetime: Duration,
) -> Result<Pair, CaError> {
    let ca_key = KeyPair::from_pem(&ca.key).map_err(CaError::Authority)?;
    let issuer = Issuer::from_ca_cert_pem(&ca.certificate, ca_key).map_err(CaError::Authority)?;
    let key = KeyPair::generate()?;
    let mut params = valid(now_ms, lifetime)?;
    params.use_authority_key_identifier_extension = true;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    if let Some(identity) = &subject.client {
        params.subject_alt_names.push(SanType::URI(identity.to_string().try_into()?));
        params.extended_key_usages.push(ExtendedKeyUsagePurpose::ClientAuth);
        params.distinguished_name = called(&identity.name);
    }
    for name in &subject.server {
        params.subject_alt_names.push(server_name(name)?);
    }
    if let Some(name) = subject.server.first() {
        params.extended_key_usages.push(ExtendedKeyUsagePurpose::ServerAuth);
        if subject.client.is_none() {
            params.distinguished_name = called(name);
        }
    }
    let certificate = params.signed_by(&key, &issuer)?.pem();
    Ok(Pair { certificate, key: Zeroizing::new(key.serialize_pem()) })
}

fn valid(now_ms: i64, lifetime: Duration) -> Result<CertificateParams, CaError> {
    let now = OffsetDateTime::from_unix_timestamp(now_ms / 1000).map_err(|_| CaError::Time)?;
    let lifetime = time::Duration::try_from(lifetime).map_err(|_| CaError::Time)?;
    let mut params = CertificateParams::default();
    params.not_before =
        now.saturating_sub(time::Duration::try_from(CLOCKS_APART).map_err(|_| CaError::Time)?);
    params.not_after = now.checked_add(lifetime).ok_or(CaError::Time)?;
    Ok(params)
}

pub(crate) fn called(name: &str) -> DistinguishedName {
    let mut called = DistinguishedName::new();
    called.push(DnType::CommonName, name);
    called
}

fn server_name(name: &str) -> Result<SanType, CaError> {
    if let Ok(address) = name.parse::<IpAddr>() {
        return Ok(SanType::IpAddress(address));
    }
    let fits = |b: u8| b.is_ascii_alphanumeric() || b"._-*".contains(&b);
    let dns = name.try_into().ok().filter(|_| !name.is_empty() && name.bytes().all(fits));
    dns.map(SanType::DnsName).ok_or_else(|| CaError::Name(name.to_owned()))
}
