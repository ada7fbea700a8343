//! What a certificate says besides whom it names: its key, its number, its beginning and its end.

use data_encoding::HEXLOWER;
use rustls::pki_types::CertificateDer;
use sha2::{Digest, Sha256};
use x509_parser::prelude::{FromDer, X509Certificate};

use crate::files::{self, CertificateFiles, InvalidFile};
use crate::identity::Unidentified;

/// A certificate that was shown and found good.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PeerCertificate {
    /// SHA-256 over its public key (`SubjectPublicKeyInfo`).
    pub public_key_digest: [u8; 32],
    /// In hex digits.
    pub serial: String,
    /// When it stops to be valid, in milliseconds since 1970 (UTC).
    pub expires_ms: i64,
}

impl PeerCertificate {
    pub fn of(certificate: &CertificateDer<'_>) -> Result<Self, Unidentified> {
        let (_, certificate) =
            X509Certificate::from_der(certificate).map_err(|_| Unidentified::Unreadable)?;
        // It is still valid within the second that it names.
        let expires_ms =
            certificate.validity().not_after.timestamp().saturating_mul(1000).saturating_add(999);
        Ok(Self {
            public_key_digest: Sha256::digest(certificate.public_key().raw).into(),
            serial: HEXLOWER.encode(certificate.raw_serial()),
            expires_ms,
        })
    }
}

/// A certificate of one's own, as it lies on the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Held {
    /// In milliseconds since 1970 (UTC).
    pub begins_ms: i64,
    pub expires_ms: i64,
}

impl Held {
    /// Reads the files, also to tell whether they could be shown.
    pub fn read(files: &CertificateFiles) -> Result<Self, InvalidFile> {
        let (chain, _) = files::read(files)?;
        let first = chain.first().and_then(|der| X509Certificate::from_der(der).ok());
        let (_, certificate) =
            first.ok_or_else(|| InvalidFile::Empty(files.certificate.clone()))?;
        let (begins, ends) = (certificate.validity().not_before, certificate.validity().not_after);
        let ms = |seconds: i64| seconds.saturating_mul(1000);
        Ok(Self { begins_ms: ms(begins.timestamp()), expires_ms: ms(ends.timestamp()) })
    }
}
