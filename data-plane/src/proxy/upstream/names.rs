//! The addresses behind backends' names. They are asked for again every few seconds, away from
//! requests; where no answer comes, those that were known last go on. A name that nobody has
//! asked for yet is resolved by the first connection that needs it.

use std::collections::{HashMap, HashSet};
use std::fmt::Debug;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use arc_swap::ArcSwap;
use futures_util::{StreamExt, stream};
use tracing::debug;

const RESOLVED_AT_ONCE: usize = 16;

/// Where addresses come from.
pub trait Resolve: Debug + Send + Sync {
    /// All addresses behind a `host:port`.
    fn resolve<'a>(&'a self, authority: &'a str) -> Resolving<'a>;
}

pub type Resolving<'a> = Pin<Box<dyn Future<Output = io::Result<Vec<SocketAddr>>> + Send + 'a>>;

/// The system's own resolver.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemResolver;

impl Resolve for SystemResolver {
    fn resolve<'a>(&'a self, authority: &'a str) -> Resolving<'a> {
        Box::pin(async move { Ok(tokio::net::lookup_host(authority).await?.collect()) })
    }
}

type Known = HashMap<Arc<str>, Arc<[SocketAddr]>>;

#[derive(Debug)]
pub(in crate::proxy) struct Names {
    resolver: Arc<dyn Resolve>,
    known: ArcSwap<Known>,
    /// Counts the changes of `known`.
    generation: AtomicU64,
}

impl Names {
    pub(super) fn new(resolver: Arc<dyn Resolve>) -> Self {
        Self { resolver, known: ArcSwap::default(), generation: AtomicU64::new(0) }
    }

    /// Another number than before where something has changed since.
    pub(in crate::proxy) fn generation(&self) -> u64 {
        self.generation.load(Relaxed)
    }

    /// What is known now; none where nobody has asked yet.
    pub(in crate::proxy) fn known(&self, authority: &str) -> Option<Arc<[SocketAddr]>> {
        self.known.load().get(authority).map(Arc::clone)
    }

    /// What is known, or else what the resolver says now.
    pub(in crate::proxy) async fn addresses(
        &self,
        authority: &str,
    ) -> io::Result<Arc<[SocketAddr]>> {
        if let Some(known) = self.known(authority) {
            return Ok(known);
        }
        self.ask(authority).await
    }

    /// Asks for all these names, and forgets all others.
    pub(super) async fn renew(&self, authorities: HashSet<Arc<str>>) {
        let asked = stream::iter(authorities).map(|authority| async move {
            let addresses = match self.ask(&authority).await {
                Ok(addresses) => Some(addresses),
                Err(error) => {
                    debug!(%authority, %error, "the name is not resolved; its last addresses stay");
                    self.known(&authority)
                }
            };
            Some((authority, addresses?))
        });
        let answers = asked.buffer_unordered(RESOLVED_AT_ONCE);
        let known: Known = answers.filter_map(std::future::ready).collect().await;
        if **self.known.load() != known {
            self.known.store(Arc::new(known));
            self.generation.fetch_add(1, Relaxed);
        }
    }

    async fn ask(&self, authority: &str) -> io::Result<Arc<[SocketAddr]>> {
        let mut addresses = self.resolver.resolve(authority).await?;
        // In one order, whatever the order of this answer: taking them in turn is ours.
        addresses.sort_unstable();
        addresses.dedup();
        if addresses.is_empty() {
            return Err(io::Error::new(io::ErrorKind::NotFound, "the name has no address"));
        }
        Ok(addresses.into())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    #[derive(Debug, Default)]
    struct Script(Mutex<Vec<io::Result<Vec<SocketAddr>>>>);

    impl Resolve for Script {
        fn resolve<'a>(&'a self, _: &'a str) -> Resolving<'a> {
            let next = self.0.lock().unwrap().remove(0);
            Box::pin(async { next })
        }
    }

    #[tokio::test]
    async fn without_an_answer_the_last_addresses_stay() {
        let address = |port| SocketAddr::from(([127, 0, 0, 1], port));
        let script = vec![
            Ok(vec![address(2), address(1), address(2)]),
            Err(io::ErrorKind::TimedOut.into()),
            Ok(vec![]),
            Ok(vec![address(3)]),
        ];
        let names = Names::new(Arc::new(Script(Mutex::new(script))));
        let all = || HashSet::from([Arc::from("backend:80")]);
        for known in [vec![1, 2], vec![1, 2], vec![1, 2], vec![3]] {
            names.renew(all()).await;
            let known: Vec<_> = known.into_iter().map(address).collect();
            assert_eq!(names.known("backend:80").as_deref(), Some(known.as_slice()));
        }
        names.renew(HashSet::new()).await;
        assert_eq!(names.known("backend:80"), None);
    }
}
