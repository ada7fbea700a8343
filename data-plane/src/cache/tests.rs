//! Given a cache, when it is read, then it is the table that was sealed, or refused with the reason.

use countersign_proto::v1;
use countersign_proto::v1::subscribe_response::Message as FromPlane;
use countersign_shared::key::SignatureKeyType;
use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use prost::Message as _;

use super::format::{Head, SALT_BYTES, seal};
use super::*;
use crate::replica::{Outcome, Replica, doubles};

const SECRET: &str = "a_secret_that_never_rests_plain";
const NOW_MS: i64 = 1_795_435_200_000;

#[path = "../../../tests/tests/parsers/edits.rs"]
mod edits;
use edits::{changed, edits};

fn key(byte: u8) -> Arc<CacheKey> {
    Arc::new(CacheKey::parse(&[byte; KEY_BYTES]).unwrap())
}

/// A replica with a signature key in its one environment.
fn replica() -> Replica {
    let environment = [0xe0; 16];
    let signer = doubles::signer(3, SignatureKeyType::Hmac, "signature_key1", SECRET);
    let change = v1::Change {
        kind: v1::ResourceKind::Signer.into(),
        id: vec![3; 16],
        resource: Some(signer.encode_to_vec().into()),
    };
    let change_set = v1::ChangeSet { changes: vec![change] }.encode_to_vec().into();
    let environments =
        vec![v1::EnvironmentChanges { environment_id: environment.to_vec(), change_set }];
    let mut replica = Replica::default().keeping_encoded();
    let served = v1::ServedEnvironment {
        id: environment.to_vec(),
        name: "RELEASE".into(),
        ..Default::default()
    };
    let welcome = v1::Welcome {
        log_id: "log-a".into(),
        protocol_version: 1,
        environments: vec![served],
        ..v1::Welcome::default()
    };
    replica.welcome(&welcome, &doubles::delivery_keys(&welcome)).unwrap();
    replica.snapshot_chunk(&v1::SnapshotChunk { environments });
    replica.snapshot_end(&v1::SnapshotEnd { revision: 7, hash: vec![9; 32], digest: vec![] });
    replica
}

fn head() -> Head {
    Head {
        log_id: "log-a".into(),
        revision: 7,
        environments: vec!["RELEASE".into()],
        written_at_ms: NOW_MS,
    }
}

fn sealed() -> Vec<u8> {
    let mut out = Vec::new();
    let contents = replica().contents().unwrap();
    let (keys, messages) = (contents.delivery_keys(), contents.messages());
    seal(&head(), &keys, messages, &key(1), &[5; SALT_BYTES], &mut out).unwrap();
    out
}

/// A cache file with these bytes, read by a node of these environments at this time.
fn load(bytes: &[u8], environments: &[&str], now_ms: i64) -> Result<Option<Opened>, CacheRefused> {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("cache");
    std::fs::write(&file, bytes).unwrap();
    let cache = Cache { file, key: key(1), age_max: Duration::from_hours(1) };
    let environments: Vec<String> = environments.iter().map(|&name| name.to_owned()).collect();
    cache.load(&environments, now_ms)
}

#[test]
fn what_is_read_brings_another_replica_to_the_same() {
    let opened = load(&sealed(), &["RELEASE"], NOW_MS).unwrap().unwrap();
    assert_eq!(opened.head, head());
    let mut copy = Replica::default();
    for message in opened.messages {
        match message.message.unwrap() {
            FromPlane::Welcome(welcome) => {
                assert_eq!(copy.welcome(&welcome, &opened.keys), Ok(false));
            }
            FromPlane::SnapshotChunk(chunk) => copy.snapshot_chunk(&chunk),
            FromPlane::SnapshotEnd(end) => {
                let outcome = copy.snapshot_end(&end);
                assert!(matches!(outcome, Outcome::Ack { digest_differs: false, .. }));
            }
            other => panic!("a cache has no {other:?}"),
        }
    }
    assert_eq!(copy.position(), replica().position());
    assert_eq!(copy.digest(), replica().digest());
}

#[test]
fn no_byte_can_be_changed_and_none_left_out() {
    let sealed = sealed();
    for at in 0..sealed.len() {
        for change in [0x01, 0x80] {
            let mut changed = sealed.clone();
            changed[at] ^= change;
            assert!(open(&changed, &key(1)).is_err(), "byte {at} of {}", sealed.len());
        }
        assert!(open(&sealed[..at], &key(1)).is_err(), "cut off at {at}");
    }
    let longer = [sealed.as_slice(), b"\0\0\0\0"].concat();
    assert!(open(&longer, &key(1)).is_err());
    assert!(open(&sealed, &key(1)).is_ok());
}

proptest! {
    #![proptest_config(ProptestConfig {
        rng_seed: RngSeed::Fixed(1),
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn a_changed_cache_is_refused(edits in edits(4)) {
        let good = sealed();
        let bytes = changed(&good, &edits);
        prop_assert_eq!(open(&bytes, &key(1)).is_ok(), bytes == good);
    }
}

#[test]
fn a_secret_is_never_plain() {
    let sealed = sealed();
    let plain = |text: &[u8]| sealed.windows(text.len()).any(|window| window == text);
    assert!(!plain(SECRET.as_bytes()) && !plain(b"signature_key1"));
    assert!(!plain(doubles::delivery_key().bytes()), "nor the key that opens it");
    assert!(plain(b"log-a"), "what it is of can be seen");
    let shown = format!("{:?}", replica());
    assert!(!shown.contains(SECRET), "{shown}");
    assert_eq!(format!("{:?}", key(1)), "CacheKey(redacted)");
}

#[test]
fn another_key_opens_nothing() {
    assert!(matches!(open(&sealed(), &key(2)), Err(CacheRefused::NotAuthentic)));
}

#[test]
fn a_cache_that_may_not_be_signed_with_is_refused_with_the_reason() {
    let hour_ms = 60 * 60 * 1000;
    let told = |refused: Result<Option<Opened>, CacheRefused>| refused.unwrap_err().to_string();
    assert!(load(&sealed(), &["RELEASE"], NOW_MS + hour_ms).is_ok());
    let too_old = told(load(&sealed(), &["RELEASE"], NOW_MS + hour_ms + 1));
    assert_eq!(too_old, "it is 3600.001s old, and at most 3600s are allowed");
    let early = told(load(&sealed(), &["RELEASE"], NOW_MS - hour_ms));
    assert!(early.contains("in the future"), "{early}");
    let other = told(load(&sealed(), &["STAGING", "RELEASE"], NOW_MS));
    assert_eq!(other, "it is of the environments RELEASE, and this node serves STAGING, RELEASE");
    assert!(told(load(b"", &["RELEASE"], NOW_MS)).contains("not a cache"));
}

#[test]
fn a_key_is_64_digits_or_32_bytes() {
    let digits = "0f".repeat(KEY_BYTES);
    for text in [digits.clone(), format!("{digits}\n"), digits.to_uppercase()] {
        assert_eq!(*CacheKey::parse(text.as_bytes()).unwrap().0, [0x0f; KEY_BYTES]);
    }
    for text in ["", "0f", "not a key at all, although it has 64 characters, which is the length"] {
        assert!(CacheKey::parse(text.as_bytes()).is_none(), "{text}");
    }
}
