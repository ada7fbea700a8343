//! A migration that is stopped at each of its steps, or killed: the next call goes on, and there is no
//! moment at which a control plane would start on both sides.

use std::path::Path;
use std::sync::Arc;

use countersign_control_plane::keystore::{MasterKey, MasterKeySource, checkpoint_seed};
use countersign_control_plane::log::{
    CheckpointKey, DataDir, Durability, EtcdAccess, EtcdConfig, EtcdLog, EventLog as _, LocalLog,
    StillLog,
};
use countersign_control_plane::migrate::{
    self, Doing, MigrateError, Migration, Moved, Progress, Report,
};
use countersign_proto::convert::record_to_proto;
use countersign_proto::v1::DeleteSignatureKeyRequest;
use countersign_shared::event::{EnvironmentFields, Event, Origin, Record};
use countersign_shared::id::{EnvironmentId, LogId};
use countersign_shared::stamp::Stamp;
use countersign_shared::text::{ActedAs, Actor, EnvironmentName, Reason, Remark};
use countersign_tests::{Backend, Etcd, Process, eventually};
use prost::Message as _;

use super::{Kept, etcd_place, exists, has, keys_in, signs};
use crate::{ORDERS, RELEASE, REPORTS};

/// So many appends of these in etcd, at least three.
const MORE_EVENTS: u64 = 9_000;
const STEPS_MAX: usize = 60;

impl Kept {
    /// Adds events until there is something to stop in the middle of.
    pub(super) fn grow(&mut self, name: &str) {
        let path = self.path(name);
        let log_id = StillLog::id_at(&path).unwrap();
        let master = MasterKey::load(&self.path("master.key")).unwrap();
        let seed = checkpoint_seed(&path, &master, log_id).unwrap();
        let dir = DataDir::open(&path, log_id).unwrap();
        let key = CheckpointKey::from_seed(&seed, log_id);
        let mut log = LocalLog::open(dir, key, Durability::Full).unwrap();
        let first = log.head().revision + 1;
        let records: Vec<Vec<u8>> = (first..first + MORE_EVENTS).map(record).collect();
        for records in records.chunks(1_000) {
            log.append(log.head().revision, records).unwrap();
        }
        self.revision = log.head().revision;
    }

    pub(super) fn migration(&self, endpoints: &[String], name: &str) -> Migration {
        Migration {
            data_dir: self.path(name),
            etcd: config(endpoints),
            master_key: Some(MasterKeySource::File(self.path("master.key"))),
        }
    }

    /// Whether a control plane would go on from what is in etcd.
    fn starts_on_etcd(&self, etcd: &Etcd) -> bool {
        let directory = tempfile::tempdir_in(self.scratch.path()).unwrap();
        let joined = EtcdLog::join(
            &config(&[etcd.endpoint()]),
            directory.path(),
            LogId::from_bytes([9; 16]),
            "x",
        );
        joined.is_ok()
    }
}

fn config(endpoints: &[String]) -> EtcdConfig {
    let (endpoints, files) = (endpoints.to_vec(), countersign_transport::ClientFiles::default());
    EtcdConfig {
        access: EtcdAccess { endpoints, files, credentials: None },
        prefix: "countersign".into(),
        advertise: String::new(),
        replica_ca: None,
        compact_after: None,
    }
}

fn record(revision: u64) -> Vec<u8> {
    let origin = Arc::new(Origin {
        role: ActedAs::default(),
        actor: Actor::parse("filler").unwrap(),
        source: String::new(),
        request: None,
        reason: Reason::default(),
    });
    let fields = EnvironmentFields {
        id: EnvironmentId::from_bytes([8; 16]),
        name: EnvironmentName::parse("TEST").unwrap(),
        remark: Remark::parse(&format!("round {revision}")).unwrap(),
    };
    // In the future, as the next control plane sees it: time in a log never runs backwards.
    let at = Stamp { revision, time_ms: 4_000_000_000_000 };
    let event = Event::EnvironmentUpdated(fields);
    record_to_proto(&Record { at, origin, first_revision: revision, event }).encode_to_vec()
}

