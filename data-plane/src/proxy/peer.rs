//! Who is at the other end of a connection, and who asks through it: the same, unless the peer is
//! a proxy that the operator trusts. Then its `X-Forwarded-For` says who asked, read from the right
//! up to the first address that nobody vouches for. It sets no header.

use std::net::{IpAddr, SocketAddr};

use http::{HeaderMap, HeaderValue};

use super::clients::Guest;
use super::headers::X_FORWARDED_FOR;
use crate::network::Network;

/// A chain of proxies is shorter; what stands before is not looked at.
const HOPS_MAX: usize = 32;

/// The other end of a client's connection.
#[derive(Debug)]
pub(super) struct Peer {
    address: IpAddr,
    /// The address, as `X-Forwarded-For` says it.
    text: HeaderValue,
    /// How it speaks to us, as `X-Forwarded-Proto` says it.
    scheme: HeaderValue,
    is_trusted: bool,
    /// Its place among the clients, where they are counted.
    guest: Option<Guest>,
}

/// The proxies before the node whose word counts.
#[derive(Debug, Default)]
pub(super) struct Trusted(Vec<Network>);

impl Trusted {
    pub(super) fn new(proxies: Vec<Network>) -> Self {
        Self(proxies)
    }

    fn holds(&self, address: IpAddr) -> bool {
        self.0.iter().any(|network| network.contains(address))
    }
}

impl Peer {
    /// `scheme` is `http` or `https`.
    pub(super) fn new(address: SocketAddr, scheme: &'static str, trusted: &Trusted) -> Self {
        let address = address.ip().to_canonical();
        let text = HeaderValue::from_str(&address.to_string());
        Self {
            address,
            // The text of an address is visible ASCII.
            text: text.unwrap_or_else(|_| HeaderValue::from_static("unknown")),
            scheme: HeaderValue::from_static(scheme),
            is_trusted: trusted.holds(address),
            guest: None,
        }
    }

    pub(super) fn with(self, guest: Guest) -> Self {
        Self { guest: Some(guest), ..self }
    }

    pub(super) fn guest(&self) -> Option<&Guest> {
        self.guest.as_ref()
    }

    pub(super) fn address(&self) -> IpAddr {
        self.address
    }

    pub(super) fn text(&self) -> &HeaderValue {
        &self.text
    }

    pub(super) fn scheme(&self) -> &HeaderValue {
        &self.scheme
    }

    pub(super) fn is_trusted(&self) -> bool {
        self.is_trusted
    }

    /// Who asks, by the headers as they were received.
    pub(super) fn client(&self, headers: &HeaderMap, trusted: &Trusted) -> IpAddr {
        let mut client = self.address;
        if !self.is_trusted {
            return client;
        }
        let lines = headers.get_all(X_FORWARDED_FOR).into_iter().rev();
        let hops = lines.flat_map(|line| line.as_bytes().rsplit(|byte| *byte == b','));
        for hop in hops.take(HOPS_MAX) {
            // Nobody can be asked about an address that is none: the hop that said it is the client.
            let Some(address) = address_of(hop) else { break };
            client = address;
            if !trusted.holds(client) {
                break;
            }
        }
        client
    }
}

/// An address, perhaps with a port, as proxies write it.
fn address_of(hop: &[u8]) -> Option<IpAddr> {
    let text = std::str::from_utf8(hop).ok()?.trim();
    let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
    let alone = bare.parse::<IpAddr>();
    let address = alone.or_else(|_| text.parse::<SocketAddr>().map(|with_port| with_port.ip()));
    address.ok().map(|address| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Who asks through a peer with these lines of `X-Forwarded-For`, where `10.0.0.0/8` is trusted.
    fn client(peer: &str, lines: &[&str]) -> String {
        let trusted = Trusted::new(vec!["10.0.0.0/8".parse().unwrap()]);
        let peer = Peer::new(SocketAddr::new(peer.parse().unwrap(), 1), "http", &trusted);
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(X_FORWARDED_FOR, HeaderValue::from_str(line).unwrap());
        }
        peer.client(&headers, &trusted).to_string()
    }

    #[test]
    fn the_client_is_the_first_from_the_right_that_is_not_trusted() {
        for (peer, lines, expected) in [
            ("192.0.2.1", &["203.0.113.7"][..], "192.0.2.1"),
            ("10.0.0.1", &[], "10.0.0.1"),
            ("10.0.0.1", &["203.0.113.7"], "203.0.113.7"),
            ("10.0.0.1", &["6.6.6.6, 203.0.113.7, 10.0.0.2"], "203.0.113.7"),
            ("10.0.0.1", &["6.6.6.6", "203.0.113.7", "10.0.0.2,10.0.0.3"], "203.0.113.7"),
            ("10.0.0.1", &["10.0.0.9, 10.0.0.2"], "10.0.0.9"),
            ("10.0.0.1", &["203.0.113.7, unknown"], "10.0.0.1"),
            ("10.0.0.1", &["203.0.113.7, _x, 10.0.0.2"], "10.0.0.2"),
            ("10.0.0.1", &["203.0.113.7:4711"], "203.0.113.7"),
            ("10.0.0.1", &["[2001:db8::7]:4711"], "2001:db8::7"),
            ("10.0.0.1", &["[2001:db8::7]"], "2001:db8::7"),
            ("::ffff:10.0.0.1", &["::ffff:203.0.113.7"], "203.0.113.7"),
            ("10.0.0.1", &[""], "10.0.0.1"),
        ] {
            assert_eq!(client(peer, lines), expected, "{peer} {lines:?}");
        }
    }

    #[test]
    fn a_chain_is_followed_so_far_and_no_farther() {
        let chain = format!("203.0.113.7{}", ", 10.0.0.2".repeat(HOPS_MAX));
        assert_eq!(client("10.0.0.1", &[&chain]), "10.0.0.2");
    }
}
