//! From etcd to a data directory. Until all of it is there the directory is a replica's copy, on which no
//! control plane starts by itself; it ceases to be one after the log in etcd is one that has gone.

use std::path::Path;

use countersign_shared::id::LogId;
use countersign_shared::state::State;
use data_encoding::HEXLOWER;

use super::{
    Doing, MigrateError, Migration, Moved, READ_RECORDS, Report, differs, master_key, replayed,
    same_digest, tell,
};
use crate::clock;
use crate::keystore::{Keystore, MasterKey, seed_of};
use crate::log::{
    APPEND_BYTES_MAX, CheckpointKey, DataDir, Durability, EventLog, FarLog, Head, Identity,
    LocalLog, Moving, OWN_MASTER_KEY, StoredRecord, There, disk, pack, read_identity,
};
use crate::recover::open_every_secret;

/// What a directory may have in which there is no log.
const NO_LOG: [&str; 2] = ["lock", OWN_MASTER_KEY];

/// Moves the log in etcd. When it returns, the directory is a log of its own.
pub fn from_etcd(migration: &Migration, report: Report<'_>) -> Result<Moved, MigrateError> {
    let path = &migration.data_dir;
    let far = FarLog::connect(&migration.etcd)?;
    let (identity, gone) = found(&far, &migration.etcd.prefix)?;
    let Identity { log_id, epoch } = identity;
    let master = opening(migration, &far, log_id)?;
    admit(path, log_id)?;
    if gone.is_none()
        && let Some(leader) = far.leader()?
    {
        return Err(MigrateError::Led(leader));
    }
    let dir = prepared(path, identity, gone.as_ref())?;
    let tip = far.tip(log_id)?;
    let head = gone.as_ref().and_then(|moving| moving.gone).unwrap_or(tip.head);
    let is_copy = dir.replica()?.is_some();
    let mut keystore = if is_copy {
        Keystore::open_shared(&dir.keystore_path(), &master, log_id, far.keys())?
    } else {
        Keystore::open(&dir.keystore_path(), &master, log_id)?
    };
    let signing = CheckpointKey::from_seed(&keystore.checkpoint_seed(), log_id);
    let mut near = LocalLog::open(dir, signing, Durability::Full)?;
    let copied = head.revision.saturating_sub(near.head().revision);
    if is_copy {
        keystore.take_shared()?;
        copy(&far, &mut near, head, report)?;
    } else if near.head() != head {
        return Err(MigrateError::GoneOn(head.revision));
    }
    let (state, state_digest) = verified(&far, &near, head, report)?;
    open_every_secret(&keystore.sealer(), &state)?;
    if is_copy {
        tell(report, Doing::GivingUp, 0, head.revision)?;
        if gone.is_none() {
            let replica = near.dir().replica()?.unwrap_or_default();
            far.leave(tip, &Moving { identity, replica, gone: Some(head) })?;
        }
        tell(report, Doing::GivingUp, head.revision, head.revision)?;
        near.dir().cease_replica()?;
    }
    Ok(Moved { log_id, epoch, head, state_digest, secrets: state.keys().len(), copied })
}

/// The log that is there, or that was until it had gone.
fn found(far: &FarLog, prefix: &str) -> Result<(Identity, Option<Moving>), MigrateError> {
    match far.there()? {
        There::Log(identity) => Ok((identity, None)),
        There::Moving(moving) if moving.gone.is_some() => Ok((moving.identity, Some(moving))),
        There::Moving(_) => Err(MigrateError::Elsewhere(format!(
            "the log under `{prefix}` is not all in etcd: finish moving it there"
        ))),
        There::Nothing | There::Else(_) => Err(MigrateError::NoLog(prefix.to_owned())),
    }
}

/// What the log comes to, on both sides.
fn verified(
    far: &FarLog,
    near: &LocalLog,
    head: Head,
    report: Report<'_>,
) -> Result<(State, String), MigrateError> {
    let log_id = near.log_id();
    let read = |from| Ok(far.records_from(from)?);
    let there = replayed(log_id, head, read, |revision| {
        tell(report, Doing::Reading, revision, head.revision)
    })?;
    let reader = near.reader();
    let read = |from| Ok(reader.read(from, READ_RECORDS)?);
    let here = replayed(log_id, head, read, |revision| {
        tell(report, Doing::Verifying, revision, head.revision)
    })?;
    let digest = same_digest(&here, &there)?;
    Ok((here, digest))
}

