//! What is counted of callers, in memory: logins that failed, calls and streams of each identity, and
//! when a token was used last. All of it is bounded. Who may do what is said elsewhere.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use countersign_shared::id::OperatorTokenId;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::Registry;

/// Logins that may fail from one address in a minute; then none is looked at until it is over.
pub const FAILED_LOGINS_PER_MINUTE_MAX: u32 = 10;
/// Streams and calls of one operator that may be open at once.
pub const CALLS_OPEN_MAX: u32 = 256;
/// The same of a node or relay, which asks for all nodes behind it.
pub const MACHINE_CALLS_OPEN_MAX: u32 = 1_024;
/// An identity that was quiet may make so many seconds' calls at once.
const BURST_SECONDS: f64 = 2.0;
/// Identities and addresses that are remembered; more begin anew.
const REMEMBERED_MAX: usize = 4_096;
const MINUTE: Duration = Duration::from_mins(1);

type Uses = HashMap<OperatorTokenId, (i64, IpAddr)>;

#[derive(Debug)]
pub struct Admission {
    /// Whether clear text on loopback is as strict as TLS.
    pub require_credentials: bool,
    pub calls_per_second: u32,
    failed: Mutex<(Instant, HashMap<IpAddr, u32>)>,
    buckets: Mutex<HashMap<String, (f64, Instant)>>,
    open: Arc<Mutex<HashMap<String, u32>>>,
    uses: Mutex<Uses>,
    uses_path: PathBuf,
    logins_failed: Family<Vec<(&'static str, &'static str)>, Counter>,
}

impl Admission {
    /// `uses_path` is the file with what was known of the tokens' use when it stopped.
    pub fn new(
        require_credentials: bool,
        calls_per_second: u32,
        uses_path: PathBuf,
        registry: &mut Registry,
    ) -> Self {
        let logins_failed = Family::default();
        registry.register(
            "countersign_logins_failed",
            "Calls with a token or certificate that is not good, by reason",
            logins_failed.clone(),
        );
        Self {
            require_credentials,
            calls_per_second,
            failed: Mutex::new((Instant::now(), HashMap::new())),
            buckets: Mutex::default(),
            open: Arc::default(),
            uses: Mutex::new(read(&uses_path)),
            uses_path,
            logins_failed,
        }
    }

    /// Whether an address may try to log in; if not, when again.
    pub(crate) fn may_log_in(&self, address: IpAddr, now: Instant) -> Result<(), Duration> {
        let mut failed = lock(&self.failed);
        let since = now.saturating_duration_since(failed.0);
        if since >= MINUTE {
            *failed = (now, HashMap::new());
            return Ok(());
        }
        let count = failed.1.get(&address).copied().unwrap_or_default();
        if count < FAILED_LOGINS_PER_MINUTE_MAX {
            Ok(())
        } else {
            Err(MINUTE.saturating_sub(since))
        }
    }

    pub(crate) fn log_in_failed(&self, address: IpAddr, reason: &'static str) {
        self.logins_failed.get_or_create(&vec![("reason", reason)]).inc();
        let mut failed = lock(&self.failed);
        if failed.1.len() < REMEMBERED_MAX || failed.1.contains_key(&address) {
            *failed.1.entry(address).or_default() += 1;
        }
    }

    /// One call of an identity; if it made too many, when it may make the next.
    pub(crate) fn take_call(&self, who: &str, now: Instant) -> Result<(), Duration> {
        let rate = f64::from(self.calls_per_second.max(1));
        let most = rate * BURST_SECONDS;
        let mut buckets = lock(&self.buckets);
        if buckets.len() >= REMEMBERED_MAX && !buckets.contains_key(who) {
            buckets.clear();
        }
        let bucket = buckets.entry(who.to_owned()).or_insert((most, now));
        let waited = now.saturating_duration_since(bucket.1).as_secs_f64();
        *bucket = ((bucket.0 + waited * rate).min(most), now);
        if bucket.0 < 1.0 {
            return Err(Duration::from_secs_f64((1.0 - bucket.0) / rate));
        }
        bucket.0 -= 1.0;
        Ok(())
    }

    /// A place for a call or stream that is open, until it is dropped.
    pub(crate) fn open_call(&self, who: &str, most: u32) -> Option<OpenCall> {
        let mut open = lock(&self.open);
        let count = open.entry(who.to_owned()).or_default();
        if *count >= most {
            return None;
        }
        *count += 1;
        Some(OpenCall { open: Arc::clone(&self.open), who: who.to_owned() })
    }

