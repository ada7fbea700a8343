//! Certificate signing requests (PKCS #10): made by whoever has the key, and read by whoever gives the
//! certificate. What is read of one is its public key; that its signature is made with it is proven.

use rcgen::{CertificateParams, DistinguishedName, KeyPair};
use sha2::{Digest, Sha256};
use x509_parser::certification_request::X509CertificationRequest;
use x509_parser::prelude::FromDer;
use zeroize::Zeroizing;

/// A request with a key of ours has less than a tenth of it.
const REQUEST_BYTES_MAX: usize = 8 * 1024;
/// How public keys begin that are taken, and how long they are: in the one encoding that DER has of
/// each, so that a key cannot come as two.
const P_256: (&[u8], usize) = (
    &[
        0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08,
        0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00, 0x04,
    ],
    91,
);
const ED25519: (&[u8], usize) =
    (&[0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00], 44);

/// Why a request is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadRequest {
    #[error("it is not a PKCS #10 request in DER of at most {REQUEST_BYTES_MAX} bytes")]
    Unreadable,
    #[error("its signature is not made with its key")]
    Signature,
    #[error("its key is neither of P-256 nor Ed25519")]
    Key,
}

/// A request whose sender has the key.
#[derive(Debug, Clone)]
pub struct SigningRequest {
    /// `SubjectPublicKeyInfo`, in DER.
    pub(crate) public_key: Vec<u8>,
}

impl SigningRequest {
    pub fn parse(der: &[u8]) -> Result<Self, BadRequest> {
        if der.len() > REQUEST_BYTES_MAX {
            return Err(BadRequest::Unreadable);
        }
        let (rest, request) =
            X509CertificationRequest::from_der(der).map_err(|_| BadRequest::Unreadable)?;
        if !rest.is_empty() {
            return Err(BadRequest::Unreadable);
        }
        let public_key = request.certification_request_info.subject_pki.raw;
        let is_of = |(begin, bytes): (&[u8], usize)| {
            public_key.starts_with(begin) && public_key.len() == bytes
        };
        if !is_of(P_256) && !is_of(ED25519) {
            return Err(BadRequest::Key);
        }
        request.verify_signature().map_err(|_| BadRequest::Signature)?;
        Ok(Self { public_key: public_key.to_vec() })
    }

    /// SHA-256 over the public key, as certificates have it.
    pub fn public_key_digest(&self) -> [u8; 32] {
        Sha256::digest(&self.public_key).into()
    }
}

/// A new key of P-256, in PEM.
pub fn new_key() -> Result<Zeroizing<String>, rcgen::Error> {
    Ok(Zeroizing::new(KeyPair::generate()?.serialize_pem()))
}

/// A request for a certificate of this key, in PEM. It asks for nothing: who answers it knows better.
pub fn request_for(key_pem: &str) -> Result<Vec<u8>, rcgen::Error> {
    let key = KeyPair::from_pem(key_pem)?;
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    Ok(params.serialize_request(&key)?.der().to_vec())
}

#[cfg(test)]
mod tests {
    use rcgen::{PKCS_ECDSA_P384_SHA384, PKCS_ED25519};

    use super::*;

    fn request(key: &KeyPair) -> Vec<u8> {
        CertificateParams::default().serialize_request(key).unwrap().der().to_vec()
    }

    #[test]
    fn a_request_shows_that_its_sender_has_the_key() {
        let der = request_for(&new_key().unwrap()).unwrap();
        SigningRequest::parse(&der).unwrap();
        let ed25519 = KeyPair::generate_for(&PKCS_ED25519).unwrap();
        SigningRequest::parse(&request(&ed25519)).unwrap();

        let mut forged = der.clone();
        let last = forged.len() - 1;
        forged[last] ^= 1;
        let refused = SigningRequest::parse(&forged).unwrap_err();
        assert!(matches!(refused, BadRequest::Signature | BadRequest::Unreadable));
        // The key of somebody else, under a signature of one's own.
        let (ours, theirs) = (KeyPair::generate().unwrap(), KeyPair::generate().unwrap());
        let (der, key) = (request(&ours), theirs.public_key_raw());
        let at = der.windows(65).position(|bytes| bytes == ours.public_key_raw()).unwrap();
        let stolen = [&der[..at], key, &der[at + 65..]].concat();
        assert_eq!(SigningRequest::parse(&stolen).unwrap_err(), BadRequest::Signature);
    }

    #[test]
    fn other_keys_and_other_bytes_are_refused() {
        let p384 = KeyPair::generate_for(&PKCS_ECDSA_P384_SHA384).unwrap();
        assert_eq!(SigningRequest::parse(&request(&p384)).unwrap_err(), BadRequest::Key);
        let mut longer = request_for(&new_key().unwrap()).unwrap();
        longer.push(0);
        assert_eq!(SigningRequest::parse(&longer).unwrap_err(), BadRequest::Unreadable);
        let long = vec![0x30; REQUEST_BYTES_MAX + 1];
        assert_eq!(SigningRequest::parse(&long).unwrap_err(), BadRequest::Unreadable);
        assert_eq!(SigningRequest::parse(b"").unwrap_err(), BadRequest::Unreadable);
    }
}
