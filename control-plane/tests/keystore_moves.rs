//! Forgetting, and going over to another master key: what opens afterwards, what does not, and that a
//! crash at any step loses nothing.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};

use countersign_control_plane::keystore::{
    DataKey, Keystore, KeystoreError, MasterKey, UnsealError, checkpoint_seed,
};
use countersign_control_plane::log::CheckpointKey;
use countersign_shared::id::{KeyId, LogId, SecretId};
use countersign_shared::secret::Secret;
use tempfile::TempDir;

const LOG: LogId = LogId::from_bytes([1; 16]);
const KEY: KeyId = KeyId::from_bytes([2; 16]);

fn old_master() -> MasterKey {
    MasterKey::from_bytes([3; 32])
}

fn new_master() -> MasterKey {
    MasterKey::from_bytes([4; 32])
}

fn secret_id(number: u16) -> SecretId {
    let mut id = [0; 16];
    id[..2].copy_from_slice(&number.to_be_bytes());
    SecretId::from_bytes(id)
}

fn path_in(directory: &Path) -> PathBuf {
    directory.join("keystore")
}

fn open(directory: &Path, master: &MasterKey) -> Result<Keystore, KeystoreError> {
    Keystore::open(&path_in(directory), master, LOG)
}

/// A keystore with the secrets 0 to `count`, and their ciphertexts.
fn filled(count: u16) -> (TempDir, Keystore, Vec<Vec<u8>>) {
    let directory = tempfile::tempdir().unwrap();
    let mut keystore = open(directory.path(), &old_master()).unwrap();
    let sealer = keystore.sealer();
    let sealed = (0..count).map(|number| {
        let secret = Secret::new(format!("secret number {number}"));
        let sealed = sealer.seal(KEY, secret_id(number), &secret).unwrap();
        (sealed.data_key, sealed.ciphertext)
    });
    let (data_keys, ciphertexts): (Vec<DataKey>, _) = sealed.unzip();
    keystore.put(&data_keys).unwrap();
    (directory, keystore, ciphertexts)
}

fn opens(keystore: &Keystore, number: u16, ciphertexts: &[Vec<u8>]) -> bool {
    let opened =
        keystore.sealer().unseal(KEY, secret_id(number), &ciphertexts[usize::from(number)]);
    match opened {
        Ok(secret) => secret == Secret::new(format!("secret number {number}")),
        Err(error) => {
            assert!(matches!(error, UnsealError::NoDataKey(_)), "{error}");
            false
        }
    }
}

/// The files of a directory as a process that is killed now leaves them.
fn copy(from: &Path) -> TempDir {
    let to = tempfile::tempdir().unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let from = entry.unwrap().path();
        fs::copy(&from, to.path().join(from.file_name().unwrap())).unwrap();
    }
    to
}

