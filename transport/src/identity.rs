//! Who a certificate names: the rule by which a subject alternative name becomes a node, a
//! relay or an operator. The subject itself (its common name) is never looked at.

use std::fmt;

use rustls::pki_types::CertificateDer;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer, X509Certificate};

/// The scheme of the URIs that name an identity outright.
const SCHEME: &str = "countersign://";
const NAME_CHARACTERS_MAX: usize = 128;

/// What somebody is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    Node,
    /// A node that speaks for others too.
    Relay,
    Operator,
}

/// Who is at the other end of a connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    pub role: Role,
    /// 1–128 visible ASCII characters.
    pub name: String,
}

/// Why a certificate names nobody.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unidentified {
    #[error("the certificate cannot be read")]
    Unreadable,
    #[error(
        "the certificate names neither a node, a relay nor an operator: it needs a SAN, \
         which is URI:countersign://ROLE/NAME with node, relay or operator, \
         an e-mail address for an operator, or a DNS name for a node"
    )]
    Nobody,
    #[error("the certificate has more than one SAN that begins with countersign://")]
    Several,
    #[error(
        "the certificate's SAN `{0}` is not countersign://ROLE/NAME with node, relay or operator"
    )]
    Uri(String),
}

impl Role {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Node => "node",
            Self::Relay => "relay",
            Self::Operator => "operator",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// As it is written into a certificate.
impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{SCHEME}{}/{}", self.role, self.name)
    }
}

impl Identity {
    /// Of a name that can stand in a certificate: letters, digits and `.` `_` `-` `:` `@` `+`.
    pub fn new(role: Role, name: &str) -> Option<Self> {
        let fits = |b: u8| b.is_ascii_alphanumeric() || b"._-:@+".contains(&b);
        let is_name = (1..=NAME_CHARACTERS_MAX).contains(&name.len()) && name.bytes().all(fits);
        is_name.then(|| Self { role, name: name.to_owned() })
    }

    /// The one URI under `countersign://` decides; without one the first e-mail address names an
    /// operator; without that the first DNS name names a node.
    pub fn of(certificate: &CertificateDer<'_>) -> Result<Self, Unidentified> {
        let (_, certificate) =
            X509Certificate::from_der(certificate).map_err(|_| Unidentified::Unreadable)?;
        let names = certificate.subject_alternative_name().map_err(|_| Unidentified::Unreadable)?;
        let names = names.map(|names| names.value.general_names.as_slice()).unwrap_or_default();
        let mut uris = names.iter().filter_map(|name| match name {
            GeneralName::URI(uri) if uri.starts_with(SCHEME) => Some(*uri),
            _ => None,
        });
        if let Some(uri) = uris.next() {
            return if uris.next().is_some() { Err(Unidentified::Several) } else { of_uri(uri) };
        }
        let named = |role, text: Option<&str>| text.and_then(|text| Self::new(role, text));
        let email = names.iter().find_map(|name| match name {
            GeneralName::RFC822Name(email) => Some(*email),
            _ => None,
        });
        let dns = names.iter().find_map(|name| match name {
            GeneralName::DNSName(dns) => Some(*dns),
            _ => None,
        });
        named(Role::Operator, email).or_else(|| named(Role::Node, dns)).ok_or(Unidentified::Nobody)
    }
}

fn of_uri(uri: &str) -> Result<Identity, Unidentified> {
    let parsed = uri.strip_prefix(SCHEME).and_then(|rest| rest.split_once('/'));
    let identity = parsed.and_then(|(role, name)| match role {
        "node" => Identity::new(Role::Node, name),
        "relay" => Identity::new(Role::Relay, name),
        "operator" => Identity::new(Role::Operator, name),
        _ => None,
    });
    identity.ok_or_else(|| Unidentified::Uri(uri.chars().take(NAME_CHARACTERS_MAX).collect()))
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, KeyPair, SanType};

    use super::*;

    fn of(names: &[SanType]) -> Result<Identity, Unidentified> {
        let mut params = CertificateParams::default();
        params.subject_alt_names = names.to_vec();
        let certificate = params.self_signed(&KeyPair::generate().unwrap()).unwrap();
        Identity::of(certificate.der())
    }

    fn uri(text: &str) -> SanType {
        SanType::URI(text.try_into().unwrap())
    }

    fn named(role: Role, name: &str) -> Result<Identity, Unidentified> {
        Identity::new(role, name).ok_or(Unidentified::Nobody)
    }

    #[test]
    fn the_uri_decides_then_the_address_then_the_dns_name() {
        let dns = || SanType::DnsName("edge-1.example".try_into().unwrap());
        let email = || SanType::Rfc822Name("ann@example.com".try_into().unwrap());
        let foreign = || uri("spiffe://example/edge");
        let node = || uri("countersign://node/edge-1:8080");
        assert_eq!(of(&[dns(), email(), node()]), named(Role::Node, "edge-1:8080"));
        let operator = uri("countersign://operator/ann");
        assert_eq!(of(&[dns(), operator]), named(Role::Operator, "ann"));
        assert_eq!(of(&[dns(), email(), foreign()]), named(Role::Operator, "ann@example.com"));
        assert_eq!(of(&[dns(), foreign()]), named(Role::Node, "edge-1.example"));
    }

    #[test]
    fn whoever_is_not_named_clearly_is_nobody() {
        assert_eq!(of(&[]), Err(Unidentified::Nobody));
        assert_eq!(of(&[SanType::IpAddress([10, 0, 0, 1].into())]), Err(Unidentified::Nobody));
        let wildcard = SanType::DnsName("*.example".try_into().unwrap());
        assert_eq!(of(&[wildcard]), Err(Unidentified::Nobody));
        let both = [uri("countersign://node/a"), uri("countersign://operator/a")];
        assert_eq!(of(&both), Err(Unidentified::Several));
        for wrong in ["admin/a", "node/", "node/a/b", "node/a%20b", "node", "Node/a"] {
            let wrong = format!("countersign://{wrong}");
            let dns = SanType::DnsName("a".try_into().unwrap());
            assert_eq!(of(&[dns, uri(&wrong)]), Err(Unidentified::Uri(wrong)));
        }
        let garbage = CertificateDer::from(vec![1, 2, 3]);
        assert_eq!(Identity::of(&garbage), Err(Unidentified::Unreadable));
    }
}
