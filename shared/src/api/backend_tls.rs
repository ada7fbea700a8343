//! How a node makes sure of a backend over TLS, and shows who it is. Certificates are held as the
//! text they came in; whether they are any good is for those who have a library to read them. A
//! private key is never part of this: a node has its own, and here is only its name.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use super::backend::is_host;
use crate::text::InvalidText;

pub const CA_PEM_BYTES_MAX: usize = 65_536;
const IDENTITY_NAME_CHARACTERS_MAX: usize = 64;
const BEGIN: &str = "-----BEGIN ";
const CERTIFICATE: &str = "CERTIFICATE-----";

/// The default is the system's roots, the target's host and no certificate of our own.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct BackendTls {
    /// Who may vouch for the backend; none: the roots of the node's system.
    pub ca_pem: Option<CaPem>,
    /// What the backend's certificate must bear; none: the target's host.
    pub server_name: Option<ServerName>,
    /// The certificate and key that a node holds under this name; none: it shows no certificate.
    pub client_identity: Option<IdentityName>,
}

/// CA certificates as PEM, at most 65,536 bytes, and nothing else: no key by mistake.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct CaPem(Arc<str>);

impl CaPem {
    pub fn parse(text: &str) -> Result<Self, InvalidText> {
        let mut blocks = text.split(BEGIN).skip(1).peekable();
        let is_there = blocks.peek().is_some();
        let is_all = blocks.all(|block| block.starts_with(CERTIFICATE));
        if is_there && is_all && text.len() <= CA_PEM_BYTES_MAX {
            return Ok(Self(Arc::from(text)));
        }
        Err(InvalidText(format!(
            "PEM of CA certificates and of nothing else, at most {CA_PEM_BYTES_MAX} bytes"
        )))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for CaPem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CaPem({} bytes)", self.0.len())
    }
}

/// A host name or an IP address, as a certificate bears it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ServerName(Arc<str>);

impl ServerName {
    pub fn parse(text: &str) -> Result<Self, InvalidText> {
        if is_host(text) || text.parse::<IpAddr>().is_ok() {
            return Ok(Self(Arc::from(text.to_ascii_lowercase())));
        }
        Err(InvalidText("a host name or an IP address, without a port".to_owned()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The name of a certificate and its key in a node's own directory; never a path out of it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct IdentityName(Arc<str>);

impl IdentityName {
    pub fn parse(text: &str) -> Result<Self, InvalidText> {
        let is_plain = |b: u8| b.is_ascii_alphanumeric() || b"_-.".contains(&b);
        if (1..=IDENTITY_NAME_CHARACTERS_MAX).contains(&text.len())
            && text.starts_with(|c: char| c.is_ascii_alphanumeric())
            && text.bytes().all(is_plain)
        {
            return Ok(Self(Arc::from(text)));
        }
        Err(InvalidText(format!(
            "1–{IDENTITY_NAME_CHARACTERS_MAX} letters, digits, `_`, `-`, `.`, first a letter or digit"
        )))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn certificates_and_nothing_else() {
        let block = |label: &str| format!("-----BEGIN {label}-----\nAA==\n-----END {label}-----\n");
        let one = block("CERTIFICATE");
        for good in [one.clone(), format!("# ours\n{one}{one}")] {
            assert_eq!(CaPem::parse(&good).unwrap().as_str(), good);
        }
        let mixed = one.clone() + &block("PRIVATE KEY");
        let long = one + &" ".repeat(CA_PEM_BYTES_MAX);
        for bad in ["", "AA==", &block("PRIVATE KEY"), &block("CERTIFICATE REQUEST"), &mixed, &long]
        {
            assert!(CaPem::parse(bad).is_err(), "{bad}");
        }
        assert_eq!(
            format!("{:?}", CaPem::parse(&block("CERTIFICATE")).unwrap()),
            "CaPem(59 bytes)"
        );
    }

    #[test]
    fn an_identity_is_no_path() {
        for good in ["gateway", "a", "gateway-2026.eu_1"] {
            assert!(IdentityName::parse(good).is_ok(), "{good}");
        }
        for bad in ["", ".", "..", "../x", "a/b", "a b", ".hidden", "-x", "ü", &"a".repeat(65)] {
            assert!(IdentityName::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_server_name_has_no_port() {
        for good in ["Backend.example", "10.0.0.1", "::1"] {
            assert_eq!(ServerName::parse(good).unwrap().as_str(), good.to_ascii_lowercase());
        }
        for bad in ["", "a:1", "[::1]", "a b", "https://a"] {
            assert!(ServerName::parse(bad).is_err(), "{bad}");
        }
    }
}
