//! Given what the replica holds, when a message comes, then this is the outcome.

use countersign_shared::digest::term;
use countersign_shared::key::SignatureKeyType;
use prost::Message;

use super::*;

const ENVIRONMENT: [u8; 16] = [0xe0; 16];
const OTHER_ENVIRONMENT: [u8; 16] = [0xe1; 16];

fn welcome(log_id: &str, resumed: bool) -> v1::Welcome {
    let served = |id: [u8; 16], name: &str| v1::ServedEnvironment {
        id: id.to_vec(),
        name: name.into(),
        ..Default::default()
    };
    v1::Welcome {
        log_id: log_id.into(),
        protocol_version: PROTOCOL_VERSION,
        bookmark_interval_ms: 1_000,
        environments: vec![served(ENVIRONMENT, "RELEASE"), served(OTHER_ENVIRONMENT, "TEST")],
        resumed,
        ..v1::Welcome::default()
    }
}

fn group(number: u8) -> v1::Change {
    change(
        v1::ResourceKind::Group,
        number,
        Some(v1::GroupResource { domains: vec![] }.encode_to_vec()),
    )
}

fn signer(number: u8, secret: &str) -> v1::Change {
    let signer = doubles::signer(number, SignatureKeyType::Hmac, "signature_key1", secret);
    change(v1::ResourceKind::Signer, number, Some(signer.encode_to_vec()))
}

fn binding(api: u8, key: u8) -> v1::Change {
    let binding = v1::BindingResource { signature_key_id: vec![key; 16] };
    change(v1::ResourceKind::Binding, api, Some(binding.encode_to_vec()))
}

fn removed(kind: v1::ResourceKind, number: u8) -> v1::Change {
    change(kind, number, None)
}

fn change(kind: v1::ResourceKind, number: u8, resource: Option<Vec<u8>>) -> v1::Change {
    v1::Change { kind: kind.into(), id: vec![number; 16], resource: resource.map(Into::into) }
}

fn changes(environment: [u8; 16], changes: Vec<v1::Change>) -> v1::EnvironmentChanges {
    v1::EnvironmentChanges {
        environment_id: environment.to_vec(),
        change_set: v1::ChangeSet { changes }.encode_to_vec().into(),
    }
}

fn delta(revision: u64, environments: Vec<v1::EnvironmentChanges>) -> v1::Delta {
    v1::Delta { revision, hash: vec![7], environments }
}

fn end(revision: u64) -> v1::SnapshotEnd {
    v1::SnapshotEnd { revision, hash: vec![6], digest: TableDigest::ZERO.as_bytes().to_vec() }
}

/// A replica that holds groups 1 in both environments, at revision 5 of log-a.
fn given() -> Replica {
    let mut replica = Replica::default();
    goes(&mut replica, &welcome("log-a", false)).unwrap();
    for environment in [ENVIRONMENT, OTHER_ENVIRONMENT] {
        replica.snapshot_chunk(&v1::SnapshotChunk {
            environments: vec![changes(environment, vec![group(1)])],
        });
    }
    acked(&replica.snapshot_end(&end(5)));
    assert_eq!(replica.take_changed(), Changed::All);
    replica
}

/// Welcomed with keys for all that is served.
fn goes(replica: &mut Replica, welcome: &v1::Welcome) -> Result<bool, Unwelcome> {
    replica.welcome(welcome, &doubles::delivery_keys(welcome))
}

fn acked(outcome: &Outcome) -> TableDigest {
    match outcome {
        Outcome::Ack { digest, .. } => *digest,
        Outcome::Nack { unusable, .. } => panic!("refused: {unusable:?}"),
    }
}

fn refused(outcome: Outcome) -> Unusable {
    match outcome {
        Outcome::Ack { .. } => panic!("not refused"),
        Outcome::Nack { unusable, .. } => unusable,
    }
}

#[test]
fn the_digest_is_the_sum_of_all_terms_of_all_environments() {
    let replica = given();
    let bytes = v1::GroupResource { domains: vec![] }.encode_to_vec();
    let terms = [ENVIRONMENT, OTHER_ENVIRONMENT]
        .map(|e| term(EnvironmentId::from_bytes(e), 1, &[1; 16], &bytes));
    assert_eq!(replica.digest(), TableDigest::ZERO.add(terms[0]).add(terms[1]));
}

