//! From a data directory to etcd. The directory stays what it is, and becomes the copy of a replica: it is
//! marked so before the log in etcd may be used, so that there is never a moment at which both go on.

use countersign_shared::id::LogId;
use countersign_shared::state::State;
use data_encoding::HEXLOWER;

use super::{
    Doing, MigrateError, Migration, Moved, READ_RECORDS, Report, differs, master_key, replayed,
    same_digest, tell,
};
use crate::clock;
use crate::engine::living;
use crate::keystore::{Keystore, MasterKey};
use crate::log::{
    CheckpointKey, DataDir, Durability, EventLog as _, FarLog, Head, Identity, LocalLog, LogReader,
    Moving, OpenError, StillLog, There, Tip, Turn,
};
use crate::recover::open_every_secret;

/// Moves the log of a data directory. When it returns, the directory is a replica's copy.
pub fn to_etcd(migration: &Migration, report: Report<'_>) -> Result<Moved, MigrateError> {
    let path = &migration.data_dir;
    // A directory that is none is not made one.
    let dir = DataDir::open(path, StillLog::id_at(path)?)?;
    let identity = dir.identity();
    let far = FarLog::connect(&migration.etcd)?;
    let marked = dir.replica()?;
    let (replica, is_there) = admit(migration, far.there()?, identity, marked)?;

    let master = master_key(migration.master_key.as_ref(), path)?;
    let keystore = Keystore::open(&dir.keystore_path(), &master, identity.log_id)?;
    let signing = CheckpointKey::from_seed(&keystore.checkpoint_seed(), identity.log_id);
    let near = LocalLog::open(dir, signing, Durability::Full)?;
    let (reader, head) = (near.reader(), near.head());
    let read = |from| Ok(reader.read(from, READ_RECORDS)?);
    let state = replayed(identity.log_id, head, read, |revision| {
        tell(report, Doing::Reading, revision, head.revision)
    })?;
    open_every_secret(&keystore.sealer(), &state)?;

    let mut moved = Moved {
        log_id: identity.log_id,
        epoch: identity.epoch,
        head,
        state_digest: String::new(),
        secrets: state.keys().len(),
        copied: 0,
    };
    if is_there {
        if far.tip(identity.log_id)?.head.revision > head.revision {
            return Err(MigrateError::GoneOn(head.revision));
        }
        moved.state_digest = verified(&far, &master, (identity.log_id, head), &state, report)?;
        return Ok(moved);
    }
    let turn = far.begin(identity, &replica)?;
    far.share(turn, keystore.to_share(&living(&state))?)?;
    let before = far.tip(identity.log_id)?;
    let tip = copy(&*reader, &far, turn, before, report)?;
    moved.copied = head.revision - before.head.revision;
    moved.state_digest = verified(&far, &master, (identity.log_id, head), &state, report)?;
    tell(report, Doing::GivingUp, 0, head.revision)?;
    near.dir().become_replica(&replica)?;
    tell(report, Doing::GivingUp, head.revision, head.revision)?;
    far.arrive(turn, tip, identity)?;
    Ok(moved)
}

/// Appends to what is there what follows it. Returns where it ends then.
fn copy(
    reader: &dyn LogReader,
    far: &FarLog,
    turn: Turn,
    mut tip: Tip,
    report: Report<'_>,
) -> Result<Tip, MigrateError> {
    let last = reader.head().revision;
    // What came there before has to be the beginning of what is here.
    if reader.hash_at(tip.head.revision)? != Some(tip.head.hash) {
        let (place, revision) = ("etcd".to_owned(), tip.head.revision);
        return Err(MigrateError::OtherHistory { place, revision });
    }
    while tip.head.revision < last {
        tell(report, Doing::Copying, tip.head.revision, last)?;
        let records = reader.read(tip.head.revision + 1, READ_RECORDS)?;
        if records.is_empty() {
            return Err(differs(&format!("revision {} is gone", tip.head.revision + 1)));
        }
        tip = far.append(turn, tip, &records)?;
    }
    Ok(tip)
}

/// Reads all that is there, and opens its secrets as a replica does. The digest of the state.
fn verified(
    far: &FarLog,
    master: &MasterKey,
    (log_id, head): (LogId, Head),
    state: &State,
    report: Report<'_>,
) -> Result<String, MigrateError> {
    let read = |from| Ok(far.records_from(from)?);
    let found = replayed(log_id, head, read, |revision| {
        tell(report, Doing::Verifying, revision, head.revision)
    })?;
    let sealer = Keystore::sealer_of_shared(&*far.keys(), master, log_id)?;
    open_every_secret(&sealer, &found)?;
    same_digest(state, &found)
}

/// Whether it may be moved there. Returns what the directory is called as a replica, and whether all of it
/// is there already.
fn admit(
    migration: &Migration,
    there: There,
    identity: Identity,
    marked: Option<String>,
) -> Result<(String, bool), MigrateError> {
    let place = format!("`{}` in etcd", migration.etcd.prefix);
    let not_empty = |what: String| Err(MigrateError::NotEmpty { place: place.clone(), what });
    if let There::Log(other) | There::Moving(Moving { identity: other, .. }) = &there
        && other.log_id != identity.log_id
    {
        let (found, expected) = (other.log_id, identity.log_id);
        return Err(MigrateError::Foreign { place, found, expected });
    }
    match (there, marked) {
        (There::Nothing, None) => Ok((HEXLOWER.encode(&clock::new_id()), false)),
        (There::Nothing, Some(_)) => {
            Err(OpenError::Replica { directory: migration.data_dir.clone() }.into())
        }
        (There::Else(key), _) => not_empty(format!("it has the key {key}")),
        (There::Log(found), Some(name)) if found == identity => Ok((name, true)),
        (There::Log(_), _) => not_empty("it has this log already, from another directory".into()),
        (There::Moving(Moving { gone: Some(head), .. }), _) => not_empty(format!(
            "it has what is left of this log, which went at revision {}",
            head.revision
        )),
        (There::Moving(Moving { replica, .. }), None) => Ok((replica, false)),
        (There::Moving(Moving { replica, .. }), Some(name)) if name == replica => Ok((name, false)),
        (There::Moving(_), Some(_)) => Err(MigrateError::Elsewhere(format!(
            "{place} takes this log from another directory: finish that from there"
        ))),
    }
}