/// Runs it so that it stops at its first step, then at its second, and so on until it comes to its
/// end. `between` looks at what was left each time.
fn stopped_at_each_step(
    mut migrate: impl FnMut(Report<'_>) -> Result<Moved, MigrateError>,
    mut between: impl FnMut(),
) -> Moved {
    for steps in 0..STEPS_MAX {
        let mut left = steps;
        let moved = migrate(&mut |_| {
            let goes_on = left > 0;
            left = left.saturating_sub(1);
            goes_on
        });
        match moved {
            Ok(moved) => {
                assert!(steps >= 6, "there was nothing to stop");
                return moved;
            }
            Err(MigrateError::Stopped) => between(),
            Err(error) => panic!("after {steps} steps: {error}"),
        }
    }
    panic!("it does not come to its end");
}

fn is_marked(directory: &Path) -> bool {
    exists(&directory.join("replica"))
}

#[tokio::test]
async fn a_migration_goes_on_wherever_it_was_stopped_and_both_sides_never_start() {
    let (etcd, backend) = (Etcd::start(), Backend::start().await);
    let mut kept = Kept::make(&backend).await;
    let first = kept.revision;
    kept.grow("one");
    let (one, two) = (kept.path("one"), kept.path("two"));
    let kept = tokio::task::spawn_blocking(move || {
        let there = kept.migration(&[etcd.endpoint()], "one");
        let moved = stopped_at_each_step(
            |report| migrate::to_etcd(&there, report),
            // Before it has begun there is nothing, which another log may take.
            || assert!(!has(&etcd, "countersign/moving") || !kept.starts_on_etcd(&etcd)),
        );
        assert!(is_marked(&one) && kept.starts_on_etcd(&etcd));
        assert_eq!(moved.head.revision, kept.revision);

        let back = kept.migration(&[etcd.endpoint()], "two");
        let again = stopped_at_each_step(
            |report| migrate::from_etcd(&back, report),
            || assert!(is_marked(&two), "while etcd may still be gone on from"),
        );
        assert!(!is_marked(&two) && !kept.starts_on_etcd(&etcd));
        let same =
            |moved: &Moved| (moved.log_id, moved.epoch, moved.head, moved.state_digest.clone());
        assert_eq!(same(&again), same(&moved));
        kept
    });
    let kept = kept.await.unwrap();
    kept.verify_directory("two");
    let plane = kept.start("two", None).await;
    signs(&plane, &backend, ORDERS, first).await;
}

#[tokio::test]
async fn a_log_that_goes_on_by_itself_after_a_stop_is_moved_with_what_it_has_then() {
    let (etcd, backend) = (Etcd::start(), Backend::start().await);
    let mut kept = Kept::make(&backend).await;
    kept.grow("one");
    let there = kept.migration(&[etcd.endpoint()], "one");
    let stopped = tokio::task::spawn_blocking(move || {
        let begun = |progress: Progress| progress.doing != Doing::Copying || progress.revision == 0;
        let stopped = migrate::to_etcd(&there, &mut { begun });
        (stopped, etcd)
    });
    let (stopped, etcd) = stopped.await.unwrap();
    assert!(matches!(stopped, Err(MigrateError::Stopped)), "{stopped:?}");
    assert!(has(&etcd, "countersign/head") && !has(&etcd, "countersign/identity"));

    let mut plane = kept.start("one", None).await;
    let management = plane.management();
    management.create_key(&REPORTS).await;
    let revision = management.rebind("reports", "orders", RELEASE).await;
    let forgotten =
        DeleteSignatureKeyRequest { signature_key: "orders".into(), ..Default::default() };
    management.signature_keys().delete_signature_key(forgotten).await.unwrap();
    plane.process.stop().await;
    let moved = kept.migrated(&kept.sled("one"), &etcd_place(&etcd));
    assert_eq!(moved["secrets"], 1, "{moved}");
    assert!(moved["copied"].as_u64().unwrap() < moved["revision"].as_u64().unwrap());
    assert_eq!(keys_in(&etcd), 1, "of the deleted one nothing is there any more");
    let plane = kept.start("two", Some(&etcd)).await;
    signs(&plane, &backend, REPORTS, revision).await;
}

#[tokio::test]
async fn while_etcd_is_away_a_migration_waits_a_moment_and_goes_on_when_it_is_called_again() {
    let (mut etcd, backend) = (Etcd::start(), Backend::start().await);
    let mut kept = Kept::make(&backend).await;
    kept.grow("one");
    let there = kept.migration(&[etcd.endpoint()], "one");
    let kept = tokio::task::spawn_blocking(move || {
        let ended = migrate::to_etcd(&there, &mut |progress| {
            if progress.doing == Doing::Copying && progress.revision > 0 {
                etcd.kill();
            }
            true
        });
        let error = ended.unwrap_err();
        assert!(matches!(error, MigrateError::Etcd(_)), "{error}");
        assert!(!is_marked(&there.data_dir), "nothing is given up");
        etcd.go_on();
        let moved = migrate::to_etcd(&there, &mut |_| true).unwrap();
        assert!(moved.copied < moved.head.revision, "some was there");
        assert!(kept.starts_on_etcd(&etcd));
        kept
    });
    kept.await.unwrap().verify_directory("one");
}

#[tokio::test]
async fn a_migration_that_is_killed_is_finished_by_the_same_command() {
    let (etcd, backend) = (Etcd::start(), Backend::start().await);
    let mut kept = Kept::make(&backend).await;
    kept.grow("one");
    let (here, there) = (kept.sled("one"), etcd_place(&etcd));
    let master = kept.path("master.key");
    let master = master.to_str().unwrap();
    let killed = async |from: &str, to: &str, begun: &dyn Fn() -> bool| {
        let args = ["log", "migrate", "--from", from, "--to", to, "--master-key-file", master];
        let mut process = Process::spawn(&args, &kept.path("killed.log"));
        eventually("it has begun", async || begun().then_some(())).await;
        process.kill();
    };
    killed(&here, &there, &|| has(&etcd, "countersign/head")).await;
    let moved = kept.migrated(&here, &there);
    assert_eq!(moved["revision"], kept.revision);
    let back = kept.sled("two");
    killed(&there, &back, &|| exists(&kept.path("two/keystore"))).await;
    let again = kept.migrated(&there, &back);
    assert_eq!(again["hash"], moved["hash"]);
    assert_eq!(again["state_digest"], moved["state_digest"]);
    kept.verify_directory("two");
}
