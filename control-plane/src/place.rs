//! Where a control plane has its log: in its data directory alone, or in etcd, with a copy there.

use std::path::PathBuf;

use countersign_shared::id::LogId;
use data_encoding::HEXLOWER;

use crate::clock;
use crate::keystore::{Keystore, KeystoreError, MasterKey};
use crate::log::{
    CheckpointKey, DataDir, Durability, EtcdConfig, EtcdLog, EventLog, Joined, LocalLog, OpenError,
};

/// What says where it is.
#[derive(Debug)]
pub(crate) struct Whereabouts {
    pub(crate) data_dir: PathBuf,
    pub(crate) etcd: Option<EtcdConfig>,
}

/// The directory is locked, and of the log it is to be of; the log is still to be opened.
pub(crate) enum Place {
    Alone(DataDir),
    Shared(Box<Joined>),
}

impl Place {
    pub(crate) fn open(whereabouts: &Whereabouts) -> Result<Self, OpenError> {
        let (path, new_log_id) = (&whereabouts.data_dir, LogId::from_bytes(clock::new_id()));
        let Some(etcd) = &whereabouts.etcd else {
            let dir = DataDir::open(path, new_log_id)?;
            if dir.replica()?.is_some() {
                return Err(OpenError::Replica { directory: path.clone() });
            }
            return Ok(Self::Alone(dir));
        };
        let name = HEXLOWER.encode(&clock::new_id());
        EtcdLog::join(etcd, path, new_log_id, &name).map(|joined| Self::Shared(Box::new(joined)))
    }

    pub(crate) fn dir(&self) -> &DataDir {
        match self {
            Self::Alone(dir) => dir,
            Self::Shared(joined) => &joined.dir,
        }
    }

    pub(crate) fn open_keystore(&self, master: &MasterKey) -> Result<Keystore, KeystoreError> {
        let (path, log_id) = (self.dir().keystore_path(), self.dir().log_id());
        match self {
            Self::Alone(_) => Keystore::open(&path, master, log_id),
            Self::Shared(joined) => Keystore::open_shared(&path, master, log_id, joined.keys()),
        }
    }

    pub(crate) fn open_log(self, signing: CheckpointKey) -> Result<Box<dyn EventLog>, OpenError> {
        Ok(match self {
            Self::Alone(dir) => Box::new(LocalLog::open(dir, signing, Durability::Full)?),
            Self::Shared(joined) => Box::new(EtcdLog::open(*joined, signing, Durability::Full)?),
        })
    }
}
