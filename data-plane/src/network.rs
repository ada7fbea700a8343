//! Ranges of addresses, as operators write them: which proxies before the node are trusted. It
//! resolves no names and opens nothing.

use std::net::{IpAddr, Ipv6Addr};
use std::str::FromStr;

/// A range of addresses in CIDR form, such as `10.0.0.0/8` or `fd00::/8`; an address alone is a
/// range of one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Network {
    /// An IPv4 address as the IPv6 address that is mapped to it, so that there is one kind.
    first: u128,
    prefix_bits: u32,
}

/// Not a range of addresses.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no range of addresses: such as 10.0.0.0/8, fd00::/8 or 192.0.2.7 is needed")]
pub struct InvalidNetwork(String);

const ADDRESS_BITS: u32 = 128;
/// What an IPv4 address has before it when it is mapped.
const MAPPED_BITS: u32 = 96;

impl Network {
    pub fn contains(&self, address: IpAddr) -> bool {
        masked(bits(address), self.prefix_bits) == self.first
    }
}

impl FromStr for Network {
    type Err = InvalidNetwork;

    fn from_str(text: &str) -> Result<Self, InvalidNetwork> {
        parse(text.trim()).ok_or_else(|| InvalidNetwork(text.to_owned()))
    }
}

fn parse(text: &str) -> Option<Network> {
    let (address, prefix) = match text.split_once('/') {
        Some((address, prefix)) => (address, Some(prefix.parse::<u8>().ok()?)),
        None => (text, None),
    };
    let address: IpAddr = address.parse().ok()?;
    let before = if address.is_ipv4() { MAPPED_BITS } else { 0 };
    let prefix_bits = prefix.map_or(ADDRESS_BITS, |prefix| before + u32::from(prefix));
    (prefix_bits <= ADDRESS_BITS)
        .then(|| Network { first: masked(bits(address), prefix_bits), prefix_bits })
}

fn bits(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(address) => address.to_ipv6_mapped().to_bits(),
        IpAddr::V6(address) => Ipv6Addr::to_bits(address),
    }
}

fn masked(bits: u128, prefix_bits: u32) -> u128 {
    bits & u128::MAX.checked_shl(ADDRESS_BITS - prefix_bits).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holds(network: &str, address: &str) -> bool {
        network.parse::<Network>().unwrap().contains(address.parse().unwrap())
    }

    #[test]
    fn a_range_holds_what_begins_as_it_does() {
        assert!(holds("10.0.0.0/8", "10.255.0.1"));
        assert!(holds("10.1.2.3/8", "10.255.0.1"), "what is behind the prefix does not count");
        assert!(!holds("10.0.0.0/8", "11.0.0.1"));
        assert!(holds("192.0.2.7", "192.0.2.7"));
        assert!(!holds("192.0.2.7", "192.0.2.8"));
        assert!(holds("0.0.0.0/0", "203.0.113.9"));
        assert!(!holds("0.0.0.0/0", "2001:db8::1"), "all of IPv4 is nothing of IPv6");
        assert!(holds("fd00::/8", "fd12::1"));
        assert!(!holds("fd00::/8", "fe80::1"));
        assert!(holds("::/0", "2001:db8::1"));
        assert!(holds("127.0.0.0/8", "::ffff:127.0.0.1"), "a mapped address is the IPv4 address");
    }

    #[test]
    fn what_is_no_range_is_refused() {
        for text in ["", "10.0.0.0/33", "fd00::/129", "ten/8", "10.0.0/8", "10.0.0.0/", "a/b/c"] {
            let refused = text.parse::<Network>().unwrap_err();
            assert!(refused.to_string().contains(text), "{text}");
        }
    }
}