/// The master key, once it is known to be the one of what is there.
fn opening(migration: &Migration, far: &FarLog, log_id: LogId) -> Result<MasterKey, MigrateError> {
    let keys = far.keys();
    let Some(keyring) = keys.keyring()? else {
        return Err(differs("there is no keyring in etcd"));
    };
    let master = master_key(migration.master_key.as_ref(), &migration.data_dir)?;
    seed_of(Path::new(&keys.place()), &keyring, &master, log_id)?;
    Ok(master)
}

/// Only a directory without a log, or with this one, is moved to.
fn admit(path: &Path, expected: LogId) -> Result<(), MigrateError> {
    let place = path.display().to_string();
    match read_identity(path)? {
        Some(Identity { log_id: found, .. }) if found == expected => Ok(()),
        Some(Identity { log_id: found, .. }) => {
            Err(MigrateError::Foreign { place, found, expected })
        }
        None if path.exists() => {
            let unknown = |name: &String| {
                !NO_LOG.contains(&name.as_str()) && !name.ends_with(disk::UNFINISHED)
            };
            disk::names(path)?.into_iter().find(unknown).map_or(Ok(()), |name| {
                Err(MigrateError::NotEmpty { place, what: format!("there is {name} in it") })
            })
        }
        None => Ok(()),
    }
}

/// The directory, locked: of this log, and a replica's copy until it is all of it; or one to which all of
/// it has gone.
fn prepared(
    path: &Path,
    identity: Identity,
    gone: Option<&Moving>,
) -> Result<DataDir, MigrateError> {
    let name = HEXLOWER.encode(&clock::new_id());
    let mut dir = DataDir::open_copy(path, identity.log_id, &name)?;
    let place = || path.display().to_string();
    if dir.epoch() > identity.epoch {
        let (found, moved) = (dir.epoch(), identity.epoch);
        return Err(MigrateError::LaterEpoch { place: place(), found, moved });
    }
    let is_alone = dir.sled_path().exists();
    match (dir.replica()?, gone) {
        (Some(name), Some(gone)) if name == gone.replica => {}
        (None, Some(_)) if is_alone => {}
        (_, Some(gone)) => {
            let revision = gone.gone.map_or(0, |head| head.revision);
            return Err(MigrateError::Elsewhere(format!(
                "the log has gone from etcd at revision {revision}, to another directory"
            )));
        }
        (Some(_), None) => {}
        (None, None) if is_alone => {
            let what = "it has this log, and goes on by itself".to_owned();
            return Err(MigrateError::NotEmpty { place: place(), what });
        }
        (None, None) => dir.become_replica(&name)?,
    }
    while dir.epoch() < identity.epoch {
        dir.begin_epoch()?;
    }
    Ok(dir)
}

/// Appends to the copy what it lacks, many events at a time, each verified.
fn copy(
    far: &FarLog,
    near: &mut LocalLog,
    until: Head,
    report: Report<'_>,
) -> Result<(), MigrateError> {
    refuse_unless_beginning(far, near.head(), until)?;
    while near.head().revision < until.revision {
        let mut records = far.records_from(near.head().revision + 1)?;
        records.retain(|record| record.revision <= until.revision);
        if records.is_empty() {
            return Err(differs(&format!("revision {} is gone", near.head().revision + 1)));
        }
        let mut rest = records.as_slice();
        while !rest.is_empty() {
            tell(report, Doing::Copying, near.head().revision, until.revision)?;
            let (together, later) = pack::split(rest, APPEND_BYTES_MAX);
            append(near, together)?;
            rest = later;
        }
    }
    Ok(())
}

fn append(near: &mut LocalLog, records: &[StoredRecord]) -> Result<(), MigrateError> {
    let mut head = near.head();
    for record in records {
        head = head.then(&record.bytes);
        if (head.revision, head.hash) != (record.revision, record.hash) {
            return Err(differs(&format!("at revision {}", record.revision)));
        }
    }
    let bytes: Vec<Vec<u8>> = records.iter().map(|record| record.bytes.to_vec()).collect();
    near.append(near.head().revision, &bytes)?;
    Ok(())
}

/// What is here already has to be the beginning of what is there.
fn refuse_unless_beginning(far: &FarLog, here: Head, until: Head) -> Result<(), MigrateError> {
    let hash = match here.revision {
        0 => return Ok(()),
        revision if revision > until.revision => None,
        revision => far.records_from(revision)?.first().map(|record| record.hash),
    };
    if hash == Some(here.hash) {
        return Ok(());
    }
    let (place, revision) = ("the directory".to_owned(), here.revision);
    Err(MigrateError::OtherHistory { place, revision })
}
