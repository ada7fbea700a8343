//! Given what a relay keeps, when a message comes, then this is served.

use super::*;

const ENVIRONMENT: [u8; 16] = [0xe0; 16];
const LOG: [u8; 16] = [1; 16];

fn welcome(log: [u8; 16], resumed: bool) -> v1::Welcome {
    v1::Welcome {
        log_id: LogId::from_bytes(log).to_string(),
        protocol_version: PROTOCOL_VERSION,
        environments: vec![v1::ServedEnvironment {
            id: ENVIRONMENT.to_vec(),
            name: "RELEASE".into(),
            ..Default::default()
        }],
        resumed,
        ..Default::default()
    }
}

fn put(number: u8, bytes: &[u8]) -> v1::Change {
    let resource = Some(Bytes::copy_from_slice(bytes));
    v1::Change { kind: v1::ResourceKind::Signer.into(), id: vec![number; 16], resource }
}

fn changes(environment: [u8; 16], changes: Vec<v1::Change>) -> Vec<v1::EnvironmentChanges> {
    let change_set = v1::ChangeSet { changes }.encode_to_vec().into();
    vec![v1::EnvironmentChanges { environment_id: environment.to_vec(), change_set }]
}

fn delta(revision: u64, environments: Vec<v1::EnvironmentChanges>) -> FromPlane {
    FromPlane::Delta(v1::Delta { revision, hash: vec![7; 32], environments })
}

fn bookmark(revision: u64) -> FromPlane {
    FromPlane::Bookmark(v1::Bookmark { revision, hash: vec![8; 32], ..Default::default() })
}

fn end(revision: u64) -> FromPlane {
    FromPlane::SnapshotEnd(v1::SnapshotEnd { revision, hash: vec![6; 32], ..Default::default() })
}

/// With one resource, at revision 5.
fn given() -> Tables {
    let mut tables = Tables::default();
    tables.welcome(&welcome(LOG, false)).unwrap();
    let chunk = v1::SnapshotChunk { environments: changes(ENVIRONMENT, vec![put(1, b"one")]) };
    assert!(tables.apply(FromPlane::SnapshotChunk(chunk)).is_none());
    assert!(served(&mut tables, end(5)).entry.is_none(), "nobody goes on over a snapshot");
    tables
}

fn served(tables: &mut Tables, message: FromPlane) -> Served {
    let brought = tables.apply(message).unwrap();
    brought.served.unwrap_or_else(|| panic!("refused: {:?}", brought.outcome))
}

fn refused(tables: &mut Tables, message: FromPlane) -> String {
    match tables.apply(message).unwrap().outcome {
        Outcome::Nack { unusable, .. } => unusable.reason,
        Outcome::Ack { revision, .. } => panic!("{revision} is not refused"),
    }
}

fn held(view: &View) -> Vec<v1::Change> {
    let chunks = view.chunks(EnvironmentId::from_bytes(ENVIRONMENT)).unwrap();
    let sets = chunks.into_iter().flat_map(|chunk| chunk.environments);
    sets.flat_map(|of| v1::ChangeSet::decode(of.change_set).unwrap().changes).collect()
}

#[test]
fn a_delta_is_passed_on_as_it_came_and_kept() {
    let mut tables = given();
    let came = changes(ENVIRONMENT, vec![put(2, b"two")]);
    let Served { view, entry } = served(&mut tables, delta(7, came.clone()));
    let entry = entry.unwrap();
    assert_eq!((entry.after, entry.head.revision), (5, 7));
    let id = EnvironmentId::from_bytes(ENVIRONMENT);
    assert_eq!(entry.changes[&id], came[0].change_set);
    let kind = v1::ResourceKind::Signer as u8;
    let terms = [(1, &b"one"[..]), (2, b"two")].map(|(n, bytes)| term(id, kind, &[n; 16], bytes));
    assert_eq!(view.digest(), TableDigest::ZERO.add(terms[0]).add(terms[1]));
    assert_eq!(view.tip.digests.of(&[id]), view.digest());

    let gone = v1::Change { resource: None, ..put(1, b"") };
    let Served { view, .. } = served(&mut tables, delta(8, changes(ENVIRONMENT, vec![gone])));
    assert_eq!(held(&view), [put(2, b"two")]);
    assert_eq!(view.digest(), TableDigest::ZERO.add(terms[1]));
}

#[test]
fn a_bookmark_moves_the_streams_on_and_one_of_the_same_revision_does_not() {
    let mut tables = given();
    let entry = served(&mut tables, bookmark(9)).entry.unwrap();
    assert_eq!((entry.after, entry.head.revision, entry.changes.len()), (5, 9, 0));
    assert!(served(&mut tables, bookmark(9)).entry.is_none());
    assert_eq!(tables.position().revision, 9);
}

#[test]
fn what_cannot_be_used_changes_nothing_and_a_snapshot_helps() {
    let mut tables = given();
    let two = vec![put(2, b"two")];
    let mut both = changes(ENVIRONMENT, two.clone());
    both.extend(changes([9; 16], two.clone()));
    assert!(refused(&mut tables, delta(6, both)).contains("does not serve"));
    assert_eq!(tables.position(), Position::default(), "it wants a snapshot");
    assert!(refused(&mut tables, bookmark(7)).contains("needs a snapshot"));
    assert_eq!(tables.view.as_ref().unwrap().tip.head.revision, 5, "what is served stays");
    tables.welcome(&welcome(LOG, false)).unwrap();
    assert!(refused(&mut tables, end(4)).contains("lies before 5"), "not even by a snapshot");
    let chunk = v1::SnapshotChunk { environments: changes(ENVIRONMENT, two) };
    tables.apply(FromPlane::SnapshotChunk(chunk));
    assert_eq!(held(&served(&mut tables, end(6)).view), [put(2, b"two")]);
}

#[test]
fn a_relay_has_one_log_and_goes_on_only_with_its_own_environments() {
    let mut tables = Tables::default();
    assert!(tables.welcome(&welcome(LOG, true)).is_err(), "there is nothing to go on from");
    let mut tables = given();
    let other = tables.welcome(&welcome([2; 16], false));
    assert!(matches!(other, Err(Unwelcome::ForeignRelayedLog { .. })), "{other:?}");
    let mut fewer = welcome(LOG, true);
    fewer.environments.clear();
    assert_eq!(tables.welcome(&fewer), Err(Unwelcome::OtherEnvironments));
    assert_eq!(tables.welcome(&welcome(LOG, true)), Ok(()));
    served(&mut tables, delta(6, vec![]));
}
