//! A real follower: it holds the table as a node does, checks every digest, and tells the others
//! what theirs are.

use std::sync::Arc;

use countersign_data_plane::follower::{Follower, Identity, Unexpected, answer};
use countersign_data_plane::replica::Outcome;
use countersign_proto::v1::subscribe_response::Message as FromPlane;
use countersign_proto::v1::{SubscribeRequest, SubscribeResponse};

use crate::call::{Call, CallError};
use crate::fleet::{Pauses, Shared, subscribe};

pub(crate) struct Observer {
    shared: Arc<Shared>,
    identity: Identity,
    follower: Follower,
}

impl Observer {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        let identity = Identity {
            // After all nodes, by name.
            node: "observer".to_owned(),
            instance: "1".to_owned(),
            environments: vec!["RELEASE".to_owned()],
            recipient: Arc::clone(&shared.recipient),
        };
        Self { shared, identity, follower: Follower::default() }
    }

    pub(crate) async fn run(mut self) {
        let mut pauses = Pauses::new(usize::MAX);
        loop {
            let _ = self.follow().await;
            tokio::time::sleep(pauses.next()).await;
            pauses = Pauses::new(usize::MAX);
        }
    }

    async fn follow(&mut self) -> Result<(), CallError> {
        let hello = self.follower.hello(&self.identity);
        let shared = Arc::clone(&self.shared);
        subscribe(&shared, hello, |call| self.talk(call)).await
    }

    async fn talk(&mut self, mut call: Call) -> Result<(), CallError> {
        loop {
            let SubscribeResponse { message } = call.next().await?;
            let Some(message) = message else { continue };
            if let FromPlane::Welcome(welcome) = &message {
                self.follower.welcome(&self.identity, welcome).unwrap();
                continue;
            }
            let Some(outcome) = self.apply(message) else { continue };
            call.send(&SubscribeRequest { message: Some(answer(outcome).0) })?;
        }
    }

    fn apply(&mut self, message: FromPlane) -> Option<Outcome> {
        let delta = match &message {
            FromPlane::Delta(delta) => Some(delta.clone()),
            _ => None,
        };
        let (applied, result) = self.follower.apply_all::<Unexpected>(std::iter::once(Ok(message)));
        result.unwrap();
        let outcome = applied.outcome?;
        let Outcome::Ack { digest, digest_differs: false, .. } = &outcome else {
            panic!("a message that cannot be used: {outcome:?}")
        };
        if let Some(delta) = delta {
            self.shared.learn(&delta, digest.as_bytes().to_vec());
        }
        self.shared.position.send_replace(self.follower.replica().position().clone());
        Some(outcome)
    }
}
