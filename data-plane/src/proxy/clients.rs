//! How much one client may do: connections that it has open and requests that it sends. All
//! workers count together, for a client's connections are spread over all of them: each client has
//! two words that its connections hold on to, so that a request finds them without looking
//! anything up and without a lock. It refuses and never answers.

use std::collections::HashMap;
use std::hash::{BuildHasher as _, RandomState};
use std::net::IpAddr;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use http::HeaderMap;

use super::peer::{Peer, Trusted};
use super::refusal::Refusal;
use crate::config::{ClientLimits, Config};

/// Clients with a place of their own, 65,536 in all; any beyond share one, so that however many
/// addresses somebody has, they fill no memory. About 6 MiB when all places are taken.
const SHARDS: usize = 64;
const SHARD_CLIENTS_MAX: usize = 1024;
/// Whoever has an IPv6 address mostly has all of its /64.
const IPV6_CLIENT_MASK: u128 = u128::MAX << 64;

/// All clients of a node that are limited.
#[derive(Debug)]
pub(super) struct Clients {
    limits: ClientLimits,
    rate: Option<Rate>,
    /// What time is counted from.
    began: Instant,
    /// Nobody can choose addresses that are all of one shard.
    spread: RandomState,
    shards: Vec<Mutex<HashMap<u128, Arc<Client>>>>,
    /// Those that found no place.
    others: Arc<Client>,
}

/// What one client is doing.
#[derive(Debug, Default)]
struct Client {
    connections: AtomicU32,
    /// Nanoseconds from the beginning: when all that was asked so far would have been asked if
    /// requests had come evenly.
    paid_until: AtomicU64,
}

/// A client's connection, counted until it is dropped.
#[derive(Debug)]
pub(super) struct Guest(Arc<Client>);

impl Drop for Guest {
    fn drop(&mut self) {
        self.0.connections.fetch_sub(1, Relaxed);
    }
}

/// Requests that come evenly take `each_ns`; so much ahead of that is allowed.
#[derive(Debug, Clone, Copy)]
struct Rate {
    each_ns: u64,
    ahead_ns: u64,
}

impl Clients {
    /// None where nothing is limited: then nothing is counted.
    pub(super) fn new(config: &Config, now: Instant) -> Option<Self> {
        let limits = config.client_limits;
        let rate = Rate::new(limits);
        (limits.connections_max > 0 || rate.is_some()).then(|| Self {
            limits,
            rate,
            began: now,
            spread: RandomState::new(),
            shards: (0..SHARDS).map(|_| Mutex::default()).collect(),
            others: Arc::default(),
        })
    }

    /// Lets a connection in; none where the client has as many as it may.
    pub(super) fn welcome(&self, peer: &Peer, now: Instant) -> Option<Guest> {
        let client = self.client(peer.address(), now);
        let open = client.connections.fetch_add(1, Relaxed);
        let guest = Guest(client);
        let most = self.limits.connections_max;
        // A proxy has the connections of all its clients.
        (most == 0 || peer.is_trusted() || open < most).then_some(guest)
    }

    /// Lets a request in, or says when the client may ask again.
    pub(super) fn admit(
        &self,
        peer: &Peer,
        headers: &HeaderMap,
        trusted: &Trusted,
        now: Instant,
    ) -> Result<(), Refusal> {
        let Some(rate) = self.rate else { return Ok(()) };
        let paid = match peer.guest() {
            Some(guest) if !peer.is_trusted() => guest.0.pay(rate, self.nanoseconds(now)),
            _ => {
                let client = self.client(peer.client(headers, trusted), now);
                client.pay(rate, self.nanoseconds(now))
            }
        };
        paid.map_err(|wait| Refusal::TooManyRequests { retry_after_seconds: whole_seconds(wait) })
    }

    fn client(&self, address: IpAddr, now: Instant) -> Arc<Client> {
        let key = key_of(address);
        let Some(shard) = self.shards.get(self.shard(key)) else { return Arc::clone(&self.others) };
        let mut clients = shard.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(client) = clients.get(&key) {
            return Arc::clone(client);
        }
        if clients.len() >= SHARD_CLIENTS_MAX {
            let now = self.nanoseconds(now);
            clients.retain(|_, client| Arc::strong_count(client) > 1 || client.is_remembered(now));
        }
        if clients.len() >= SHARD_CLIENTS_MAX {
            return Arc::clone(&self.others);
        }
        Arc::clone(clients.entry(key).or_default())
    }

    fn shard(&self, key: u128) -> usize {
        usize::try_from(self.spread.hash_one(key) % SHARDS as u64).unwrap_or(0)
    }

    fn nanoseconds(&self, now: Instant) -> u64 {
        let since = now.saturating_duration_since(self.began);
        u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
    }
}