fn names(directory: &Path) -> Vec<String> {
    let entries = fs::read_dir(directory).unwrap();
    let mut names: Vec<_> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn a_forgotten_secret_is_gone_and_the_others_stay() {
    let (directory, mut keystore, ciphertexts) = filled(3);
    let before = copy(directory.path());
    let living = HashSet::from([secret_id(0), secret_id(2)]);
    assert_eq!(keystore.forget_all_but(&living).unwrap(), 1);
    assert_eq!(keystore.forget_all_but(&living).unwrap(), 0, "it has been");
    let one_more = keystore.sealer().seal(KEY, secret_id(9), &Secret::new("more".into())).unwrap();
    keystore.put(&[one_more.data_key]).unwrap();
    for keystore in [keystore, open(directory.path(), &old_master()).unwrap()] {
        assert_eq!([0, 1, 2].map(|n| opens(&keystore, n, &ciphertexts)), [true, false, true]);
        assert!(keystore.sealer().contains(secret_id(9)));
    }
    assert_eq!(names(directory.path()), ["keyring", "keystore"]);

    // A copy of the keystore alone, with the keyring and the master key of now.
    fs::copy(path_in(before.path()), path_in(directory.path())).unwrap();
    let refused = open(directory.path(), &old_master()).unwrap_err();
    assert!(matches!(refused, KeystoreError::OtherEpoch { epoch: 1, .. }), "{refused}");
    // A copy of both opens with the master key of then: that is what a rotation is for.
    assert!(opens(&open(before.path(), &old_master()).unwrap(), 1, &ciphertexts));
}

#[test]
fn a_rotation_that_is_killed_at_any_step_loses_nothing_and_is_finished_later() {
    let (directory, mut keystore, ciphertexts) = filled(20);
    let checkpoints = keystore.checkpoint_seed();
    let mut killed = vec![copy(directory.path())];
    keystore.rotate(&new_master(), &mut || killed.push(copy(directory.path()))).unwrap();
    assert_eq!(killed.len(), 13, "a fixed number of steps, however many secrets there are");

    let mut under_new = 0;
    for left in &killed {
        let mut keystore = match open(left.path(), &old_master()) {
            Ok(keystore) => keystore,
            Err(KeystoreError::WrongMasterKey(_)) => {
                under_new += 1;
                open(left.path(), &new_master()).unwrap()
            }
            Err(error) => panic!("{error}"),
        };
        assert!((0..20).all(|number| opens(&keystore, number, &ciphertexts)));
        if !keystore.is_under(&new_master()) {
            keystore.rotate(&new_master(), &mut || {}).unwrap();
        }
        drop(keystore);
        let keystore = open(left.path(), &new_master()).unwrap();
        assert!((0..20).all(|number| opens(&keystore, number, &ciphertexts)));
        assert_eq!(keystore.checkpoint_seed(), checkpoints, "what auditors have pinned stays");
        assert_eq!(keystore.master_number(), 2);
        let refused = open(left.path(), &old_master()).unwrap_err();
        assert!(matches!(refused, KeystoreError::WrongMasterKey(_)), "{refused}");
        assert_eq!(names(left.path()), ["keyring", "keystore"]);
    }
    assert!((2..12).contains(&under_new), "{under_new}");
}

#[test]
fn forgetting_that_is_killed_at_any_step_forgets_or_can_be_asked_again() {
    let (directory, mut keystore, ciphertexts) = filled(3);
    let living = HashSet::from([secret_id(0), secret_id(2)]);
    // What forgets and what rotates are the same steps; here each is followed by an opening that
    // forgets, as every start of a control plane is.
    let mut killed = vec![];
    keystore.rotate(&old_master(), &mut || killed.push(copy(directory.path()))).unwrap();
    for left in &killed {
        let mut keystore = open(left.path(), &old_master()).unwrap();
        keystore.forget_all_but(&living).unwrap();
        assert_eq!([0, 1, 2].map(|n| opens(&keystore, n, &ciphertexts)), [true, false, true]);
        assert_eq!(names(left.path()), ["keyring", "keystore"]);
    }
}

#[test]
fn after_a_rotation_older_copies_need_the_older_master_key() {
    let (directory, mut keystore, _) = filled(1);
    let before = copy(directory.path());
    keystore.rotate(&new_master(), &mut || {}).unwrap();
    assert!(matches!(open(before.path(), &new_master()), Err(KeystoreError::WrongMasterKey(_))));
    // Somebody who has the older master key and the older files, and the newer files beside them.
    fs::copy(before.path().join("keyring"), directory.path().join("keyring")).unwrap();
    let refused = open(directory.path(), &old_master()).unwrap_err();
    assert!(matches!(refused, KeystoreError::OtherEpoch { epoch: 2, .. }), "{refused}");
}

#[test]
fn a_keystore_from_before_there_were_keyrings_is_brought_up_to_date() {
    let mut golden = include_str!("keystore_golden.txt")
        .lines()
        .map(|line| data_encoding::HEXLOWER.decode(line.as_bytes()).unwrap());
    let directory = tempfile::tempdir().unwrap();
    fs::write(path_in(directory.path()), golden.next().unwrap()).unwrap();
    let ciphertext = golden.next().unwrap();
    let before = checkpoint_seed(directory.path(), &old_master(), LOG).unwrap();
    let wrong = open(directory.path(), &new_master()).unwrap_err();
    assert!(matches!(wrong, KeystoreError::WrongMasterKey(_)), "{wrong}");
    for _ in 0..2 {
        let keystore = open(directory.path(), &old_master()).unwrap();
        assert_eq!(keystore.epoch(), 2);
        let secret =
            keystore.sealer().unseal(KEY, SecretId::from_bytes([1; 16]), &ciphertext).unwrap();
        assert_eq!(secret.expose(), "secret number 1");
        assert_eq!(keystore.checkpoint_seed(), before);
        let derived = CheckpointKey::derive(&old_master(), LOG);
        assert_eq!(derived.verifier(), CheckpointKey::from_seed(&before, LOG).verifier());
    }
    assert_eq!(names(directory.path()), ["keyring", "keystore"]);
}

#[test]
fn a_keyring_that_was_changed_or_is_gone_is_refused() {
    let (directory, keystore, _) = filled(1);
    drop(keystore);
    let ring = directory.path().join("keyring");
    let good = fs::read(&ring).unwrap();
    assert_eq!(good.len(), 256);
    for at in 0..good.len() {
        let mut changed = good.clone();
        changed[at] ^= 0x10;
        fs::write(&ring, changed).unwrap();
        let error = open(directory.path(), &old_master()).unwrap_err();
        assert!(matches!(error, KeystoreError::Corrupt { .. }), "byte {at}: {error}");
    }
    fs::remove_file(&ring).unwrap();
    let error = open(directory.path(), &old_master()).unwrap_err();
    assert!(error.to_string().contains("keyring is damaged"), "{error}");
    assert!(!ring.exists(), "none is made in its place");
    fs::write(&ring, good).unwrap();
    open(directory.path(), &old_master()).unwrap();
}

#[test]
fn a_copy_that_is_read_while_epochs_go_by_opens() {
    let (_directory, mut keystore, ciphertexts) = filled(50);
    let image = keystore.image();
    let reader = std::thread::spawn(move || {
        (0..20).map(|moment| image.read_at(|| moment).unwrap()).collect::<Vec<_>>()
    });
    while !reader.is_finished() {
        keystore.rotate(&old_master(), &mut || {}).unwrap();
    }
    for (_, image) in reader.join().unwrap() {
        let to = tempfile::tempdir().unwrap();
        fs::write(path_in(to.path()), image.keystore).unwrap();
        fs::write(to.path().join("keyring"), image.keyring).unwrap();
        let keystore = open(to.path(), &old_master()).unwrap();
        assert!((0..50).all(|number| opens(&keystore, number, &ciphertexts)));
    }
}