#[test]
fn putting_again_replaces_and_removing_what_is_not_here_is_nothing() {
    let mut replica = given();
    let before = replica.digest();
    let first = delta(6, vec![changes(ENVIRONMENT, vec![signer(2, "signature_secret1")])]);
    let with_first = acked(&replica.delta(&first));
    let second = delta(7, vec![changes(ENVIRONMENT, vec![signer(2, "signature_secret2")])]);
    assert_ne!(acked(&replica.delta(&second)), with_first);
    let back = delta(8, vec![changes(ENVIRONMENT, vec![removed(v1::ResourceKind::Signer, 2)])]);
    assert_eq!(acked(&replica.delta(&back)), before);
    let nothing =
        delta(9, vec![changes(ENVIRONMENT, vec![removed(v1::ResourceKind::Signer, 200)])]);
    assert_eq!(acked(&replica.delta(&nothing)), before);
}

#[test]
fn within_one_delta_the_last_change_of_a_resource_counts() {
    let mut replica = given();
    let both = vec![
        changes(ENVIRONMENT, vec![signer(2, "signature_secret1"), binding(3, 2)]),
        changes(
            ENVIRONMENT,
            vec![removed(v1::ResourceKind::Binding, 3), signer(2, "signature_secret2")],
        ),
    ];
    acked(&replica.delta(&delta(6, both)));
    let environment = &replica.environments()[0];
    assert!(
        environment.get(Key::Binding(countersign_shared::id::ApiId::from_bytes([3; 16]))).is_none()
    );
    let Changed::Some(keys) = replica.take_changed() else { panic!("all changed") };
    assert_eq!(keys.len(), 2);
}

#[test]
fn a_refused_delta_changes_nothing_in_any_environment() {
    let mut replica = given();
    let before = replica.digest();
    let environments = vec![
        changes(ENVIRONMENT, vec![signer(2, "signature_secret1")]),
        changes(OTHER_ENVIRONMENT, vec![binding(3, 2)]),
    ];
    let unusable = refused(replica.delta(&delta(6, environments)));
    assert_eq!((unusable.kind, unusable.id), (v1::ResourceKind::Binding.into(), vec![3; 16]));
    assert!(
        unusable.reason.contains("signature key"),
        "a key of another environment does not count"
    );
    assert_eq!(replica.digest(), before);
    assert_eq!(replica.take_changed(), Changed::Some(vec![]));
    assert_eq!(replica.position().revision, 5);
}

#[test]
fn after_a_refusal_only_a_snapshot_helps() {
    let mut replica = given();
    refused(replica.delta(&delta(6, vec![changes(ENVIRONMENT, vec![binding(3, 2)])])));
    refused(replica.delta(&delta(7, vec![])));
    refused(replica.bookmark(&v1::Bookmark { revision: 8, ..v1::Bookmark::default() }));
    assert_eq!(replica.hello(), Position::default());
    goes(&mut replica, &welcome("log-a", false)).unwrap();
    acked(&replica.snapshot_end(&end(8)));
    assert_eq!(replica.hello().revision, 8);
    acked(&replica.delta(&delta(9, vec![])));
}

#[test]
fn what_others_need_cannot_go_alone() {
    let mut replica = given();
    acked(&replica.delta(&delta(
        6,
        vec![changes(ENVIRONMENT, vec![signer(2, "signature_secret1"), binding(3, 2)])],
    )));
    let both = |changed| delta(7, vec![changes(ENVIRONMENT, changed)]);
    let gone = removed(v1::ResourceKind::Signer, 2);
    acked(&replica.delta(&both(vec![gone.clone(), removed(v1::ResourceKind::Binding, 3)])));
    acked(&replica.delta(&delta(
        8,
        vec![changes(ENVIRONMENT, vec![signer(2, "signature_secret1"), binding(3, 2)])],
    )));
    let unusable = refused(replica.delta(&delta(9, vec![changes(ENVIRONMENT, vec![gone])])));
    assert_eq!(unusable.kind, i32::from(v1::ResourceKind::Binding));
}

