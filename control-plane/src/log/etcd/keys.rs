//! The data keys that replicas share, wrapped, in etcd beside the log. Never sees one in plain.

use std::sync::Arc;

use countersign_etcd::pb::{KeyValue, TxnRequest};
use countersign_etcd::request::{absent, delete, found, one, put, range, read, unchanged};
use countersign_shared::id::SecretId;
use data_encoding::HEXLOWER;

use super::cluster::{Cluster, ClusterError};
use crate::keystore::{SharedKeys, Unreached};

/// So many keys are put or removed by one transaction, which may have 128 operations,
pub(super) const TRANSACTION_KEYS: usize = 100;
/// and read at a time.
const PAGE_KEYS: i64 = 4_096;

/// The keys under a log's prefix.
pub(super) struct EtcdKeys(pub(super) Arc<Cluster>);

impl SharedKeys for EtcdKeys {
    fn place(&self) -> String {
        format!("{} in etcd", self.0.keys.keyring())
    }

    fn keyring(&self) -> Result<Option<Vec<u8>>, Unreached> {
        Ok(self.0.get(&self.0.keys.keyring())?.map(|stored| stored.value))
    }

    fn claim_keyring(&self, candidate: Vec<u8>) -> Result<Vec<u8>, Unreached> {
        let key = self.0.keys.keyring();
        let transaction = TxnRequest {
            compare: vec![absent(&key)],
            success: vec![put(&key, candidate.clone(), 0)],
            failure: vec![read(one(&key))],
        };
        let there = found(self.0.transact(transaction)?).into_iter().flatten().next();
        Ok(there.map_or(candidate, |there| there.value))
    }

    fn put(&self, keys: Vec<(SecretId, Vec<u8>)>) -> Result<(), Unreached> {
        for keys in keys.chunks(TRANSACTION_KEYS) {
            let puts = keys.iter().map(|(id, value)| put(&self.key(*id), value.clone(), 0));
            let success = puts.collect();
            self.0.transact(TxnRequest { success, ..TxnRequest::default() })?;
        }
        Ok(())
    }

    fn get(&self, id: SecretId) -> Result<Option<Vec<u8>>, Unreached> {
        Ok(self.0.get(&self.key(id))?.map(|stored| stored.value))
    }

    fn all(&self) -> Result<Vec<(SecretId, Vec<u8>)>, Unreached> {
        let (mut from, before) = (self.0.keys.data_key(""), self.0.keys.data_keys_end());
        let mut all = Vec::new();
        loop {
            let page = self.0.range(range(&from, &before, PAGE_KEYS))?;
            let Some(last) = page.last() else { return Ok(all) };
            // The key right after the last one.
            from = format!("{}\0", String::from_utf8_lossy(&last.key));
            for stored in page {
                all.push(parse(stored)?);
            }
        }
    }

    fn remove(&self, fence: i64, ids: &[SecretId]) -> Result<(), Unreached> {
        for ids in ids.chunks(TRANSACTION_KEYS) {
            let transaction = TxnRequest {
                compare: vec![unchanged(&self.0.keys.leader(), fence)],
                success: ids.iter().map(|id| delete(&self.key(*id))).collect(),
                failure: vec![],
            };
            self.0.transact(transaction)?;
        }
        Ok(())
    }
}

impl EtcdKeys {
    pub(super) fn key(&self, id: SecretId) -> String {
        self.0.keys.data_key(&HEXLOWER.encode(id.as_bytes()))
    }
}

fn parse(stored: KeyValue) -> Result<(SecretId, Vec<u8>), Unreached> {
    let key = String::from_utf8_lossy(&stored.key);
    let id = key.rsplit('/').next().and_then(|id| HEXLOWER.decode(id.as_bytes()).ok());
    let id = id.and_then(|id| <[u8; 16]>::try_from(id).ok()).map(SecretId::from_bytes);
    let id = id.ok_or_else(|| Unreached(format!("{key} in etcd is not of a secret")))?;
    Ok((id, stored.value))
}

impl From<ClusterError> for Unreached {
    fn from(error: ClusterError) -> Self {
        Self(error.to_string())
    }
}
