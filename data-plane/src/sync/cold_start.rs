//! Before the first stream: the table that the cache holds, followed as a stream is. What is refused
//! leaves the node with nothing, as if there were no cache.

use countersign_proto::v1::subscribe_response::Message as FromPlane;
use tracing::{info, warn};

use super::Sync;
use crate::cache::{Cache, CacheRefused, Opened};
use crate::clock;
use crate::follower::{Follower, Unexpected};
use crate::replica::Outcome;

impl Sync {
    /// Signs with what the cache holds, where it may; says why not at `/ready` and in the log.
    pub(crate) fn start_cold(&mut self, cache: &Cache) {
        let file = cache.file.display();
        let loaded = cache.load(&self.identity.environments, clock::unix_ms());
        match loaded.and_then(|opened| opened.map(follow).transpose()) {
            Ok(None) => info!(%file, "there is no cache yet"),
            Ok(Some(follower)) => {
                let revision = follower.replica().position().revision;
                // What is accepted takes the place of the cache's table, too.
                self.follower = follower.accepting(self.accept_log.clone());
                self.swap();
                info!(%file, revision, "signing with the table of the cache");
            }
            Err(error) => {
                warn!(%file, %error, "the cache is refused");
                self.telemetry.sync.refuse_cache(format!("the cache {file} is refused: {error}"));
            }
        }
    }

    /// Offers what is in force to the cache, if there is one.
    pub(super) fn keep(&self) {
        if let (Some(offers), Some(contents)) = (&self.offers, self.follower.replica().contents()) {
            offers.offer(contents);
        }
    }
}

/// One that holds what the cache does.
fn follow(opened: Opened) -> Result<Follower, CacheRefused> {
    let unusable = |what: &str| CacheRefused::Unusable(what.to_owned());
    let mut follower = Follower::default().keeping_encoded();
    let mut messages = opened.messages.into_iter().filter_map(|message| message.message);
    let Some(FromPlane::Welcome(welcome)) = messages.next() else {
        return Err(unusable("it does not begin with a Welcome"));
    };
    follower.welcome_with(&welcome, &opened.keys).map_err(|error| unusable(&error.to_string()))?;
    // It ends with the first error, or when all messages were taken.
    let mut outcome = None;
    while let Some(first) = messages.next() {
        let all = std::iter::once(first).chain(messages.by_ref()).map(Ok);
        let (applied, result) = follower.apply_all::<Unexpected>(all);
        result.map_err(|error| unusable(&error.to_string()))?;
        if applied.digest_mismatches > 0 {
            return Err(unusable("its digest is another"));
        }
        outcome = applied.outcome;
    }
    match outcome {
        Some(Outcome::Ack { .. }) => Ok(follower),
        Some(Outcome::Nack { unusable: why, .. }) => Err(unusable(&why.reason)),
        None => Err(unusable("it has no end")),
    }
}