#[test]
fn a_snapshot_is_refused_for_what_one_of_its_chunks_holds() {
    let mut replica = given();
    goes(&mut replica, &welcome("log-a", false)).unwrap();
    let bad = v1::Change { kind: 99, id: vec![1; 16], resource: None };
    replica
        .snapshot_chunk(&v1::SnapshotChunk { environments: vec![changes(ENVIRONMENT, vec![bad])] });
    replica.snapshot_chunk(&v1::SnapshotChunk {
        environments: vec![changes(ENVIRONMENT, vec![group(2)])],
    });
    let unusable = refused(replica.snapshot_end(&end(6)));
    assert!(unusable.reason.contains("does not know"), "{}", unusable.reason);
    assert_eq!((unusable.kind, replica.position().revision), (99, 5));
}

#[test]
fn a_new_stream_drops_what_an_earlier_one_staged() {
    let mut replica = given();
    goes(&mut replica, &welcome("log-a", false)).unwrap();
    replica.snapshot_chunk(&v1::SnapshotChunk {
        environments: vec![changes(ENVIRONMENT, vec![group(2)])],
    });
    goes(&mut replica, &welcome("log-a", true)).unwrap();
    acked(&replica.delta(&delta(6, vec![])));
    let key = Key::Group(countersign_shared::id::GroupId::from_bytes([2; 16]));
    assert!(replica.environments()[0].get(key).is_none());
}

#[test]
fn a_welcome_that_does_not_fit_is_not_gone_along_with() {
    let mut replica = Replica::default();
    let ours = String::new();
    let theirs = "log-a".to_owned();
    assert_eq!(
        goes(&mut replica, &welcome("log-a", true)),
        Err(Unwelcome::OtherLog { ours, theirs })
    );
    let mut replica = given();
    let other = v1::Welcome { protocol_version: 2, ..welcome("log-a", true) };
    assert_eq!(goes(&mut replica, &other), Err(Unwelcome::ProtocolVersion(2)));
    let mut other = welcome("log-a", true);
    other.environments.reverse();
    assert_eq!(goes(&mut replica, &other), Err(Unwelcome::OtherEnvironments));
    assert_eq!(goes(&mut replica, &welcome("log-a", true)), Ok(false));
    let (ours, theirs) = ("log-a".to_owned(), "log-b".to_owned());
    let foreign = Err(Unwelcome::ForeignLog { ours, theirs });
    assert_eq!(goes(&mut replica, &welcome("log-b", false)), foreign);
    assert_eq!(goes(&mut replica, &welcome("log-b", true)), foreign);
}

#[test]
fn another_epoch_of_the_log_is_another_log() {
    let restored = v1::Welcome { epoch: 2, ..welcome("log-a", false) };
    let mut replica = given();
    let (ours, theirs) = ("log-a".to_owned(), "log-a/2".to_owned());
    assert_eq!(goes(&mut replica, &restored), Err(Unwelcome::ForeignLog { ours, theirs }));
    let mut waits = given().accepting(Some("log-a/3".to_owned()));
    assert!(goes(&mut waits, &restored).is_err(), "only that epoch is accepted");
    for accepted in ["log-a", "log-a/2"] {
        let mut replica = given().keeping_encoded().accepting(Some(accepted.to_owned()));
        assert_eq!(goes(&mut replica, &restored), Ok(true));
        let end = v1::SnapshotEnd { revision: 1, hash: vec![1; 32], digest: vec![0; 32] };
        acked(&replica.snapshot_end(&end));
        let position = replica.hello();
        assert_eq!((position.epoch, position.revision), (2, 1), "{accepted}");
        let kept = replica.contents().unwrap().messages().next().unwrap().message;
        assert!(
            matches!(kept, Some(v1::subscribe_response::Message::Welcome(welcome)) if welcome.epoch == 2)
        );
        assert!(goes(&mut replica, &welcome("log-a", false)).is_err(), "it does not go back");
    }
}

#[test]
fn another_log_takes_its_place_where_it_is_accepted_and_only_once() {
    let mut replica = given();
    replica.accepted_log = Some("log-b".into());
    assert_eq!(replica.hello(), *replica.position(), "it stays a witness of its own log");
    assert_eq!(goes(&mut replica, &welcome("log-b", false)), Ok(true));
    acked(&replica.snapshot_end(&end(3)));
    assert_eq!(replica.hello().log_id, "log-b");
    assert_eq!(goes(&mut replica, &welcome("log-b", false)), Ok(false));
    assert!(refused(replica.snapshot_end(&end(2))).reason.contains("lies before 3"));
    assert!(goes(&mut replica, &welcome("log-a", false)).is_err());
}

