//! The obligations of a log that several replicas share, held against a real etcd.

use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use countersign_control_plane::keystore::MasterKey;
use countersign_control_plane::log::{
    AppendError, CheckpointKey, Durability, EtcdAccess, EtcdConfig, EtcdLog, EventLog, OpenError,
    Standing,
};
use countersign_shared::id::LogId;

use crate::etcd::Etcd;
use crate::{LOG, append, bytes, read_all, records};

const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) fn open(etcd: &Etcd, directory: &Path) -> EtcdLog {
    try_open(etcd, directory, LOG).unwrap()
}

fn try_open(etcd: &Etcd, directory: &Path, log_id: LogId) -> Result<EtcdLog, OpenError> {
    let config = EtcdConfig {
        replica_ca: None,
        compact_after: None,
        access: EtcdAccess {
            endpoints: vec![etcd.endpoint()],
            files: countersign_transport::ClientFiles::default(),
            credentials: None,
        },
        prefix: "countersign".into(),
        advertise: format!("http://{}", directory.display()),
    };
    let name = directory.display().to_string();
    let joined = EtcdLog::join(&config, &directory.join("data"), log_id, &name)?;
    let key = CheckpointKey::derive(&MasterKey::from_bytes([3; 32]), LOG);
    EtcdLog::open(joined, key, Durability::Full)
}

fn eventually(what: &str, mut so: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !so() {
        assert!(begun.elapsed() < PATIENCE, "not within {PATIENCE:?}: {what}");
        thread::sleep(Duration::from_millis(10));
    }
}

fn leads(log: &EtcdLog) -> bool {
    matches!(log.standing(), Standing::Leading(_))
}

#[test]
fn a_replica_has_the_log_when_it_is_opened_again_and_leads_at_once() {
    let etcd = Etcd::start();
    let directory = tempfile::tempdir().unwrap();
    let mut expected = Vec::new();
    for round in 0..3 {
        let mut log = open(&etcd, directory.path());
        assert!(leads(&log));
        assert_eq!(read_all(log.reader().as_ref()), expected);
        append(&mut log, &records(45, round));
        append(&mut log, &[vec![round; 20_000]]);
        expected = read_all(log.reader().as_ref());
    }
    assert_eq!(expected.len(), 3 * 46);
}

#[test]
fn one_leads_and_the_other_follows_until_it_has_gone() {
    let etcd = Etcd::start();
    let (here, there) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let mut first = open(&etcd, here.path());
    append(&mut first, &records(40, 0));
    // Its own id counts for nothing: the log is there.
    let mut second = try_open(&etcd, there.path(), LogId::from_bytes([9; 16])).unwrap();
    assert_eq!((second.log_id(), second.head()), (LOG, first.head()));
    let refused = second.append(40, &records(1, 1)).unwrap_err();
    let address = format!("http://{}", here.path().display());
    assert!(
        matches!(&refused, AppendError::NotLeading { leader: Some(leader), .. } if *leader == address),
        "{refused}"
    );

    let mut pulse = second.pulse().unwrap();
    pulse.mark_unchanged();
    append(&mut first, &records(3, 2));
    eventually("a beat", || pulse.has_changed().unwrap());
    assert_eq!(second.follow().unwrap(), first.head());
    let everything = read_all(first.reader().as_ref());
    assert_eq!(read_all(second.reader().as_ref()), everything);

    drop(first);
    eventually("the second one leads", || leads(&second));
    append(&mut second, &records(2, 3));
    assert_eq!(bytes(&read_all(second.reader().as_ref())).len(), 45);
}

#[test]
fn while_etcd_is_away_nothing_is_appended_and_what_was_sent_is_settled() {
    let mut etcd = Etcd::start();
    let directory = tempfile::tempdir().unwrap();
    let mut log = open(&etcd, directory.path());
    append(&mut log, &records(3, 0));
    etcd.kill();
    let lost = log.append(3, &records(1, 1)).unwrap_err();
    assert!(matches!(lost, AppendError::Unavailable(_)), "{lost}");
    assert_eq!(read_all(log.reader().as_ref()).len(), 3, "reading goes on");
    assert!(matches!(log.append(3, &records(1, 1)), Err(AppendError::NotLeading { .. })));

    etcd.go_on();
    eventually("it leads again", || leads(&log));
    let head = log.follow().unwrap();
    assert!((3..=4).contains(&head.revision));
    append(&mut log, &records(2, 2));
    assert_eq!(log.head().revision, head.revision + 2);
}

#[test]
fn a_cluster_that_lost_what_its_copy_has_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let etcd = Etcd::start();
    append(&mut open(&etcd, directory.path()), &records(3, 0));

    let empty = Etcd::start();
    let refused = try_open(&empty, directory.path(), LOG).unwrap_err().to_string();
    assert!(refused.contains("there is none"), "{refused}");

    let (other, elsewhere) = (Etcd::start(), tempfile::tempdir().unwrap());
    append(&mut open(&other, elsewhere.path()), &records(2, 0));
    let refused = try_open(&other, directory.path(), LOG).unwrap_err().to_string();
    assert!(refused.contains("LOG_ROLLED_BACK"), "{refused}");
    append(&mut open(&other, elsewhere.path()), &records(5, 7));
    let refused = try_open(&other, directory.path(), LOG).unwrap_err().to_string();
    assert!(refused.contains("LOG_ROLLED_BACK"), "{refused}");

    let foreign = (Etcd::start(), tempfile::tempdir().unwrap());
    drop(try_open(&foreign.0, foreign.1.path(), LogId::from_bytes([8; 16])).unwrap());
    let refused = try_open(&foreign.0, directory.path(), LOG).unwrap_err().to_string();
    assert!(refused.contains("while"), "{refused}");
}