    pub(crate) fn used(&self, token: OperatorTokenId, now_ms: i64, address: IpAddr) {
        lock(&self.uses).insert(token, (now_ms, address));
    }

    pub(crate) fn last_use(&self, token: OperatorTokenId) -> Option<(i64, IpAddr)> {
        lock(&self.uses).get(&token).copied()
    }

    /// Writes down when the tokens that still exist were used last.
    pub(crate) fn flush(&self, exists: impl Fn(OperatorTokenId) -> bool) {
        let mut uses = lock(&self.uses);
        uses.retain(|token, _| exists(*token));
        let lines = uses.iter().map(|(token, (ms, address))| format!("{token} {ms} {address}\n"));
        let text: String = lines.collect();
        drop(uses);
        let partial = self.uses_path.with_extension("partial");
        let written = std::fs::write(&partial, text)
            .and_then(|()| std::fs::rename(&partial, &self.uses_path));
        if let Err(error) = written {
            tracing::warn!(%error, "when tokens were used last is not written down");
        }
    }
}

#[derive(Debug)]
pub(crate) struct OpenCall {
    open: Arc<Mutex<HashMap<String, u32>>>,
    who: String,
}

impl Drop for OpenCall {
    fn drop(&mut self) {
        let mut open = lock(&self.open);
        if let Some(count) = open.get_mut(&self.who) {
            *count -= 1;
            if *count == 0 {
                open.remove(&self.who);
            }
        }
    }
}

/// The address without the port, which each connection has anew.
pub(crate) fn ip(address: SocketAddr) -> IpAddr {
    address.ip().to_canonical()
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A line for each token: its id, the time in milliseconds, the address. What cannot be read is
/// not known.
fn read(path: &Path) -> Uses {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    let line = |line: &str| {
        let mut words = line.split(' ');
        let token = words.next()?.parse().ok()?;
        Some((token, (words.next()?.parse().ok()?, words.next()?.parse().ok()?)))
    };
    text.lines().filter_map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn admission(path: &Path) -> Admission {
        Admission::new(false, 10, path.join("token-use"), &mut Registry::default())
    }

    #[test]
    fn an_address_that_fails_often_waits_for_the_minute_to_end() {
        let directory = tempfile::tempdir().unwrap();
        let admission = admission(directory.path());
        let (one, other) = (IpAddr::from([192, 0, 2, 1]), IpAddr::from([192, 0, 2, 2]));
        let now = Instant::now();
        for _ in 0..FAILED_LOGINS_PER_MINUTE_MAX {
            assert_eq!(admission.may_log_in(one, now), Ok(()));
            admission.log_in_failed(one, "BAD_TOKEN");
        }
        assert!(admission.may_log_in(one, now).is_err_and(|wait| wait <= MINUTE));
        assert_eq!(admission.may_log_in(other, now), Ok(()));
        assert_eq!(admission.may_log_in(one, now + MINUTE), Ok(()));
    }

    #[test]
    fn calls_come_at_their_rate_after_a_burst_and_open_ones_are_counted() {
        let directory = tempfile::tempdir().unwrap();
        let admission = admission(directory.path());
        let now = Instant::now();
        let made = (0..100).filter(|_| admission.take_call("ann", now).is_ok()).count();
        assert_eq!(made, 20);
        assert!(admission.take_call("bob", now).is_ok());
        assert!(admission.take_call("ann", now + Duration::from_millis(101)).is_ok());
        assert!(admission.take_call("ann", now + Duration::from_millis(101)).is_err());

        let mut open: Vec<_> =
            (0..300).filter_map(|_| admission.open_call("ann", CALLS_OPEN_MAX)).collect();
        assert_eq!(open.len(), CALLS_OPEN_MAX as usize);
        open.pop();
        assert!(admission.open_call("ann", CALLS_OPEN_MAX).is_some());
    }

    #[test]
    fn the_last_use_of_a_token_outlives_the_process_and_not_the_token() {
        let directory = tempfile::tempdir().unwrap();
        let before = admission(directory.path());
        let [kept, gone] = [1, 2].map(|n| OperatorTokenId::from_bytes([n; 16]));
        let address = IpAddr::from([192, 0, 2, 1]);
        before.used(kept, 5, address);
        before.used(gone, 6, address);
        before.flush(|token| token == kept);
        let after = admission(directory.path());
        assert_eq!((after.last_use(kept), after.last_use(gone)), (Some((5, address)), None));
    }
}