#[test]
fn a_log_that_was_restored_under_its_own_id_goes_back_where_it_is_accepted() {
    let mut replica = given();
    replica.accepted_log = Some("log-a".into());
    assert_eq!(replica.hello(), Position::default(), "it wants a whole snapshot");
    assert_eq!(goes(&mut replica, &welcome("log-a", false)), Ok(false));
    acked(&replica.snapshot_end(&end(4)));
    assert_eq!(replica.position().revision, 4);
}

#[test]
fn a_control_plane_may_choose_any_version_that_is_spoken_here() {
    let mut replica = Replica::default();
    for version in [PROTOCOL_VERSION_MIN, PROTOCOL_VERSION] {
        let chosen = v1::Welcome { protocol_version: version, ..welcome("log-a", false) };
        assert_eq!(goes(&mut replica, &chosen), Ok(false));
    }
    for version in [PROTOCOL_VERSION_MIN - 1, PROTOCOL_VERSION + 1] {
        let chosen = v1::Welcome { protocol_version: version, ..welcome("log-a", false) };
        assert_eq!(goes(&mut replica, &chosen), Err(Unwelcome::ProtocolVersion(version)));
    }
}

/// A field of a later version counts in the digest as it came, and changes nothing else.
#[test]
fn a_field_that_is_not_known_yet_never_makes_tables_differ() {
    let mut replica = given();
    let mut encoded = v1::GroupResource { domains: vec![] }.encode_to_vec();
    encoded.extend([0x9a, 0x01, 0x03, b'n', b'e', b'w']); // field 19, three bytes
    let newer = change(v1::ResourceKind::Group, 2, Some(encoded.clone()));
    let before = replica.digest();
    let digest = acked(&replica.delta(&delta(6, vec![changes(ENVIRONMENT, vec![newer])])));
    let id = EnvironmentId::from_bytes(ENVIRONMENT);
    assert_eq!(digest, before.add(term(id, 1, &[2; 16], &encoded)));
}

#[test]
fn a_sealed_secret_that_was_forged_or_moved_is_refused_and_changes_nothing() {
    let mut replica = given();
    let signed = |change: &dyn Fn(&mut v1::SignerResource)| {
        let mut signer =
            doubles::signer(2, SignatureKeyType::Hmac, "signature_key1", "signature_secret1");
        change(&mut signer);
        signer
    };
    let other = doubles::signer(3, SignatureKeyType::Hmac, "signature_key1", "signature_secret1");
    let forged = [
        signed(&|s| s.sealed_secret[0] ^= 1),
        signed(&|s| s.sealed_secret.clear()),
        signed(&|s| s.key = "signature_key2".into()),
        signed(&|s| s.r#type = v1::SignatureKeyType::Basic.into()),
        signed(&|s| s.secret_version = 2),
        signed(&|s| s.secret_id = vec![9; 16]),
        signed(&|s| s.secret_id = vec![2; 15]),
        other,
    ];
    for signer in forged {
        goes(&mut replica, &welcome("log-a", false)).unwrap();
        acked(&replica.snapshot_end(&end(5)));
        let change = change(v1::ResourceKind::Signer, 2, Some(signer.encode_to_vec()));
        let unusable = refused(replica.delta(&delta(6, vec![changes(ENVIRONMENT, vec![change])])));
        assert_eq!(unusable.id, [2; 16]);
        assert!(unusable.reason.contains("secret"), "{}", unusable.reason);
        assert!(!unusable.reason.contains("signature_secret1"), "{}", unusable.reason);
        assert_eq!(replica.digest(), TableDigest::ZERO);
    }
}

#[test]
fn without_a_delivery_key_no_secret_is_used_and_one_that_is_held_stays_in_use() {
    let mut replica = Replica::default();
    replica.welcome(&welcome("log-a", false), &DeliveryKeys::new()).unwrap();
    assert_eq!(replica.without_delivery_key(), Some("RELEASE"));
    acked(&replica.snapshot_end(&end(5)));
    let first = delta(6, vec![changes(ENVIRONMENT, vec![signer(2, "signature_secret1")])]);
    assert!(refused(replica.delta(&first)).reason.contains("no delivery key"));

    let mut replica = given();
    replica.welcome(&welcome("log-a", true), &DeliveryKeys::new()).unwrap();
    assert_eq!(replica.without_delivery_key(), None);
    acked(&replica.delta(&first));
}
