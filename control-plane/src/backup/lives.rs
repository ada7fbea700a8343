//! Which secrets lived when. A secret that was replaced, or whose key was deleted, is forgotten: its data
//! key is gone, also from backups that are made later. At a revision at which it lived no control plane
//! starts without it, so that a log must not be restored there.

use std::collections::{HashMap, HashSet};

use countersign_proto::v1::Event;
use countersign_proto::v1::event::Payload;
use countersign_shared::id::SecretId;

/// The secrets of a log, as its events pass.
#[derive(Debug, Default)]
pub(super) struct Lives {
    /// By the key's id.
    now: HashMap<String, Life>,
    past: Vec<Life>,
}

#[derive(Debug, Clone)]
struct Life {
    /// What the key was called first.
    name: String,
    secret_id: Option<SecretId>,
    /// The first revision at which it lived,
    from: u64,
    /// and the first one at which it does not any more.
    until: u64,
}

/// Secrets that lived at a revision and are forgotten.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Forgotten {
    /// The names of their keys, in order.
    pub(super) names: Vec<String>,
    /// The next revision at which none of those that live is forgotten.
    pub(super) next: u64,
}

impl Lives {
    pub(super) fn pass(&mut self, revision: u64, event: &Event) {
        match &event.payload {
            Some(Payload::SignatureKeyCreated(it)) => {
                let secret = it.secret.as_ref().map(|secret| secret.secret_id.as_str());
                self.begin(&it.id, it.name.clone(), secret, revision);
            }
            Some(Payload::SecretReplaced(it)) => {
                let name = self.end(&it.id, revision).unwrap_or_default();
                let secret = it.secret.as_ref().map(|secret| secret.secret_id.as_str());
                self.begin(&it.id, name, secret, revision);
            }
            Some(Payload::SignatureKeyDeleted(it)) => drop(self.end(&it.id, revision)),
            _ => {}
        }
    }

    /// How many live at the end.
    pub(super) fn living(&self) -> usize {
        self.now.len()
    }

    /// Those that lived at a revision and are not among `there`, if there are any.
    pub(super) fn forgotten(&self, revision: u64, there: &HashSet<SecretId>) -> Option<Forgotten> {
        let all = self.now.values().chain(&self.past);
        let gone: Vec<&Life> =
            all.filter(|life| life.secret_id.is_none_or(|id| !there.contains(&id))).collect();
        let at = |revision: u64| {
            gone.iter().filter(move |life| life.from <= revision && revision < life.until)
        };
        let mut names: Vec<String> = at(revision).map(|life| life.name.clone()).collect();
        if names.is_empty() {
            return None;
        }
        names.sort();
        let mut next = revision;
        while let Some(until) = at(next).map(|life| life.until).max() {
            next = until;
        }
        Some(Forgotten { names, next })
    }

    fn begin(&mut self, key: &str, name: String, secret_id: Option<&str>, revision: u64) {
        let secret_id = secret_id.and_then(|id| id.parse().ok());
        let life = Life { name, secret_id, from: revision, until: u64::MAX };
        self.now.insert(key.to_owned(), life);
    }

    fn end(&mut self, key: &str, revision: u64) -> Option<String> {
        let life = self.now.remove(key)?;
        let name = life.name.clone();
        self.past.push(Life { until: revision, ..life });
        Some(name)
    }
}

#[cfg(test)]
mod tests {
    use countersign_proto::v1;

    use super::*;

    fn secret(byte: u8) -> SecretId {
        SecretId::from_bytes([byte; 16])
    }

    fn version(byte: u8) -> v1::SecretVersion {
        v1::SecretVersion { secret_id: secret(byte).to_string(), ..Default::default() }
    }

    fn lives() -> Lives {
        let created = |id: &str, byte| {
            let (id, name) = (id.to_owned(), format!("key_{id}"));
            let secret = Some(version(byte));
            Payload::SignatureKeyCreated(v1::SignatureKeyCreated {
                id,
                name,
                secret,
                ..Default::default()
            })
        };
        let replaced = v1::SecretReplaced { id: "a".into(), secret: Some(version(3)) };
        let deleted = v1::SignatureKeyDeleted { id: "b".into(), ..Default::default() };
        let mut lives = Lives::default();
        for (revision, payload) in (1..).zip([
            created("a", 1),
            created("b", 2),
            Payload::SecretReplaced(replaced),
            created("c", 4),
            Payload::SignatureKeyDeleted(deleted),
        ]) {
            lives.pass(revision, &Event { payload: Some(payload), ..Default::default() });
        }
        lives
    }

    #[test]
    fn where_a_forgotten_secret_lived_is_known_and_where_none_did() {
        let lives = lives();
        assert_eq!(lives.living(), 2);
        let there = HashSet::from([secret(3), secret(4)]);
        let at =
            |revision| lives.forgotten(revision, &there).map(|it| (it.names.concat(), it.next));
        assert_eq!(
            at(1),
            Some(("key_a".into(), 5)),
            "then a's first one goes, and b's still lives"
        );
        assert_eq!(at(2), Some(("key_akey_b".into(), 5)));
        assert_eq!(at(4), Some(("key_b".into(), 5)));
        assert_eq!(at(5), None);
        let all = HashSet::from([1, 2, 3, 4].map(secret));
        assert!((0..=5).all(|revision| lives.forgotten(revision, &all).is_none()));
        let one = HashSet::from([secret(4)]);
        assert_eq!(lives.forgotten(5, &one).map(|it| it.next), Some(u64::MAX));
    }
}
