//! Whether certificates that somebody gives can be trusted in: read once, before they are written
//! down, so that no node is told of any that it cannot use. It keeps nothing.

use countersign_shared::api::CaPem;
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

/// Each certificate is one that nodes can trust in.
pub(super) fn check(pem: &CaPem) -> Result<(), String> {
    let mut roots = RootCertStore::empty();
    let mut count = 0;
    for certificate in CertificateDer::pem_slice_iter(pem.as_str().as_bytes()) {
        count += 1;
        let added = certificate.map_err(|e| e.to_string());
        added
            .and_then(|certificate| roots.add(certificate).map_err(|e| e.to_string()))
            .map_err(|why| format!("certificate {count} cannot be read: {why}"))?;
    }
    if count > 0 { Ok(()) } else { Err("no certificate in it can be read".to_owned()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(text: &str) -> Result<(), String> {
        check(&CaPem::parse(text).unwrap())
    }

    #[test]
    fn certificates_are_read() {
        let key = rcgen::KeyPair::generate().unwrap();
        let params = rcgen::CertificateParams::new(vec!["ca.example".into()]).unwrap();
        let pem = params.self_signed(&key).unwrap().pem();
        assert_eq!(checked(&pem), Ok(()));
        assert_eq!(checked(&format!("{pem}{pem}")), Ok(()));
        let broken = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        assert!(checked(&format!("{pem}{broken}")).unwrap_err().contains("certificate 2"));
        assert!(checked("-----BEGIN CERTIFICATE-----\n").is_err());
    }
}