impl Client {
    /// Takes a request off the client's allowance, or says how long it must wait.
    fn pay(&self, rate: Rate, now: u64) -> Result<(), Duration> {
        let mut paid_until = self.paid_until.load(Relaxed);
        loop {
            let next = paid_until.max(now).saturating_add(rate.each_ns);
            let too_early = next.saturating_sub(now.saturating_add(rate.ahead_ns));
            if too_early > 0 {
                return Err(Duration::from_nanos(too_early));
            }
            match self.paid_until.compare_exchange_weak(paid_until, next, Relaxed, Relaxed) {
                Ok(_) => return Ok(()),
                Err(changed) => paid_until = changed,
            }
        }
    }

    /// Forgotten, it would be let do more than it may.
    fn is_remembered(&self, now: u64) -> bool {
        self.paid_until.load(Relaxed) > now
    }
}

impl Rate {
    fn new(limits: ClientLimits) -> Option<Self> {
        const NANOSECONDS: u64 = 1_000_000_000;
        let each_ns = NANOSECONDS.checked_div(limits.requests_per_second.into())?.max(1);
        let burst = match limits.request_burst {
            0 => limits.requests_per_second,
            burst => burst,
        };
        Some(Self { each_ns, ahead_ns: each_ns.saturating_mul(burst.into()) })
    }
}

fn key_of(address: IpAddr) -> u128 {
    match address.to_canonical() {
        IpAddr::V4(address) => address.to_ipv6_mapped().to_bits(),
        IpAddr::V6(address) => address.to_bits() & IPV6_CLIENT_MASK,
    }
}

fn whole_seconds(wait: Duration) -> u64 {
    wait.as_secs() + u64::from(wait.subsec_nanos() > 0)
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use super::*;
    use crate::clock;

    fn clients(connections_max: u32, requests_per_second: u32, request_burst: u32) -> Clients {
        let client_limits = ClientLimits { connections_max, requests_per_second, request_burst };
        Clients::new(&Config { client_limits, ..Config::default() }, clock::now()).unwrap()
    }

    fn peer(address: &str) -> Peer {
        Peer::new(SocketAddr::new(address.parse().unwrap(), 1), "http", &Trusted::default())
    }

    #[test]
    fn nothing_is_counted_where_nothing_is_limited() {
        assert!(Clients::new(&Config::default(), clock::now()).is_none());
    }

    #[test]
    fn a_client_gets_its_burst_and_then_its_rate() {
        let rate = clients(0, 10, 3).rate.unwrap();
        let client = Client::default();
        let ms = |ms: u64| ms * 1_000_000;
        let start = ms(5_000);
        for _ in 0..3 {
            assert_eq!(client.pay(rate, start), Ok(()));
        }
        assert_eq!(client.pay(rate, start), Err(Duration::from_millis(100)));
        assert_eq!(client.pay(rate, start + ms(60)), Err(Duration::from_millis(40)));
        assert_eq!(client.pay(rate, start + ms(100)), Ok(()));
        assert!(client.pay(rate, start + ms(100)).is_err());
        assert!(client.is_remembered(start + ms(399)));
        assert!(!client.is_remembered(start + ms(400)), "it has all of its burst again");
        assert_eq!(whole_seconds(Duration::from_millis(100)), 1);
        assert_eq!(whole_seconds(Duration::from_secs(2)), 2);
    }

    #[test]
    fn connections_are_counted_while_they_are_there() {
        let clients = clients(2, 0, 0);
        let now = clock::now();
        let first = clients.welcome(&peer("2001:db8::1"), now).unwrap();
        let _second = clients.welcome(&peer("2001:db8::ffff"), now).unwrap();
        assert!(clients.welcome(&peer("2001:db8::2"), now).is_none(), "a /64 is one client");
        assert!(clients.welcome(&peer("2001:db8:0:1::2"), now).is_some());
        drop(first);
        assert!(clients.welcome(&peer("2001:db8::2"), now).is_some());
    }

    #[test]
    fn however_many_addresses_there_are_they_fill_no_memory() {
        let clients = clients(0, 1, 0);
        let now = clock::now();
        let held = |clients: &Clients| -> usize {
            clients.shards.iter().map(|shard| shard.lock().unwrap().len()).sum()
        };
        for number in 0..200_000_u32 {
            let client = clients.client(IpAddr::from(number.to_be_bytes()), now);
            let _ = client.pay(clients.rate.unwrap(), 0);
        }
        assert!(held(&clients) <= SHARDS * SHARD_CLIENTS_MAX);
        let unknown = "203.0.113.7".parse().unwrap();
        assert!(Arc::ptr_eq(&clients.client(unknown, now), &clients.others));
        let later = now + Duration::from_secs(2);
        assert!(!Arc::ptr_eq(&clients.client(unknown, later), &clients.others));
    }
}
