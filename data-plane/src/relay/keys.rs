//! Delivery keys for the nodes behind a relay: asked for upstream, and kept as they came, sealed, so that
//! a node that has had them gets them again when nobody can be asked. The relay cannot open them.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use countersign_feed::Unserved;
use countersign_feed::source::NoKeys;
use countersign_proto::v1;
use countersign_proto::v1::sync_client::SyncClient;
use prost::Message;
use tokio::time::timeout;
use tonic::Code;
use tonic::transport::Channel;

/// Answers that are kept, one for each process of a node; the oldest leave first.
const ANSWERS_MAX: usize = 20_000;
/// A node waits longer for its Welcome.
const ASK_TIME_MAX: Duration = Duration::from_secs(2);

#[derive(Debug, Default)]
pub(crate) struct Keys {
    upstream: Mutex<Option<SyncClient<Channel>>>,
    known: Mutex<Known>,
}

#[derive(Debug, Default)]
struct Known {
    /// By the question, encoded.
    answers: HashMap<Vec<u8>, Vec<Vec<u8>>>,
    order: VecDeque<Vec<u8>>,
}

impl Keys {
    /// Whom to ask from now on, if anybody.
    pub(crate) fn ask_at(&self, upstream: Option<SyncClient<Channel>>) {
        *lock(&self.upstream) = upstream;
    }

    /// Upstream is asked first: only there it is known whether the keys are still the same.
    pub(crate) async fn of(&self, asked: v1::DeliverKeysRequest) -> Result<Vec<Vec<u8>>, NoKeys> {
        let question = asked.encode_to_vec();
        match self.ask(asked).await {
            Ok(keys) => {
                lock(&self.known).keep(question, &keys);
                Ok(keys)
            }
            Err(NoKeys::Unreachable(why)) => {
                let known = lock(&self.known).answers.get(&question).cloned();
                known.ok_or(NoKeys::Unreachable(why))
            }
            Err(refused) => Err(refused),
        }
    }

    async fn ask(&self, asked: v1::DeliverKeysRequest) -> Result<Vec<Vec<u8>>, NoKeys> {
        let upstream = lock(&self.upstream).clone();
        let mut upstream =
            upstream.ok_or_else(|| NoKeys::Unreachable("there is no stream".to_owned()))?;
        match timeout(ASK_TIME_MAX, upstream.deliver_keys(asked)).await {
            Ok(Ok(answer)) => Ok(answer.into_inner().sealed_delivery_keys),
            Ok(Err(status)) => Err(match status.code() {
                Code::InvalidArgument => NoKeys::PublicKey,
                Code::PermissionDenied => NoKeys::NotAllowed(status.message().to_owned()),
                Code::NotFound => NoKeys::Unserved(Unserved::new(status.message())),
                _ => NoKeys::Unreachable(status.message().to_owned()),
            }),
            Err(_) => Err(NoKeys::Unreachable("no answer in time".to_owned())),
        }
    }
}

impl Known {
    fn keep(&mut self, question: Vec<u8>, keys: &[Vec<u8>]) {
        if self.answers.insert(question.clone(), keys.to_vec()).is_none() {
            self.order.push_back(question);
        }
        if self.order.len() > ANSWERS_MAX
            && let Some(oldest) = self.order.pop_front()
        {
            self.answers.remove(&oldest);
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
